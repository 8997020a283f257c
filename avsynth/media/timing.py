"""Decoding times for encoded pictures that come in segments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ticks = NDArray[np.int64]


def reorder_depth(pts: Ticks) -> int:
    """How many pictures a decoder must hold back, for presentation times in decoding order."""
    if len(pts) == 0:
        return 0
    rank = np.empty(len(pts), np.int64)
    rank[np.argsort(pts, kind="stable")] = np.arange(len(pts))
    return int(max(0, np.max(np.arange(len(pts)) - rank)))


def decoding_times(pts: Ticks, depth: int, before: Ticks, step: int) -> Ticks:
    """Strictly increasing decoding times, none after its presentation time.

    They are the sorted presentation times delayed by ``depth`` pictures.

    Args:
        pts: Presentation times in decoding order; all later than those of earlier segments.
        depth: At least ``reorder_depth`` of every segment.
        before: The last presentation times, sorted, of what came before (all of them if fewer
            than ``depth``; empty at the very start).
        step: Ticks between the invented times before the first picture.
    """
    known = np.concatenate([before[len(before) - min(depth, len(before)) :], np.sort(pts)])
    missing = depth - min(depth, len(before))
    invented = known[0] - step * np.arange(missing, 0, -1) if missing else known[:0]
    return np.concatenate([invented, known])[: len(pts)]
