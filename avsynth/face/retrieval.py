"""Which reference mouth to take for each frame: near in shape and pose, and not changing its mind.

The choice over a stretch of frames is the cheapest path (Viterbi) through all candidates, where a
change of picture costs; at each change the pictures are mixed over a few frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SHAPE_STEP = 0.012  # eye distances of lip difference (rms) that cost 1
_POSE_STEP = 5.0  # degrees of yaw and pitch that cost 1
_TEAR_STEP = 0.25  # log ratio by which closed lips are torn open that costs 1
_CLOSED = 0.02  # eye distances between lips that count as closed
_RING = 20  # lip points are the outer ring, then the inner one (see ``lower_face``)
_BLUR_ALLOWED, _BLUR_STEP = 0.1, 0.25  # log sharpness below the median: free, and costing 1
_CHANGE = 1.2  # what a change of picture costs
_MIX = np.array([0.15, 0.7, 0.15])  # shares across a change


def costs(lips: Floats, angles: Floats, reference_lips: Floats, reference_angles: Floats) -> Floats:
    """How badly each reference fits each frame, (T, R).

    Args:
        lips: (T, 40, 3), wanted ``lower_face.LIPS`` in the pose-free space, eye distances.
        angles: (T, 3), head yaw, pitch, roll in degrees.
        reference_lips: (R, 40, 3).
        reference_angles: (R, 3).
    """
    a = lips.reshape(len(lips), -1)
    b = reference_lips.reshape(len(reference_lips), -1)
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2.0 * a @ b.T
    rms = np.sqrt(np.maximum(squares, 0.0) / lips.shape[1])
    turned = np.hypot(
        angles[:, None, 0] - reference_angles[None, :, 0],
        angles[:, None, 1] - reference_angles[None, :, 1],
    )
    wide = np.log(_openings(lips) + _CLOSED)[:, None]
    have = np.log(_openings(reference_lips) + _CLOSED)[None]
    torn = np.maximum(wide - have, 0.0)
    return np.asarray(rms / _SHAPE_STEP + turned / _POSE_STEP + torn / _TEAR_STEP)


def own_costs(lips: Floats, own: Floats) -> Floats:
    """How badly each frame's own mouth ``own`` (T, 40, 3) fits what is wanted of it, (T,)."""
    rms = np.sqrt(((lips - own) ** 2).sum(axis=-1).mean(axis=-1))
    torn = np.log((_openings(lips) + _CLOSED) / (_openings(own) + _CLOSED))
    return np.asarray(rms / _SHAPE_STEP + np.maximum(torn, 0.0) / _TEAR_STEP)


def blur_costs(sharpness: Floats) -> Floats:
    """What taking a picture less sharp than most costs, (R,); ``sharpness`` as ``Mouth`` has it."""
    behind = np.median(sharpness) - _BLUR_ALLOWED - sharpness
    return np.asarray(np.maximum(behind, 0.0) / _BLUR_STEP)


def _openings(lips: Floats) -> Floats:
    """Mean distance of the inner lips, (T,), eye distances."""
    lower, upper = lips[:, _RING + 3 : _RING + 8], lips[:, -3 : _RING + 12 : -1]
    return np.asarray(np.linalg.norm(lower - upper, axis=-1).mean(axis=-1))


def cheapest_path(cost: Floats) -> NDArray[np.intp]:
    """The reference of each frame, (T,), minimising cost (T, R) plus that of changes."""
    frames, _ = cost.shape
    came_from = np.zeros(cost.shape, dtype=np.intp)
    total = cost[0].copy()
    stay = np.arange(cost.shape[1])
    for t in range(1, frames):
        best = int(total.argmin())
        change = total[best] + _CHANGE < total
        came_from[t] = np.where(change, best, stay)
        total = np.where(change, total[best] + _CHANGE, total) + cost[t]
    path = np.empty(frames, dtype=np.intp)
    path[-1] = total.argmin()
    for t in range(frames - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return path


def shares(path: NDArray[np.intp]) -> list[list[tuple[int, float]]]:
    """For each frame the references to mix and their shares, which add up to 1."""
    before = np.concatenate([path[:1], path[:-1]])
    after = np.concatenate([path[1:], path[-1:]])
    mixed = []
    for around in np.stack([before, path, after], axis=1):
        found: dict[int, float] = {}
        for reference, share in zip(around, _MIX, strict=True):
            found[int(reference)] = found.get(int(reference), 0.0) + float(share)
        mixed.append(list(found.items()))
    return mixed
