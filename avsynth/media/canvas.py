"""A still picture of which one box changes again and again, in a tenth of the time of ``put``.

What the box holds at first is converted once; of the usual 8-bit 4:2:0 planes a change is then
worked out in whole numbers. As with ``Frame.put``, a pixel that stays as it was keeps its last
bit, and what lies outside the mask is never touched.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.media.box import Box
from avsynth.media.convert import Image
from avsynth.media.frame import Frame
from avsynth.media.planes import planar_format, plane_views

_ONE = 256  # a mask's 1 in whole numbers
_SHIFT = 4
_FINE = 1 << _SHIFT  # steps a code value while chroma is averaged
_SIDES = np.array([[0.25, 0.5, 0.25]], np.float32)  # chroma lies on every other column


class Canvas:
    """Makes frames that are ``frame`` but for ``box``; ``frame`` is never written to.

    Any number of threads may put at once.
    """

    def __init__(self, frame: Frame, box: Box) -> None:
        """``box`` lies inside the picture, in display orientation."""
        self._frame, self._box = frame, box
        layout = planar_format(frame.pix_fmt)
        even = frame.raw.width % 2 == 0 and frame.raw.height % 2 == 0
        self._quick = (
            (layout.kind, layout.depth, layout.shift_x, layout.shift_y) == ("yuv", 8, 1, 1)
            and even
            and not frame.interlaced
        )
        if not self._quick:
            return
        stored = frame.orientation.box_to_stored(box, frame.width, frame.height)
        whole = Box(stored.x0 & ~1, stored.y0 & ~1, (stored.x1 + 1) & ~1, (stored.y1 + 1) & ~1)
        self._stored, self._whole = stored, whole
        # cv2's order of margins: above, below, left, right.
        self._edges = (
            stored.y0 - whole.y0, whole.y1 - stored.y1, stored.x0 - whole.x0, whole.x1 - stored.x1
        )  # fmt: skip
        self._to_codes = frame.colours()[1].to_codes
        self._centred = frame.colours()[2]
        self._codes = self._coded(frame.rgb(box))
        self._mask: tuple[NDArray[np.float32], NDArray[np.int16], NDArray[np.int16]] | None = None

    def put(self, rgb: Image, mask: NDArray[np.float32]) -> Frame:
        """A new frame with ``rgb`` uint8 (h, w, 3) in the box, as far as ``mask`` (h, w) says."""
        made = self._frame.copy()
        if not self._quick:
            made.put(self._box, rgb, mask)
            return made
        held = self._mask
        if held is None or held[0] is not mask:  # often it is the same one
            held = self._mask = (mask, *self._shares(mask))
        _, share, touched = held
        change = cv2.subtract(self._coded(rgb), self._codes, dtype=cv2.CV_16S)
        luma, *chroma = (
            np.asarray(cv2.multiply(part, share, scale=factor / _ONE), np.int16)
            for part, factor in zip(cv2.split(change), (1, _FINE, _FINE), strict=True)
        )
        planes = plane_views(made.raw)
        _add(planes[0][self._stored.slices], luma)
        rows, columns = self._whole.slices
        half = slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2)
        for plane, part in zip(planes[1:3], chroma, strict=True):
            _add(plane[half], self._decimated(part) * touched)
        return made

    def _coded(self, rgb: Image) -> NDArray[np.uint8]:
        """Code values uint8 (h, w, 3) in stored orientation."""
        stored = np.ascontiguousarray(self._frame.orientation.to_stored(rgb))
        return np.asarray(cv2.transform(stored, self._to_codes), np.uint8)

    def _padded(self, values: NDArray[np.int16]) -> NDArray[np.int16]:
        if not any(self._edges):
            return values
        padded = cv2.copyMakeBorder(values, *self._edges, cv2.BORDER_CONSTANT, value=0)
        return np.asarray(padded, np.int16)

    def _shares(self, mask: NDArray[np.float32]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """The mask in whole numbers, stored orientation; 1 for chroma samples in whose block it
        is above 0 somewhere, else 0.
        """
        stored = self._frame.orientation.to_stored(np.round(mask * _ONE).astype(np.int16))
        share = np.ascontiguousarray(stored)
        whole = self._padded(share) > 0
        rows = whole[0::2] | whole[1::2]
        return share, (rows[:, 0::2] | rows[:, 1::2]).astype(np.int16)

    def _decimated(self, change: NDArray[np.int16]) -> NDArray[np.int16]:
        """Chroma's change, ``_FINE`` steps a code value, averaged to samples of whole values."""
        whole = self._padded(change)
        height, width = whole.shape
        if self._centred:
            half = cv2.resize(whole, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        else:
            lines = cv2.resize(whole, (width, height // 2), interpolation=cv2.INTER_AREA)
            half = cv2.filter2D(lines, cv2.CV_16S, _SIDES, borderType=cv2.BORDER_REPLICATE)
            half = np.ascontiguousarray(half[:, ::2])
        # An arithmetic shift rounds down, and so with half a step before it to the nearest.
        return (np.asarray(half, np.int16) + np.int16(_FINE // 2)) >> _SHIFT


def _add(plane: NDArray[np.uint8], change: NDArray[np.int16]) -> None:
    plane[...] = cv2.add(plane, np.ascontiguousarray(change), dtype=cv2.CV_8U)
