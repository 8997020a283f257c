"""How well scores put synthetic files above real ones: AUC and average precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from detectors.metrics.ranked import Ranked


def auc(scores: ArrayLike, synthetic: ArrayLike) -> float:
    """Area under the ROC curve: chance that a synthetic file scores above a real one, ties half.

    ``P(s > r) + P(s = r) / 2`` over all pairs of a synthetic and a real file (Mann-Whitney U over
    the number of pairs). Scores (N,), higher = synthetic; labels (N,), true = synthetic.
    """
    return auc_of(Ranked.of(scores, synthetic))


def auc_of(ranked: Ranked) -> float:
    """As ``auc``, of sorted scores."""
    alarms, caught = ranked.counts
    pairs = np.dot(np.diff(alarms), caught[1:] + caught[:-1])  # trapezoids: ties count half
    return float(pairs) / (2 * ranked.fakes * ranked.reals)


def average_precision(scores: ArrayLike, synthetic: ArrayLike) -> float:
    """Average precision of the synthetic class: ``sum (R_n - R_(n-1)) P_n`` over thresholds.

    Without interpolation, as scikit-learn's ``average_precision_score``. Depends on the share of
    synthetic files (a chance detector gets that share), so it is told beside it.
    """
    return average_precision_of(Ranked.of(scores, synthetic))


def average_precision_of(ranked: Ranked) -> float:
    """As ``average_precision``, of sorted scores."""
    alarms, caught = ranked.counts
    precision = caught[1:] / (alarms[1:] + caught[1:])
    return float(np.dot(np.diff(caught), precision)) / ranked.fakes
