"""Piecewise-affine warping over a fixed triangulation: the classical way to move a face's pixels.

The triangles are chosen once. For every picture they are
drawn at the *wanted* point positions (one small index image); from it come, by one table look-up,
the sampling maps of any number of source pictures and any weights given at the vertices, all
interpolated linearly inside each triangle.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class Raster:
    """Triangles drawn at the wanted positions: ``index`` is int16 (h, w), -1 outside all of them."""

    index: NDArray[np.int16]
    inverse: Floats  # (T, 3, 3): pixel (x, y, 1) -> barycentric coordinates


class Triangulation:
    """Triangles, int (T, 3), over vertices that move."""

    def __init__(self, triangles: NDArray[np.int32]) -> None:
        self.triangles = triangles

    def raster(self, points: NDArray[np.floating], width: int, height: int) -> Raster:
        """Draw the triangles at ``points`` (N, 2), in pixels whose centres are whole numbers."""
        corners = np.asarray(points, dtype=np.float64)[self.triangles]  # (T, 3, 2)
        index = np.full((height, width), -1, dtype=np.int16)
        fixed = np.round(corners * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        for number, triangle in enumerate(fixed):
            cv2.fillConvexPoly(index, triangle, number, cv2.LINE_8, _SUBPIXEL_BITS)
        return Raster(index, _barycentric(corners))

    def sampling_map(self, raster: Raster, source: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Where each pixel of the raster comes from in a picture with points ``source`` (N, 2).

        Returns:
            float32 maps (h, w) of x and y for ``cv2.remap``; -1 outside the triangles.
        """
        corners = np.asarray(source, dtype=np.float32)[self.triangles]  # (T, 3, 2)
        affine = np.einsum("tki,tkj->tij", corners, raster.inverse)  # (T, 2, 3)
        fields = _interpolate(raster.index, affine)
        return fields[0], fields[1]

    def weights(self, raster: Raster, values: NDArray[np.floating]) -> Floats:
        """Vertex ``values`` (N, C) interpolated over the raster: float32 (C, h, w), 0 outside."""
        corners = np.asarray(values, dtype=np.float32)[self.triangles]  # (T, 3, C)
        affine = np.einsum("tkc,tkj->tcj", corners, raster.inverse)
        return np.clip(_interpolate(raster.index, affine, outside=0.0), 0.0, 1.0)


def _barycentric(corners: NDArray[np.float64]) -> Floats:
    """Matrices (T, 3, 3) that take (x, y, 1) to barycentric coordinates; flat triangles get zeros."""
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


def _interpolate(index: NDArray[np.int16], affine: Floats, outside: float = -1.0) -> Floats:
    """Evaluate an affine function per triangle, ``affine`` (T, C, 3), on the index image."""
    height, width = index.shape
    channels = affine.shape[1]
    table = np.zeros((len(affine) + 1, channels * 3), dtype=np.float32)  # the last row: outside
    table[:-1] = affine.reshape(len(affine), -1)
    table[-1, 2::3] = outside
    coefficients = np.take(table, index.ravel(), axis=0, mode="wrap")
    coefficients = coefficients.reshape(height, width, channels, 3)
    x = np.arange(width, dtype=np.float32)[None, :, None]
    y = np.arange(height, dtype=np.float32)[:, None, None]
    field = coefficients[..., 0] * x + coefficients[..., 1] * y + coefficients[..., 2]
    return np.ascontiguousarray(np.moveaxis(field, 2, 0))
