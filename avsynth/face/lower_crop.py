"""The square in which networks see a lower face: mouth, chin and jaw line, upright, held still.

It follows the landmarks that speech does not move, so that opening the mouth moves pixels in the
square and not the square.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face.lower_face import INNER_RING, MOVING, OUTER_RING
from avsynth.face.mesh import BORDER
from avsynth.face.warp import Floats

Bytes = NDArray[np.uint8]
Matrix = NDArray[np.float64]

_MARGIN = 1.12  # of the face that moves, in the square
_STILL = slice(MOVING, MOVING + len(BORDER))
_RIGHT, _LEFT = OUTER_RING[0], OUTER_RING[10]
_SUBPIXEL = 4  # bits


class LowerCrop:
    """One person's square of ``size`` pixels.

    Args:
        mean: float32 (V, 2), the person's mean vertices over the shot, pixels.
        size: side of the square.
    """

    def __init__(self, mean: Floats, size: int) -> None:
        self.size = size
        points = _complex(mean)
        across = points[_LEFT] - points[_RIGHT]
        upright = points[:MOVING] * (abs(across) / across)
        x, y = upright.real, upright.imag
        middle = complex(x.min() + x.max(), y.min() + y.max()) / 2.0
        side = _MARGIN * max(float(np.ptp(x)), float(np.ptp(y)), 1.0)
        self._turn = (abs(across) / across) * (size / side)
        self._shift = complex(1, 1) * (size - 1) / 2.0 - middle * (size / side)
        self._still = points[_STILL]

    def matrix(self, own: Floats) -> Matrix:
        """The affine (2, 3) from the pixels in which ``own`` (V, 2) is given to the square's.

        The similarity that best takes the still vertices to where the mean has them (Umeyama
        1991, in the plane), then the mean's square.
        """
        here = _complex(own)[_STILL]
        a, b = here - here.mean(), self._still - self._still.mean()
        turn = (np.vdot(a, b) / max(float(np.vdot(a, a).real), 1e-9)) * self._turn
        shift = self._still.mean() * self._turn + self._shift - here.mean() * turn
        return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def cut(rgb: Bytes, matrix: Matrix, size: int) -> Bytes:
    """The square (size, size, 3) out of ``rgb``; averages where it is smaller, repeats edges."""
    shrink = 1.0 / float(np.hypot(matrix[0, 0], matrix[1, 0]))
    flags = cv2.INTER_LINEAR
    if shrink > 1.5:  # otherwise pixels would be left out, and fine detail flicker
        step = round(shrink)
        rgb = np.asarray(
            cv2.resize(rgb, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
        )
        matrix = matrix.copy()
        matrix[:, 2] += matrix[:, :2] @ np.full(2, (step - 1) / 2)
        matrix[:, :2] *= step
    square = cv2.warpAffine(rgb, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(square, dtype=np.uint8)


def draw_lips(points: Floats, size: int) -> Bytes:
    """Lips (0) and the inside of the mouth (1) as filled shapes, uint8 (size, size, 2), 0..255.

    ``points`` (V, 2) are vertices in pixels of the square.
    """
    drawn = np.zeros((2, size, size), dtype=np.uint8)
    for plane, ring in zip(drawn, (OUTER_RING, INNER_RING), strict=True):
        corners = np.round(points[ring] * (1 << _SUBPIXEL)).astype(np.int32)
        cv2.fillPoly(plane, [corners], 255, cv2.LINE_AA, _SUBPIXEL)
    return np.ascontiguousarray(drawn.transpose(1, 2, 0))


def apply(matrix: Matrix, points: Floats) -> Floats:
    """Points (..., 2) through an affine (2, 3)."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float32)


def _complex(points: Floats) -> NDArray[np.complex128]:
    return np.asarray(points[:, 0] + 1j * points[:, 1], dtype=np.complex128)
