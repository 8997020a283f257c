"""Between Y'CbCr as files store it and R'G'B' as people and networks see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Luma weights (red, blue) by the number that H.273 gives the matrix.
_WEIGHTS = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.601, 625 lines
    6: (0.299, 0.114),  # BT.601, 525 lines
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
    10: (0.2627, 0.0593),
}
GBR = 0  # planes hold green, blue, red: no matrix at all
UNSPECIFIED = 2
FULL_RANGE = 2


@dataclass(frozen=True, slots=True)
class Conversion:
    """Affine maps between code values and 8-bit R'G'B' (both as float).

    ``rgb = to_rgb @ (y, cb, cr, 1)`` and ``(y, cb, cr) = to_codes @ (r, g, b, 1)``;
    ``peak`` is the largest code value.
    """

    to_rgb: NDArray[np.float32]
    to_codes: NDArray[np.float32]
    peak: int


def matrix_for(space: int, width: int, height: int) -> int:
    """The matrix to use: as tagged, else BT.709 for HD sizes and BT.601 below, as players do.

    Args:
        space: H.273 number of the tag.
        width: Stored columns.
        height: Stored rows.
    """
    if space in _WEIGHTS or space == GBR:
        return space
    return 1 if max(width, height) >= 1280 or min(width, height) >= 720 else 6


@lru_cache(maxsize=32)
def conversion(space: int, full: bool, depth: int) -> Conversion:
    """Maps for a matrix (H.273 number out of ``matrix_for``), range and bit depth."""
    scale = float(1 << (depth - 8))
    peak = (1 << depth) - 1
    luma_gain, luma_base = (peak / 255.0, 0.0) if full else (scale * 219 / 255, 16 * scale)
    chroma_gain, middle = (float(peak), 128.0 * scale) if full else (224.0 * scale, 128.0 * scale)
    if space == GBR:
        weights = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], float)
        forward = np.column_stack([weights * luma_gain, np.full(3, luma_base)])
    else:
        red, blue = _WEIGHTS[space]
        luma = np.array([red, 1 - red - blue, blue])
        cb = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue)) * (chroma_gain / 255)
        cr = (np.array([1, 0, 0]) - luma) / (2 * (1 - red)) * (chroma_gain / 255)
        forward = np.column_stack([[luma * luma_gain, cb, cr], [luma_base, middle, middle]])
    square = np.vstack([forward, [0, 0, 0, 1]])
    backward = np.linalg.inv(square)[:3]
    return Conversion(backward.astype(np.float32), forward.astype(np.float32), peak)
