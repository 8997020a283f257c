"""Operating points: thresholds that keep false alarms at a rate, and what they catch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.metrics.ranked import Ranked

#: The rates that are stated where the data allow.
RATES = (0.01, 0.001)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold from which on files are called synthetic, and what it does to one test set.

    ``allowed`` is the share of real files that may be called synthetic; ``alarms`` of ``reals``
    were, ``caught`` of ``fakes`` rightly so. ``fpr_interval`` is the exact 95 % interval of the
    rate of false alarms, had the threshold been fixed beforehand.
    """

    allowed: float
    threshold: float
    alarms: int
    reals: int
    caught: int
    fakes: int
    fpr_interval: tuple[float, float]

    @property
    def fpr(self) -> float:
        """Share of real files called synthetic."""
        return self.alarms / self.reals

    @property
    def tpr(self) -> float:
        """Share of synthetic files called so."""
        return self.caught / self.fakes


def enough_for(rate: float, reals: int) -> bool:
    """Whether ``reals`` real files can show a false-positive rate: at least one may be an alarm."""
    return math.floor(rate * reals + 1e-9) >= 1


def threshold_at_fpr(reals: ArrayLike, rate: float) -> float:
    """The lowest threshold at which at most ``rate`` of the real scores (R,) reach it.

    ValueError where fewer than ``1 / rate`` real files leave such a rate unknown.
    """
    values = np.sort(np.asarray(reals, np.float64))[::-1]
    if not enough_for(rate, len(values)):
        raise ValueError(f"{len(values)} real files cannot show a rate of {rate:g}")
    return float(np.nextafter(values[math.floor(rate * len(values) + 1e-9)], np.inf))


def operating_point(
    scores: ArrayLike, synthetic: ArrayLike, rate: float, threshold: float | None = None
) -> OperatingPoint:
    """What a threshold does to scores (N,), higher = synthetic, with labels (N,).

    Without ``threshold`` it is chosen on these very files (``threshold_at_fpr``; ValueError where
    they are too few), which flatters; one chosen on other files (dev) is the honest kind.
    """
    values, labels = np.asarray(scores, np.float64), np.asarray(synthetic, bool)
    at = threshold_at_fpr(values[~labels], rate) if threshold is None else threshold
    called = values >= at
    alarms, reals = int((called & ~labels).sum()), int((~labels).sum())
    caught, fakes = int((called & labels).sum()), int(labels.sum())
    return OperatingPoint(rate, at, alarms, reals, caught, fakes, binomial_interval(alarms, reals))


def tpr_at_fpr_of(ranked: Ranked, rate: float) -> float:
    """Share of synthetic files above ``threshold_at_fpr`` of the same set, of sorted scores."""
    reals = ranked.scores[~ranked.synthetic]
    limit = reals[math.floor(rate * len(reals) + 1e-9)]
    return float(np.count_nonzero(ranked.scores[ranked.synthetic] > limit)) / ranked.fakes


def binomial_interval(hits: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Exact (Clopper-Pearson) interval of a share that was seen as ``hits`` in ``of``."""
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(hits, of - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, of - hits, 1 - tail)) if hits < of else 1.0
    return low, high
