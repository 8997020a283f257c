"""The square in which networks see a portrait, and the drawings of a face that go with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face.head_mesh import Grid
from avsynth.face.head_topology import EYES, OVAL
from avsynth.face.mesh import LIPS_INNER, LIPS_OUTER
from avsynth.face.warp import Floats

Bytes = NDArray[np.uint8]

#: Channels of ``draw_face``: the face, the lips, the inside of the mouth, the eyes.
DRAWN: Final = 4
_OUTLINES: Final = (
    (OVAL,), (np.array(LIPS_OUTER),), (np.array(LIPS_INNER),),
    tuple(np.array((*low, *reversed(up[1:-1]))) for up, low in EYES),
)  # fmt: skip
_IRISES: Final = ((468, 469, 471), (473, 474, 476))  # middle, and both sides
_IRIS: Final = 110  # how bright they are drawn in the eyes' white
_SUBPIXEL = 4  # bits


@dataclass(frozen=True, slots=True)
class PortraitSquare:
    """A square of ``size`` pixels around a portrait of ``width`` x ``height`` pixels."""

    width: int
    height: int
    size: int

    @property
    def side(self) -> int:
        """Of the square, pixels of the portrait."""
        return max(self.width, self.height)

    @property
    def pad(self) -> tuple[int, int]:
        """Where the portrait begins in it (x, y), pixels of the portrait."""
        return (self.side - self.width) // 2, (self.side - self.height) // 2

    @property
    def grid(self) -> Grid:
        """The places of its pixels in the portrait."""
        step = self.side / self.size
        first = (step - 1.0) / 2.0
        return Grid(self.size, self.size, step, first - self.pad[0], first - self.pad[1])

    def cut(self, rgb: Bytes) -> Bytes:
        """The portrait (h, w, 3) in the square (S, S, 3), its edges repeated."""
        left, top = self.pad
        right, low = self.side - self.width - left, self.side - self.height - top
        whole = cv2.copyMakeBorder(rgb, top, low, left, right, cv2.BORDER_REPLICATE)
        method = cv2.INTER_AREA if self.side > self.size else cv2.INTER_CUBIC
        small = cv2.resize(whole, (self.size, self.size), interpolation=method)
        return np.asarray(small, dtype=np.uint8)

    def points(self, points: NDArray[np.floating]) -> Floats:
        """Points (..., 2 or 3) of the portrait in the square; z is scaled alike."""
        grid = self.grid
        moved = np.asarray(points, dtype=np.float32).copy()
        moved[..., 0] -= grid.x
        moved[..., 1] -= grid.y
        return moved / np.float32(grid.step)

    def whole(self, field: Floats) -> Floats:
        """A field (s, s, C) of the square at every pixel of the portrait, (h, w, C)."""
        left, top = self.pad
        full = cv2.resize(field, (self.side, self.side), interpolation=cv2.INTER_LINEAR)
        return np.asarray(full[top : top + self.height, left : left + self.width])


def draw_face(points: Floats, size: int) -> Bytes:
    """The drawings that ``DRAWN`` names, uint8 (DRAWN, size, size), 0..255.

    ``points`` (478, 2 or 3) are landmarks in pixels of the square.
    """
    drawn = np.zeros((DRAWN, size, size), dtype=np.uint8)
    fixed = np.round(points[:, :2] * (1 << _SUBPIXEL)).astype(np.int32)
    for plane, outlines in zip(drawn, _OUTLINES, strict=True):
        for outline in outlines:
            cv2.fillPoly(plane, [fixed[outline]], 255, cv2.LINE_AA, _SUBPIXEL)
    irises = np.zeros((size, size), dtype=np.uint8)
    for middle, one, other in _IRISES:
        width = float(np.linalg.norm(points[one, :2] - points[other, :2]))
        x, y = (int(v) for v in fixed[middle])
        radius = round(width / 2 * (1 << _SUBPIXEL))
        cv2.circle(irises, (x, y), radius, 255 - _IRIS, -1, cv2.LINE_AA, _SUBPIXEL)
    drawn[3] -= np.minimum(drawn[3], irises)
    return drawn
