"""Equal error rates, one function a convention. They differ in the last digits, so each is named.

Everywhere: scores (N,), higher = synthetic; labels (N,), true = synthetic. FRR is the share of real
files rejected (called synthetic), FAR the share of synthetic files accepted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.metrics.polarity import Doubles
from detectors.metrics.ranked import Curve, Ranked


@dataclass(frozen=True, slots=True)
class EqualError:
    """An equal error rate, 0..1, and the errors at its point.

    Files whose score reaches ``threshold`` are called synthetic. Where a convention interpolates,
    no single threshold has these rates, and ``threshold`` is interpolated alike.
    """

    rate: float
    frr: float
    far: float
    threshold: float


def eer_official(scores: ArrayLike, synthetic: ArrayLike) -> EqualError:
    """Mean of FRR and FAR where their gap is smallest, without interpolation.

    ``i = argmin |FRR - FAR|``, ``(FRR_i + FAR_i) / 2``, over the curve ``Ranked.official``. Source:
    ``compute_eer`` of the ASVspoof 2019, 2021 and 5 evaluation packages.
    """
    return official_of(Ranked.of(scores, synthetic))


def official_of(ranked: Ranked) -> EqualError:
    """As ``eer_official``, of sorted scores."""
    curve = ranked.official
    at = int(np.abs(curve.frr - curve.far).argmin())
    frr, far = float(curve.frr[at]), float(curve.far[at])
    return EqualError((frr + far) / 2, frr, far, float(curve.thresholds[at]))


def eer_interpolated(scores: ArrayLike, synthetic: ArrayLike) -> EqualError:
    """Where straight lines between the points of the ROC over distinct thresholds have FRR = FAR.

    The root of ``1 - x - tpr(x)`` with ``tpr`` linear between points, which others find by
    ``brentq`` over ``interp1d``. Ties are called together, so they lie on a slanted line.
    """
    return interpolated_of(Ranked.of(scores, synthetic))


def interpolated_of(ranked: Ranked) -> EqualError:
    """As ``eer_interpolated``, of sorted scores."""
    curve = ranked.roc
    after = int(np.argmax(curve.frr >= curve.far))  # never 0: there FRR is 0 and FAR 1
    return _crossing(curve, after - 1, after)


def eer_rocch(scores: ArrayLike, synthetic: ArrayLike) -> EqualError:
    """Equal error rate of the convex hull of the ROC.

    The hull is what an ideal monotone calibration of the scores, choosing between two thresholds by
    lot, can reach (Brummer and de Villiers, "The BOSARIS Toolkit", 2013); never above
    ``eer_interpolated``.
    """
    return rocch_of(Ranked.of(scores, synthetic))


def rocch_of(ranked: Ranked) -> EqualError:
    """As ``eer_rocch``, of sorted scores.

    Only the edge of the hull that crosses FRR = FAR is looked for: the point furthest below a chord
    takes the place of the end on its side of the diagonal, until nothing lies below.
    """
    curve = ranked.roc
    alarms, caught = ranked.counts  # whole numbers: no point is below by rounding
    missed = ranked.fakes - caught
    first, last = 0, len(alarms) - 1
    while True:
        run, rise = alarms[last] - alarms[first], missed[last] - missed[first]
        below = (alarms - alarms[first]) * rise - (missed - missed[first]) * run
        furthest = int(below.argmax())
        if below[furthest] <= 0:
            return _crossing(curve, first, last)
        if curve.frr[furthest] < curve.far[furthest]:
            first = furthest
        else:
            last = furthest


def eer_deepfakebench(scores: ArrayLike, synthetic: ArrayLike) -> EqualError:
    """DeepfakeBench's number: the false positive rate alone where the gap is smallest.

    ``fpr[nanargmin |fnr - fpr|]`` on scikit-learn's ``roc_curve`` with synthetic as positive and
    ``drop_intermediate=True``, which leaves out points inside straight stretches, so that the gap
    is looked for among corners only. Source: ``training/metrics/utils.py`` of DeepfakeBench.
    """
    return deepfakebench_of(Ranked.of(scores, synthetic))


def deepfakebench_of(ranked: Ranked) -> EqualError:
    """As ``eer_deepfakebench``, of sorted scores."""
    alarms, caught = (counts[1:] for counts in ranked.counts)
    corner = np.ones(len(alarms), bool)
    if len(alarms) > 2:
        corner[1:-1] = (np.diff(alarms, 2) != 0) | (np.diff(caught, 2) != 0)
    kept = np.concatenate(([0], np.flatnonzero(corner) + 1))
    frr, far = ranked.roc.frr[kept], 1 - ranked.counts[1][kept] / ranked.fakes
    at = int(np.abs(far - frr).argmin())
    threshold = float(ranked.roc.thresholds[kept[at]])
    return EqualError(float(frr[at]), float(frr[at]), float(far[at]), threshold)


def _crossing(curve: Curve, first: int, last: int) -> EqualError:
    """Where the straight line between two points of a curve has FRR = FAR."""
    gap_first, gap_last = (curve.far[at] - curve.frr[at] for at in (first, last))
    share = gap_first / (gap_first - gap_last)
    rate = float(_between(curve.frr, first, last, share))
    ends = curve.thresholds[[first, last]]
    threshold = ends[1] if np.isinf(ends[0]) else _between(curve.thresholds, first, last, share)
    return EqualError(rate, rate, rate, float(threshold))


def _between(values: Doubles, first: int, last: int, share: float) -> np.float64:
    return np.float64(values[first] + share * (values[last] - values[first]))
