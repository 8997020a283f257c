"""Which stretches of a file are synthetic: AP@IoU and AR@N over proposed stretches.

Of every file: proposals (P, 3), columns score, start, end; and truth (G, 2), columns start, end, in
the same unit. ``official_compat=True`` gives the figures of AV-Deepfake1M's evaluation
(``src/loc_1d.rs``), quirks included; see ``localisation_compat``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from detectors.metrics import localisation_compat
from detectors.metrics.polarity import Booleans, Doubles

#: IoUs of AP and, averaged over, of AR in AV-Deepfake1M.
AP_IOUS = (0.5, 0.75, 0.9, 0.95)
AR_IOUS = tuple(float(each) for each in np.arange(10) * 0.05 + 0.5)
AR_COUNTS = (50, 30, 20, 10, 5)


def iou(proposals: ArrayLike, truth: ArrayLike) -> Doubles:
    """Overlap over union of stretches (P, 2) and (G, 2): (P, G), 0..1; 0 where the union is empty.

    ValueError for a stretch that ends before it starts.
    """
    first = np.asarray(proposals, np.float64).reshape(-1, 2)[:, None]
    second = np.asarray(truth, np.float64).reshape(-1, 2)[None]
    lengths = first[..., 1] - first[..., 0], second[..., 1] - second[..., 0]
    if any((length < 0).any() for length in lengths):
        raise ValueError("a stretch ends before it starts")
    starts = np.maximum(first[..., 0], second[..., 0])
    shared = np.maximum(np.minimum(first[..., 1], second[..., 1]) - starts, 0)
    union = lengths[0] + lengths[1] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def ap_at_iou(
    proposals: Sequence[ArrayLike],
    truth: Sequence[ArrayLike],
    threshold: float,
    official_compat: bool = False,
) -> float:
    """Average precision of proposals, all files together; NaN without any true stretch.

    Best proposal first, each takes the free true stretch of its file that it overlaps most, if
    their IoU is at least ``threshold``; otherwise it is a false alarm. Area under precision over
    recall, the precision at a recall being the best at that recall or above (as PASCAL VOC 2010 and
    ActivityNet). ValueError when there are not as many proposals as truths.
    """
    _check(proposals, truth)
    if official_compat:
        return localisation_compat.ap_at_iou(proposals, truth, threshold)
    marks = [_matched(p, t, threshold) for p, t in zip(proposals, truth, strict=True)]
    scores = np.concatenate([_sorted(p)[:, 0] for p in proposals]) if proposals else np.zeros(0)
    wanted = sum(len(np.asarray(t).reshape(-1, 2)) for t in truth)
    if not wanted:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = np.concatenate([*marks, np.zeros(0, bool)])[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hits].sum() / wanted)


def ar_at_n(
    proposals: Sequence[ArrayLike],
    truth: Sequence[ArrayLike],
    count: int,
    thresholds: Sequence[float] = AR_IOUS,
    official_compat: bool = False,
) -> float:
    """Average recall with the ``count`` best proposals of each file; NaN without a true stretch.

    The share of true stretches that one of them overlaps by at least a threshold, averaged over
    ``thresholds``. ValueError as ``ap_at_iou``.
    """
    _check(proposals, truth)
    if official_compat:
        return localisation_compat.ar_at_n(proposals, truth, count, thresholds)
    best = [
        iou(_sorted(p)[:count, 1:], t).max(0, initial=0.0)
        for p, t in zip(proposals, truth, strict=True)
    ]
    overlaps = np.concatenate([*best, np.zeros(0)])
    if not len(overlaps):
        return float("nan")
    return float(np.mean([(overlaps >= threshold).mean() for threshold in thresholds]))


def _matched(proposals: ArrayLike, truth: ArrayLike, threshold: float) -> Booleans:
    """Which proposals (P,) of one file, best first, are hits."""
    ordered = _sorted(proposals)
    overlaps = iou(ordered[:, 1:], truth)
    hits = np.zeros(len(ordered), bool)
    for place, row in enumerate(overlaps):
        if row.size and row.max() >= threshold:
            hits[place] = True
            overlaps[:, row.argmax()] = -1.0  # taken
    return hits


def _sorted(proposals: ArrayLike) -> Doubles:
    """Proposals (P, 3), best first."""
    rows = np.asarray(proposals, np.float64).reshape(-1, 3)
    return rows[np.argsort(-rows[:, 0], kind="stable")]


def _check(proposals: Sequence[ArrayLike], truth: Sequence[ArrayLike]) -> None:
    if len(proposals) != len(truth):
        raise ValueError(f"proposals of {len(proposals)} files, truth of {len(truth)}")
