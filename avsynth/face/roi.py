"""Regions of interest: the rotated square around a face that the mesh network looks at."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]

# The mesh network was trained on squares 1.5 times the longer side of the face.
MARGIN = 1.5


@dataclass(frozen=True, slots=True)
class Roi:
    """A rotated square: centre and side in pixels, angle in radians (clockwise in the picture)."""

    x: float
    y: float
    side: float
    angle: float

    @classmethod
    def around(cls, points: FloatArray, left_eye: FloatArray, right_eye: FloatArray) -> Roi:
        """The square around ``points`` ((P, 2) or more), upright with the line of the eyes.

        ``left_eye`` is the one on the left of the picture when the face is upright.
        """
        dx, dy = float(right_eye[0] - left_eye[0]), float(right_eye[1] - left_eye[1])
        angle = float(np.arctan2(dy, dx))
        c, s = np.cos(angle), np.sin(angle)
        turned = points[:, :2] @ np.array([[c, -s], [s, c]], np.float32)  # into the face's frame
        low, high = turned.min(axis=0), turned.max(axis=0)
        u, v = (low + high) / 2
        side = float((high - low).max()) * MARGIN
        return cls(float(c * u - s * v), float(s * u + c * v), side, angle)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The upright rectangle (x0, y0, x1, y1) that holds the whole square, in pixels."""
        half = self.side / 2 * (abs(np.cos(self.angle)) + abs(np.sin(self.angle)))
        return self.x - half, self.y - half, self.x + half, self.y + half

    def scaled(self, factor_x: float, factor_y: float) -> Roi:
        """The same square in a picture whose pixels are ``factor`` times as many.

        Pixel centres are whole numbers, so a position moves by half a pixel on the way.
        """
        return Roi(
            (self.x + 0.5) * factor_x - 0.5,
            (self.y + 0.5) * factor_y - 0.5,
            self.side * (factor_x + factor_y) / 2,
            self.angle,
        )

    def shifted(self, dx: float, dy: float) -> Roi:
        """The same square moved by (dx, dy) pixels."""
        return Roi(self.x + dx, self.y + dy, self.side, self.angle)

    def to_picture(self, size: int) -> npt.NDArray[np.float64]:
        """The affine (2, 3) that takes a position in a ``size`` px square crop to the picture."""
        step = self.side / size
        c, s = np.cos(self.angle) * step, np.sin(self.angle) * step
        middle = (size - 1) / 2
        return np.array(
            [
                [c, -s, self.x - c * middle + s * middle],
                [s, c, self.y - s * middle - c * middle],
            ]
        )

    def cut(self, rgb: Picture, size: int) -> Picture:
        """The square as an upright (size, size, 3) picture; edges repeat outside ``rgb``."""
        source, matrix = rgb, self.to_picture(size)
        shrink = int(self.side / size)
        if shrink >= 2:  # bilinear sampling alone would alias: average whole blocks first
            x0, y0, x1, y1 = (round(v) for v in self.bounds)
            left, top = max(x0 - shrink, 0), max(y0 - shrink, 0)
            source = rgb[top : max(y1 + shrink, 0), left : max(x1 + shrink, 0)]
            if source.size == 0:
                return np.zeros((size, size, 3), np.uint8)
            height, width = (max(n // shrink, 1) for n in source.shape[:2])
            source = source[: height * shrink, : width * shrink]
            fx, fy = width / source.shape[1], height / source.shape[0]
            source = cv2.resize(source, (width, height), interpolation=cv2.INTER_AREA).astype(
                np.uint8
            )
            matrix = self.shifted(-left, -top).scaled(fx, fy).to_picture(size)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        out = cv2.warpAffine(
            source, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(out, np.uint8)
