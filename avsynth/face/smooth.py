"""Landmarks without jitter and without lag.

Every filter is centred, so nothing comes late. The head's place, turn and size are smoothed apart
from the shape of the face: a head may be held still firmly while lips must stay quick. Where the
filtered part differs from the measured one by more than noise can explain, there is motion, and
the measured one is taken.

The result for a frame depends on the ``CONTEXT`` frames before and after it and on nothing else,
so a segment that is read with that much context gives the same numbers as the whole file.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.face import mesh
from avsynth.face.alignment import _TEMPLATE as GENERIC_TEMPLATE

Floats = NDArray[np.float64]


def _gauss(sigma: float, radius: int) -> Floats:
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return np.asarray(taps / taps.sum())


_STRONG: Final = _gauss(2.0, 5)
_LIGHT: Final = _gauss(0.8, 2)
_AGREE: Final = _gauss(1.0, 2)  # how the disagreement itself is averaged over time

#: Frames before and after a range that ``smooth`` must see for the range to come out final.
CONTEXT: Final = 7  # the strong filter's radius and the averaging's

# Difference of filtered and measured, in eye distances, at which they count alike. For the head it
# was chosen against optical flow on six clips: error of the frame-to-frame motion of the
# upper face, raw / smoothed, 0.24 / 0.12 % of the eye distance in the stillest clip and 0.71 / 0.69
# in the liveliest; 0.010 would have cost the latter 0.91.
_NOISE_HEAD: Final = 0.003
_NOISE_LIPS: Final = 0.004


def smooth(points: ArrayLike, frames: ArrayLike) -> NDArray[np.float32]:
    """Smooth one track: ``points`` (n, P, 3) pixels, ``frames`` (n,) rising indices.

    P is the full mesh or ``mesh.STORED``. Returns (n, P, 3) float32. Frames that are missing
    in between are not made up, and nothing is smoothed across a gap of ``CONTEXT`` or more.
    """
    array = np.asarray(points, dtype=np.float64)
    index = np.asarray(frames, dtype=np.int64)
    if len(array) < 3:
        return array.astype(np.float32)
    window = _Window(index)
    heads = _heads(array)
    eyes = np.hypot(heads[:, 0], heads[:, 1])  # pixels an eye distance
    shapes = _to_head(array, heads)
    heads = window.adaptive(heads, eyes, _STRONG, _NOISE_HEAD)
    lips = mesh.rows(mesh.LIPS_OUTER + mesh.LIPS_INNER, array.shape[1])
    rest = np.setdiff1d(np.arange(array.shape[1]), lips)
    one = np.ones(len(array))  # shapes are in eye distances already
    shapes[:, rest] = window.adaptive(shapes[:, rest], one, _STRONG, _NOISE_HEAD)
    shapes[:, lips] = window.adaptive(shapes[:, lips], one, _LIGHT, _NOISE_LIPS)
    return _from_head(shapes, heads).astype(np.float32)


class _Window:
    """Filters along the frames of one track, missing frames left out."""

    def __init__(self, index: NDArray[np.int64]) -> None:
        self._index = index

    def filter(self, values: Floats, taps: Floats) -> Floats:
        """Weighted mean of ``values`` (n, ...) over neighbouring frames.

        A neighbour counts only where its mirror image is there too: with one side alone the mean
        would lag behind, or run ahead of, a moving face at the ends of its track.
        """
        radius = len(taps) // 2
        total = values * taps[radius]
        weight = np.full(len(values), taps[radius])
        for k in range(1, radius + 1):
            after, has_after = self._shifted(k)
            before, has_before = self._shifted(-k)
            both = np.flatnonzero(has_after & has_before)
            total[both] += taps[radius + k] * (values[after[both]] + values[before[both]])
            weight[both] += 2 * taps[radius + k]
        return np.asarray(total / weight.reshape(-1, *(1,) * (values.ndim - 1)))

    def adaptive(self, values: Floats, unit: Floats, taps: Floats, noise: float) -> Floats:
        """``values`` (n, ...) filtered where they stand still, as they are where they move.

        ``unit`` (n,): the number that is one eye distance, in which ``noise`` is told.
        """
        firm = self.filter(values, taps)
        axes = tuple(range(1, values.ndim))
        disagreement = self.filter(((firm - values) ** 2).mean(axis=axes) / unit**2, _AGREE)
        motion = disagreement / (disagreement + noise**2)
        return np.asarray(firm + motion.reshape(-1, *(1,) * len(axes)) * (values - firm))

    def _shifted(self, k: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Rows of the frames ``k`` later, and whether they are there."""
        rows = np.minimum(np.searchsorted(self._index, self._index + k), len(self._index) - 1)
        return rows, self._index[rows] == self._index + k


def _heads(points: Floats) -> Floats:
    """Similarity of each frame's rigid points to the generic head's, (n, 4).

    Columns a, b, x, y: a head point (u, v) lies at (a u - b v + x, b u + a v + y) in the picture.
    """
    base = GENERIC_TEMPLATE[:, :2] - GENERIC_TEMPLATE[:, :2].mean(axis=0)
    rigid = points[:, mesh.rows(mesh.RIGID, points.shape[1]), :2]
    middle = rigid.mean(axis=1)
    centred = rigid - middle[:, None]
    size = (base**2).sum()
    a = (centred * base).sum(axis=(1, 2)) / size
    b = (centred[..., 1] * base[:, 0] - centred[..., 0] * base[:, 1]).sum(axis=1) / size
    return np.column_stack([a, b, middle])


def _to_head(points: Floats, heads: Floats) -> Floats:
    """Picture points (n, P, 3) in the head's own frame, in eye distances."""
    a, b, x, y = (column[:, None] for column in heads.T)
    u, v = points[..., 0] - x, points[..., 1] - y
    size = a**2 + b**2
    flat = (a * u + b * v) / size, (a * v - b * u) / size
    return np.stack([*flat, points[..., 2] / np.sqrt(size)], axis=-1)


def _from_head(shapes: Floats, heads: Floats) -> Floats:
    """Inverse of ``_to_head``."""
    a, b, x, y = (column[:, None] for column in heads.T)
    u, v, z = shapes[..., 0], shapes[..., 1], shapes[..., 2]
    flat = a * u - b * v + x, b * u + a * v + y
    return np.stack([*flat, z * np.hypot(a, b)], axis=-1)
