"""The inside of a mouth that the picture shows shut: dark, where lips would be drawn over it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face.mesh import INNER_LOWER, INNER_UPPER, LIP_CORNERS, LIPS_INNER, LIPS_OUTER
from avsynth.face.warp import Floats

Bytes = NDArray[np.uint8]

_SHADE = np.array([0.5, 0.33, 0.33], dtype=np.float32)  # of the lips' colour
_SHOWN = 0.12  # openness (of the mouth's width) from which on a picture shows an inside itself
_FROM, _TO = 0.03, 0.11  # openness gained that needs none of it, and all of it
_EDGE = 0.04  # of the mouth's width
_SUBPIXEL = 4  # bits


class Hollow:
    """Of one picture.

    Args:
        rgb: uint8 (h, w, 3).
        points: (478, 2 or 3), its landmarks, pixels.
    """

    def __init__(self, rgb: Bytes, points: Floats) -> None:
        lips = np.zeros(rgb.shape[:2], dtype=np.uint8)
        _fill(lips, points[list(LIPS_OUTER)], 255)
        _fill(lips, points[list(LIPS_INNER)], 0)
        red = rgb[lips > 0]
        mean = red.mean(axis=0) if len(red) else np.zeros(3)
        self._colour = np.asarray(mean * _SHADE, dtype=np.float32)
        self._open = openness(points)

    def share(self, wanted: Floats) -> float:
        """How dark the inside of the mouth ``wanted`` (478, 2 or 3) must be, 0..1."""
        gained = openness(wanted) - 2.0 * self._open
        shut = 1.0 - min(1.0, self._open / _SHOWN)
        return shut * float(np.clip((gained - _FROM) / (_TO - _FROM), 0.0, 1.0))

    def added(self, picture: Bytes, wanted: Floats) -> tuple[Floats, int, int] | None:
        """What ``picture`` (h, w, 3), moved to landmarks ``wanted``, lacks inside the mouth.

        Float32 (h', w', 3), levels to add from row and column on; None where nothing is lacking.
        """
        share = self.share(wanted)
        ring = wanted[list(LIPS_INNER), :2]
        margin = 2.0 + 2.0 * _EDGE * float(np.ptp(ring[:, 0]))
        height, width = picture.shape[:2]
        x0, y0 = np.clip(np.floor(ring.min(axis=0) - margin), 0, (width, height)).astype(int)
        x1, y1 = np.clip(np.ceil(ring.max(axis=0) + margin), 0, (width, height)).astype(int)
        if share == 0.0 or x1 <= x0 or y1 <= y0:
            return None
        inside = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
        _fill(inside, ring - np.array([x0, y0], dtype=np.float32), 255)
        soft = cv2.GaussianBlur(inside, (0, 0), max(0.6, (margin - 2.0) / 2.0))
        part = soft.astype(np.float32)[..., None] * np.float32(share / 255.0)
        return (self._colour - picture[y0:y1, x0:x1]) * part, int(y0), int(x0)


def openness(points: Floats) -> float:
    """Mean distance of the inner lips over the width of the mouth, of (478, 2 or 3)."""
    upper, lower = points[list(INNER_UPPER), :2], points[list(INNER_LOWER), :2]
    width = float(np.linalg.norm(np.subtract(*points[list(LIP_CORNERS), :2])))
    return float(np.linalg.norm(upper - lower, axis=1).mean()) / max(width, 1e-6)


def _fill(plane: Bytes, ring: Floats, value: int) -> None:
    corners = np.round(ring[:, :2] * (1 << _SUBPIXEL)).astype(np.int32)
    cv2.fillPoly(plane, [corners], value, cv2.LINE_AA, _SUBPIXEL)
