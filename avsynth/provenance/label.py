"""The visible label: a word in a corner of every frame made under research-only terms."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from avsynth.media import Box

# 4 x 7 dots a letter, for pictures too small for a drawn font; a row is four bits.
_DOTS = {
    "a": (0, 0, 0b0110, 0b0001, 0b0111, 0b1001, 0b0111),
    "c": (0, 0, 0b0111, 0b1000, 0b1000, 0b1000, 0b0111),
    "e": (0, 0, 0b0110, 0b1001, 0b1111, 0b1000, 0b0111),
    "h": (0b1000, 0b1000, 0b1110, 0b1001, 0b1001, 0b1001, 0b1001),
    "r": (0, 0, 0b1011, 0b1100, 0b1000, 0b1000, 0b1000),
    "s": (0, 0, 0b0111, 0b1000, 0b0110, 0b0001, 0b1110),
}
_WORD = "research"
_HEIGHT = 0.032  # of the letters, relative to the shorter side
_DOTS_UP_TO = 11  # letters of fewer pixels are drawn in dots
_TEXT, _PLATE = 235, 16
_TEXT_OPACITY, _PLATE_OPACITY = 0.9, 0.5

Label = tuple[Box, NDArray[np.uint8], NDArray[np.float32]]


@lru_cache(maxsize=8)
def research_label(width: int, height: int) -> Label:
    """The label for frames of a size, ready for ``frame.put(*research_label(w, h))``.

    It stands at the bottom left, out of the way of captions and of station marks, light on a
    translucent plate so that it reads on any background.

    Args:
        width: of the frame in display orientation, pixels.
        height: the same.

    Returns:
        The box (even edges, so that no chroma sample is shared with a pixel outside), its picture
        (h, w, 3) uint8 RGB, and its opacity (h, w) float32 in 0..1. The arrays are read-only.

    Raises ValueError for a frame of fewer than 16 pixels a side.
    """
    if min(width, height) < 16:
        raise ValueError(f"a frame of {width}x{height} is too small for a label")
    text = _letters(width, height)
    margin = 2 * max(1, round(0.008 * min(width, height)))
    pad = 2 * max(1, round(text.shape[0] / 8))
    text = _fit(text, width - 2 * (margin + pad), height - 2 * (margin + pad))
    text = np.pad(text, ((pad, pad + text.shape[0] % 2), (pad, pad + text.shape[1] % 2)))
    rows, columns = text.shape
    x0, y0 = margin, (height - margin - rows) // 2 * 2
    shade = _PLATE + (_TEXT - _PLATE) * text
    rgb = np.repeat(shade[:, :, None].round().astype(np.uint8), 3, axis=2)
    mask = (_PLATE_OPACITY + (_TEXT_OPACITY - _PLATE_OPACITY) * text).astype(np.float32)
    rgb.flags.writeable = mask.flags.writeable = False
    return Box(x0, y0, x0 + columns, y0 + rows), rgb, mask


def _letters(width: int, height: int) -> NDArray[np.float64]:
    """The word as coverage (h, w) in 0..1."""
    size = round(_HEIGHT * min(width, height))
    return _dotted() if size < _DOTS_UP_TO else _drawn(size)


def _dotted() -> NDArray[np.float64]:
    gap = np.zeros((7, 1))
    parts = []
    for letter in _WORD:
        rows = [[(row >> bit) & 1 for bit in (3, 2, 1, 0)] for row in _DOTS[letter]]
        parts += [np.array(rows, np.float64), gap]
    return np.hstack(parts[:-1])


def _drawn(size: int) -> NDArray[np.float64]:
    import cv2

    font, fine, weight = cv2.FONT_HERSHEY_SIMPLEX, 4, max(4, round(size / 2))
    scale = cv2.getFontScaleFromHeight(font, fine * size, weight)
    (width, height), _ = cv2.getTextSize(_WORD, font, scale, weight)
    canvas = np.zeros((height + 2 * weight, width + 2 * weight), np.uint8)
    cv2.putText(
        canvas, _WORD, (weight, height + weight // 2), font, scale, 255, weight, cv2.LINE_AA
    )
    rows, columns = np.nonzero(canvas.any(axis=1))[0], np.nonzero(canvas.any(axis=0))[0]
    canvas = canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = (max(1, canvas.shape[1] // fine), max(1, canvas.shape[0] // fine))
    drawn = cv2.resize(canvas, small, interpolation=cv2.INTER_AREA)
    return np.asarray(drawn, np.float64) / 255


def _fit(text: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """Shrink the word where a narrow frame leaves no room for it."""
    import cv2

    scale = min(1.0, width / text.shape[1], height / text.shape[0])
    if scale == 1.0:
        return text
    size = (max(1, int(text.shape[1] * scale)), max(1, int(text.shape[0] * scale)))
    return np.asarray(cv2.resize(text, size, interpolation=cv2.INTER_AREA), np.float64)
