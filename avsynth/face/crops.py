"""Aligned crops of a face: an affine from the picture to a square, and exactly back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.face.alignment import _TEMPLATE as GENERIC_TEMPLATE
from avsynth.face.alignment import align
from avsynth.face.roi import FloatArray, Picture, Roi
from avsynth.media.box import Box

Floats = NDArray[np.float64]

#: Side of the square, and how far its centre lies below the middle of the upper face, in distances
#: of the outer eye corners: from the forehead to below the chin, from ear to ear.
SPAN: Final = 2.4
DROP: Final = 0.35


@dataclass(frozen=True, slots=True)
class CropTransform:
    """The way between a picture and an upright ``size`` px crop of the square ``roi`` in it.

    A similarity: turn, scale, shift. Pixel centres are whole numbers in both.
    """

    roi: Roi
    size: int

    @property
    def matrix(self) -> Floats:
        """The affine (2, 3) that takes picture pixels to crop pixels."""
        turn = np.linalg.inv(self.inverse[:, :2])
        return np.column_stack([turn, -turn @ self.inverse[:, 2]])

    @property
    def inverse(self) -> Floats:
        """The affine (2, 3) that takes crop pixels to picture pixels."""
        return self.roi.to_picture(self.size)

    def to_crop(self, points: ArrayLike) -> Floats:
        """Picture points (..., 2) -> crop points (..., 2)."""
        return _apply(self.matrix, points)

    def to_picture(self, points: ArrayLike) -> Floats:
        """Crop points (..., 2) -> picture points (..., 2)."""
        return _apply(self.inverse, points)

    def bounds(self, width: int, height: int, margin: int = 2) -> Box:
        """The part of a ``width`` x ``height`` picture that the crop shows (empty if none)."""
        x0, y0, x1, y1 = self.roi.bounds
        box = Box(int(np.floor(x0)), int(np.floor(y0)), int(np.ceil(x1)) + 1, int(np.ceil(y1)) + 1)
        return box.expand(margin).clip(width, height)

    def warp(self, rgb: Picture, x0: int = 0, y0: int = 0) -> Picture:
        """Cut the crop, (size, size, 3) uint8, out of ``rgb`` ((H, W, 3) uint8).

        ``rgb`` may be a part of the picture whose first pixel is (``x0``, ``y0``), see ``bounds``.
        Averages where the crop is smaller; edges are repeated where it leaves ``rgb``.
        """
        return self.roi.shifted(-x0, -y0).cut(rgb, self.size)

    def unwarp(self, crop: Picture, box: Box) -> tuple[Picture, FloatArray]:
        """Put a crop back: pixels (h, w, 3) uint8 of ``box`` in the picture, and where they count.

        The mask (h, w) float32 is 1 inside the crop and falls to 0 on its edge. ``crop`` may have
        another size than ``size``, as after a super-resolving network.
        """
        inverse = self.roi.shifted(-box.x0, -box.y0).to_picture(crop.shape[0])
        size = (box.width, box.height)
        rgb = cv2.warpAffine(
            crop, inverse, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        inside = np.ones(crop.shape[:2], np.float32)
        mask = cv2.warpAffine(inside, inverse, size, flags=cv2.INTER_LINEAR)
        return np.asarray(rgb, np.uint8), np.asarray(mask, np.float32)


def crop_track(
    points: ArrayLike, size: int, span: float = SPAN, drop: float = DROP
) -> list[CropTransform]:
    """A crop a frame for ``points`` (n, P, 3), full mesh or STORED, best from ``smooth``.

    Only points that speech does not move count, and the size is that of the head in space: a crop
    neither jumps with the jaw nor zooms when the head turns. ``span`` is the side of the square
    and ``drop`` how far its centre lies below the middle of the upper face, in eye distances.
    """
    array = np.asarray(points, dtype=np.float64)
    if not len(array):
        return []
    _, poses = align(array, GENERIC_TEMPLATE)
    centres = poses.to_image(np.array([[0.0, drop, 0.0]]))[:, 0]
    return [
        CropTransform(Roi(float(x), float(y), float(scale * span), float(np.radians(roll))), size)
        for (x, y, _), scale, (_, _, roll) in zip(centres, poses.scale, poses.angles, strict=True)
    ]


def _apply(matrix: Floats, points: ArrayLike) -> Floats:
    return np.asarray(np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2])
