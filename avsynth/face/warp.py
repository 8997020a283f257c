"""Piecewise-affine warping over a fixed triangulation: the classical way to move a face's pixels.

The triangles are chosen once. For every picture they are
drawn at the *wanted* point positions (one small index image); from it come, by one table look-up,
the sampling maps of any number of source pictures and any weights given at the vertices, all
interpolated linearly inside each triangle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_SUBPIXEL_BITS = 4
_SLIVER = 1.5  # pixels of height below which a triangle counts as a sliver


@dataclass(frozen=True, slots=True)
class Raster:
    """Triangles drawn at the wanted positions.

    ``index`` is int16 (h, w), the number of the triangle or -1; ``inverse`` (T, 3, 3) takes a
    pixel (x, y, 1) to barycentric coordinates; ``thin`` (T,) marks slivers and folded triangles,
    ``centres`` (T, 2) are the triangles' middles; ``x`` and ``y`` the place of the first pixel.
    """

    index: NDArray[np.int16]
    inverse: Floats
    thin: NDArray[np.bool_]
    centres: Floats
    x: int
    y: int

    def window(self, x0: int, y0: int, x1: int, y1: int) -> Raster:
        """The part of it from (x0, y0) to (x1, y1), half open."""
        return replace(self, index=self.index[y0:y1, x0:x1], x=self.x + x0, y=self.y + y0)


class Triangulation:
    """Triangles, int (T, 3), over vertices that move, clockwise as seen on the screen."""

    def __init__(self, triangles: NDArray[np.int32]) -> None:
        self.triangles = triangles

    def raster(self, points: NDArray[np.floating], width: int, height: int) -> Raster:
        """Draw the triangles at ``points`` (N, 2), in pixels whose centres are whole numbers.

        Slivers, and triangles that a turned head folds over, are drawn below the others.
        """
        corners = np.asarray(points, dtype=np.float64)[self.triangles]  # (T, 3, 2)
        a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        twice_area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        longest = np.sqrt(np.maximum.reduce([(e**2).sum(axis=1) for e in (a, b, b - a)]))
        thin = twice_area < _SLIVER * longest
        index = np.full((height, width), -1, dtype=np.int16)
        fixed = np.round(corners * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        for number in (*np.flatnonzero(thin), *np.flatnonzero(~thin)):
            cv2.fillConvexPoly(index, fixed[number], int(number), cv2.LINE_8, _SUBPIXEL_BITS)
        centres = corners.mean(axis=1).astype(np.float32)
        return Raster(index, _barycentric(corners), thin, centres, 0, 0)

    def sampling_map(
        self, raster: Raster, source: NDArray[np.floating], stride: int = 1
    ) -> tuple[Floats, Floats]:
        """Where each pixel of the raster comes from in a picture with points ``source`` (N, 2).

        Args:
            raster: from ``raster``, or a window of it.
            source: the points in the picture that pixels are taken from.
            stride: work out every n-th pixel only, the rest linearly between them.

        Returns:
            float32 maps (h, w) of x and y for ``cv2.remap``.
        """
        corners = np.asarray(source, dtype=np.float32)[self.triangles]  # (T, 3, 2)
        affine = np.einsum("tki,tkj->tij", corners, raster.inverse)  # (T, 2, 3)
        # A sliver has no direction to stretch in: it only moves.
        moved = corners[raster.thin].mean(axis=1) - raster.centres[raster.thin]
        affine[raster.thin] = np.eye(2, 3, dtype=np.float32)
        affine[raster.thin, :, 2] = moved
        x, y = _interpolate(raster, affine, stride, spread=True)
        return x, y

    def weights(
        self, raster: Raster, values: NDArray[np.floating], stride: int = 1
    ) -> list[Floats]:
        """Vertex ``values`` (N, C) interpolated over the raster: C times (h, w), 0 outside."""
        corners = np.asarray(values, dtype=np.float32)[self.triangles]  # (T, 3, C)
        affine = np.einsum("tkc,tkj->tcj", corners, raster.inverse)
        affine[raster.thin] = 0.0
        affine[raster.thin, :, 2] = corners[raster.thin].mean(axis=1)
        return [np.clip(f, 0.0, 1.0) for f in _interpolate(raster, affine, stride, spread=False)]


def _barycentric(corners: NDArray[np.float64]) -> Floats:
    """Matrices (T, 3, 3) from (x, y, 1) to barycentric coordinates; zeros for flat triangles."""
    x, y = corners[..., 0], corners[..., 1]
    # Row k of the adjugate belongs to corner k: (y_i - y_j, x_j - x_i, x_i y_j - x_j y_i).
    i, j = [1, 2, 0], [2, 0, 1]
    rows = np.stack(
        [y[:, i] - y[:, j], x[:, j] - x[:, i], x[:, i] * y[:, j] - x[:, j] * y[:, i]], axis=-1
    )
    area = rows[:, :, 2].sum(axis=1)  # twice the signed area
    flat = np.abs(area) < 1e-6
    rows /= np.where(flat, 1.0, area)[:, None, None]
    rows[flat] = 0.0
    return rows.astype(np.float32)


def _interpolate(raster: Raster, affine: Floats, stride: int, spread: bool) -> list[Floats]:
    """Evaluate affine functions per triangle, ``affine`` (T, C, 3), on the raster: C times (h, w).

    Outside the triangles the value is 0, or with ``spread`` that of a triangle near by.
    """
    height, width = raster.index.shape
    # One sample in the middle of each block of pixels; the centres of pixels are whole numbers.
    index = raster.index[stride // 2 :: stride, stride // 2 :: stride]
    if spread:
        grown = cv2.dilate(index, np.ones((3, 3), np.uint8))
        index = np.where(index < 0, grown, index)
    rows, columns = index.shape
    table = np.zeros((len(affine) + 1, affine.shape[1] * 3), dtype=np.float32)
    table[:-1] = affine.reshape(len(affine), -1)  # the last row, index -1, is outside
    middle = (stride - 1) / 2
    x = (np.arange(columns, dtype=np.float32) * stride + middle + raster.x)[None, :]
    y = (np.arange(rows, dtype=np.float32) * stride + middle + raster.y)[:, None]
    fields = []
    for channel in range(affine.shape[1]):
        a, b, c = (table[:, 3 * channel + k][index] for k in range(3))
        field = a * x + b * y + c
        if stride > 1:
            full = cv2.resize(field, (columns * stride, rows * stride))
            field = cv2.copyMakeBorder(
                full, 0, max(0, height - full.shape[0]), 0, max(0, width - full.shape[1]),
                cv2.BORDER_REPLICATE,
            )[:height, :width]  # fmt: skip
        fields.append(np.ascontiguousarray(field, dtype=np.float32))
    return fields
