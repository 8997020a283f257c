"""Do probabilities come true: reliability bins and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.metrics.polarity import to_probability
from detectors.metrics.ranked import Ranked


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The files whose probability lies in [``low``, ``high``), the last bin with its end.

    ``predicted`` is their mean probability and ``observed`` the share of them that is synthetic,
    both with the classes weighted to the prior; ``weight`` is the bin's share of all, ``files``
    their plain number.
    """

    low: float
    high: float
    files: int
    weight: float
    predicted: float
    observed: float


def reliability(
    scores: ArrayLike, synthetic: ArrayLike, prior: float | None = 0.5, bins: int = 15
) -> tuple[ReliabilityBin, ...]:
    """Bins of equal width over the probability of being synthetic, those without files left out.

    Log-likelihood ratios (N,) become probabilities for ``prior``, the share of synthetic files, and
    each class is weighted to have that share, so that the figure does not hang on how many fakes
    the test set holds. ``prior=None`` takes the set's own share: then nothing is weighted, as in
    Guo et al., "On Calibration of Modern Neural Networks" (2017). ValueError as ``Ranked.of``.
    """
    ranked = Ranked.of(scores, synthetic)
    labels = ranked.synthetic
    share = float(labels.mean()) if prior is None else prior
    probability = to_probability(ranked.scores, share)
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    weights = np.where(labels, share / labels.sum(), (1 - share) / (~labels).sum())
    files = np.bincount(place, minlength=bins)
    weight, predicted, observed = (
        np.bincount(place, weights * of, bins) for of in (1.0, probability, labels)
    )
    return tuple(
        ReliabilityBin(
            i / bins, (i + 1) / bins, int(files[i]), float(weight[i]),
            float(predicted[i] / weight[i]), float(observed[i] / weight[i]),
        )
        for i in np.flatnonzero(files).tolist()
    )  # fmt: skip


def ece(
    scores: ArrayLike, synthetic: ArrayLike, prior: float | None = 0.5, bins: int = 15
) -> float:
    """Expected calibration error: ``sum over bins of weight |predicted - observed|``, 0..1.

    See ``reliability`` for bins and ``prior``.
    """
    return sum(
        each.weight * abs(each.predicted - each.observed)
        for each in reliability(scores, synthetic, prior, bins)
    )
