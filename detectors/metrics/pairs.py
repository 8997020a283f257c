"""Statements inside a source: a fake against what it was made from, and AUC source by source.

Pooled figures of public collections are often won by the source alone (a microphone, a codec, a
studio). Within a source, that is of no help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.metrics import bootstrap
from detectors.metrics.bootstrap import ConfidenceInterval
from detectors.metrics.ranking import auc


@dataclass(frozen=True, slots=True)
class PairShare:
    """How many fakes score above their own original. Ties are no wins.

    ``interval`` is by drawing originals anew, with all fakes made from them; None with fewer than
    two originals.
    """

    pairs: int
    above: int
    ties: int
    originals: int
    interval: ConfidenceInterval | None

    @property
    def share(self) -> float:
        """``above / pairs``."""
        return self.above / self.pairs


def share_above_original(
    fakes: ArrayLike, originals: ArrayLike, names: Sequence[str], draws: int = 1000, seed: int = 0
) -> PairShare:
    """Scores of fakes (P,) against those of their own originals (P,), whose ``names`` (P,) tell
    which fakes share one. ValueError without a pair.
    """
    first, second = np.asarray(fakes, np.float64), np.asarray(originals, np.float64)
    if not len(first):
        raise ValueError("no fake with its original")
    won = first > second
    labels = np.asarray(names)
    groups = [won[labels == name] for name in np.unique(labels)]
    interval = bootstrap.of_means(groups, draws, seed) if draws and len(groups) > 1 else None
    ties = int((first == second).sum())
    return PairShare(len(won), int(won.sum()), ties, len(groups), interval)


@dataclass(frozen=True, slots=True)
class MacroAuc:
    """Mean of the AUCs within sources that hold both classes; ``left_out`` sources hold one.

    ``interval`` is by drawing sources anew; None with fewer than two.
    """

    value: float
    sources: int
    left_out: int
    interval: ConfidenceInterval | None


def same_source_auc(
    scores: ArrayLike,
    synthetic: ArrayLike,
    sources: Sequence[str],
    draws: int = 1000,
    seed: int = 0,
) -> MacroAuc:
    """Same-source macro AUC of scores (N,), higher = synthetic, labels (N,) and ``sources`` (N,).

    Every source counts the same, whatever its size. ValueError when no source has both classes.
    """
    values, labels = np.asarray(scores, np.float64), np.asarray(synthetic, bool)
    order = np.argsort(np.asarray(sources), kind="stable")
    named = np.asarray(sources)[order]
    parts = np.split(order, np.flatnonzero(named[1:] != named[:-1]) + 1)
    within = [auc(values[at], labels[at]) for at in parts if 0 < labels[at].sum() < len(at)]
    if not within:
        raise ValueError("no source holds a real and a synthetic file")
    interval = bootstrap.of_means(within, draws, seed) if draws and len(within) > 1 else None
    return MacroAuc(float(np.mean(within)), len(within), len(parts) - len(within), interval)
