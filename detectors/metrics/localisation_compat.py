"""AP@IoU and AR@N as AV-Deepfake1M's evaluation computes them, for comparison with its tables.

What ``src/loc_1d.rs`` does, each point of which ``localisation`` does otherwise:

- single precision throughout;
- an IoU must lie strictly above the threshold;
- the union is the stretch from the first start to the last end;
- AP: each true stretch takes the first free proposal in *file order*, so that proposals must come
  sorted by confidence;
- AP: the area is summed from the highest recall down to that of the best proposal of all; what lies
  to the left of it is not counted, so that a perfect system gets ``1 - 1 / G`` when its best
  proposal is a hit;
- AR: the first N in file order; in a file without proposals nothing is missed, which flatters
  systems that keep silent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]


def ap_at_iou(
    proposals: Sequence[ArrayLike], truth: Sequence[ArrayLike], threshold: float
) -> float:
    """AP@IoU of proposals (P, 3) and true stretches (G, 2) of each file; NaN without the latter."""
    scores, hits, wanted = [np.zeros(0, np.float32)], [np.zeros(0, bool)], 0
    for rows, stretches in zip(map(_rows, proposals), map(_stretches, truth), strict=True):
        scores.append(rows[:, 0])
        hits.append(_hits(_iou(rows, stretches) > np.float32(threshold)))
        wanted += len(stretches)
    if not wanted:
        return float("nan")
    order = np.argsort(-np.concatenate(scores), kind="stable")
    caught = np.cumsum(np.concatenate(hits)[order], dtype=np.float32)
    precision = caught / np.arange(1, len(caught) + 1, dtype=np.float32)
    recall = np.concatenate((np.ones(1, np.float32), (caught / np.float32(wanted))[::-1]))
    envelope = np.maximum.accumulate(np.concatenate((np.zeros(1, np.float32), precision[::-1])))
    return float((np.abs(np.diff(recall)) * envelope[:-1]).sum(dtype=np.float32))


def ar_at_n(
    proposals: Sequence[ArrayLike],
    truth: Sequence[ArrayLike],
    count: int,
    thresholds: Sequence[float],
) -> float:
    """AR@N, averaged over IoU thresholds; recall is 0 where no true stretch was looked for."""
    best = [np.zeros(0, np.float32)]
    for rows, stretches in zip(map(_rows, proposals), map(_stretches, truth), strict=True):
        if len(rows) and len(stretches):
            best.append(_iou(rows[:count], stretches).max(0))
    overlaps = np.concatenate(best)
    if not len(overlaps):
        return 0.0
    limits = np.asarray(thresholds, np.float32)[:, None]
    recall = (overlaps > limits).sum(1).astype(np.float32) / np.float32(len(overlaps))
    return float(recall.mean(dtype=np.float32))


def _hits(above: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which proposals (P,) are hits, from which (P, G) overlap which true stretch enough."""
    taken = np.zeros(len(above), bool)
    for column in above.T:
        free = np.flatnonzero(column & ~taken)
        taken[free[:1]] = True
    return taken


def _iou(rows: Floats, stretches: Floats) -> Floats:
    """Overlap over outer extent (P, G); NaN, which is above nothing, for two equal instants."""
    start, end = rows[:, 1:2], rows[:, 2:3]
    inner = np.minimum(end, stretches[:, 1]) - np.maximum(start, stretches[:, 0])
    outer = np.maximum(end, stretches[:, 1]) - np.minimum(start, stretches[:, 0])
    with np.errstate(invalid="ignore"):
        return np.asarray(np.maximum(inner, np.float32(0)) / outer)


def _rows(proposals: ArrayLike) -> Floats:
    return np.asarray(proposals, np.float32).reshape(-1, 3)


def _stretches(truth: ArrayLike) -> Floats:
    return np.asarray(truth, np.float32).reshape(-1, 2)
