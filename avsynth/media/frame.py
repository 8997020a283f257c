"""``Frame``: one decoded picture in its native planes, with an exact time."""

from __future__ import annotations

import threading
from fractions import Fraction

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from avsynth.media.box import Box
from avsynth.media.colour import FULL_RANGE, Conversion, conversion, matrix_for
from avsynth.media.convert import Image, blend, planes_to_rgb, strips, to_bytes
from avsynth.media.orientation import Orientation
from avsynth.media.planes import PlanarFormat, Plane, planar_format, plane_views

_IDENTITY = Orientation()
# Averages areas (no aliasing); without the other two flags colours come out two levels too dark.
_SMALL = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_scalers = threading.local()


class Frame:
    """A picture as the file stores it; all boxes and sizes are in display orientation.

    Attributes:
        pts: Presentation time in units of ``time_base``.
        time_base: Seconds a unit.
        duration: How long it is shown, in units of ``time_base``; 0 when unknown.
        width: Columns as displayed.
        height: Rows as displayed.
        orientation: From stored to displayed.
        damaged: True when the decoder had to guess a part of the picture.
    """

    def __init__(
        self, raw: VideoFrame, pts: int, time_base: Fraction, orientation: Orientation = _IDENTITY
    ) -> None:
        """Wrap a decoded picture of a planar format (see ``native_format``)."""
        self.raw = raw
        self.pts = pts
        self.time_base = time_base
        self.duration = raw.duration
        self.orientation = orientation
        self.width, self.height = orientation.size(raw.width, raw.height)
        self.damaged = raw.is_corrupt
        self._owned = False

    @property
    def time(self) -> Fraction:
        """Presentation time in seconds."""
        return self.pts * self.time_base

    @property
    def pix_fmt(self) -> str:
        """Name of the pixel format of the planes."""
        return self.raw.format.name

    @property
    def interlaced(self) -> bool:
        """True when even and odd lines are two moments in time."""
        return self.raw.interlaced_frame

    def copy(self) -> Frame:
        """The same picture in planes of its own (progressive: the library cannot set the flag)."""
        raw = VideoFrame(self.raw.width, self.raw.height, self.raw.format.name)
        for tag in ("color_range", "colorspace", "color_primaries", "color_trc"):
            setattr(raw, tag, getattr(self.raw, tag))
        for new, old in zip(plane_views(raw), plane_views(self.raw), strict=True):
            new[...] = old
        return Frame(raw, self.pts, self.time_base, self.orientation)

    def planes(self) -> list[Plane]:
        """Copies of the native planes, stored orientation, uint8 or uint16."""
        return [view.copy() for view in plane_views(self.raw)]

    def rgb(self, box: Box | None = None) -> Image:
        """The picture, or a box of it, as uint8 (h, w, 3); only the box is converted.

        Raises:
            ValueError: the box is empty or reaches outside the picture.
        """
        box = self._inside(box)
        stored = self.orientation.box_to_stored(box, self.width, self.height)
        layout, maps, centred = self.colours()
        image = np.empty((stored.height, stored.width, 3), np.uint8)
        for planes, rows, part in _fields(plane_views(self.raw), stored, self._by_field(layout)):
            field = image[rows]
            for strip, lines in strips(part):
                field[lines] = to_bytes(planes_to_rgb(planes, layout, maps, centred, strip))
        return np.ascontiguousarray(self.orientation.to_display(image))

    def small(self, max_side: int) -> Image:
        """The whole picture as uint8 (h, w, 3), its longer side at most ``max_side``; never larger.

        Made straight from the planes, cheap enough for every frame.
        """
        raw = self.raw
        factor = min(1.0, max_side / max(raw.width, raw.height))
        width, height = max(1, round(raw.width * factor)), max(1, round(raw.height * factor))
        if not hasattr(_scalers, "by_shape"):
            _scalers.by_shape = {}
        key = (raw.width, raw.height, raw.format.name, width, height)
        if key not in _scalers.by_shape:
            if len(_scalers.by_shape) >= 8:
                _scalers.by_shape.clear()
            _scalers.by_shape[key] = VideoReformatter()
        scaled = _scalers.by_shape[key].reformat(
            raw,
            width,
            height,
            "rgb24",
            # The library's numbers for its matrices are those of the tags, 601 being 5.
            src_colorspace={1: 1, 4: 4, 7: 7, 9: 9, 10: 9}.get(self._matrix(), 5),
            src_color_range=FULL_RANGE if self._full() else 1,
            dst_color_range=FULL_RANGE,
            interpolation=_SMALL,
            threads=1,
        )
        plane = scaled.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
        image = rows[:, : width * 3].reshape(height, width, 3)
        return np.ascontiguousarray(self.orientation.to_display(image))

    def put(self, box: Box, rgb: Image, mask: NDArray[np.float32]) -> None:
        """Blend a picture into the planes: ``mask`` 1 is all ``rgb``, 0 leaves every bit as it is.

        A chroma sample changes only if the mask is above 0 somewhere in its block. Precision
        beyond 8 bits stays where the picture stays.

        Args:
            box: Where.
            rgb: uint8 (h, w, 3).
            mask: float32 (h, w), 0 to 1.

        Raises:
            ValueError: shapes differ, or the box reaches outside the picture.
        """
        box = self._inside(box)
        shape = (box.height, box.width)
        if rgb.shape != (*shape, 3) or rgb.dtype != np.uint8 or mask.shape != shape:
            raise ValueError(f"{box} needs uint8 {(*shape, 3)} and a mask {shape}, "
                             f"got {rgb.dtype} {rgb.shape} and {mask.shape}")  # fmt: skip
        stored = self.orientation.box_to_stored(box, self.width, self.height)
        new = np.ascontiguousarray(self.orientation.to_stored(rgb))
        weight = np.ascontiguousarray(self.orientation.to_stored(mask), np.float32)
        x, y, width, height = cv2.boundingRect((weight > 0).view(np.uint8))
        if width == 0 or height == 0:
            return
        new, weight = new[y : y + height, x : x + width], weight[y : y + height, x : x + width]
        x, y = stored.x0 + x, stored.y0 + y
        if not self._owned:  # the decoder may still predict from these planes
            self.raw.make_writable()
            self._owned = True
        layout, maps, centred = self.colours()
        changed = Box(x, y, x + width, y + height)
        for planes, rows, part in _fields(plane_views(self.raw), changed, self._by_field(layout)):
            blend(planes, layout, maps, centred, part, new[rows], weight[rows])

    def _inside(self, box: Box | None) -> Box:
        whole = Box(0, 0, self.width, self.height)
        box = whole if box is None else box
        if box.area == 0 or box.clip(self.width, self.height) != box:
            raise ValueError(f"{box} is empty or not inside {self.width}x{self.height}")
        return box

    def _matrix(self) -> int:
        return matrix_for(self.raw.colorspace, self.raw.width, self.raw.height)

    def _full(self) -> bool:
        layout = planar_format(self.raw.format.name)
        return layout.full or self.raw.color_range == FULL_RANGE

    def _by_field(self, layout: PlanarFormat) -> bool:
        return self.raw.interlaced_frame and layout.shift_y > 0

    def colours(self) -> tuple[PlanarFormat, Conversion, bool]:
        """Layout of the planes, their colour conversion, and whether chroma is centred."""
        layout = planar_format(self.raw.format.name)
        full = self._full()
        matrix = self._matrix()
        if layout.kind == "gbr":
            matrix = 0
        elif matrix == 0:
            matrix = 1  # Y'CbCr planes that claim to be R'G'B'
        return layout, conversion(matrix, full, layout.depth), layout.full


def _fields(planes: list[Plane], box: Box, split: bool) -> list[tuple[list[Plane], slice, Box]]:
    """The planes and the box, or those of either field, with the box's rows each one fills.

    Lines of interlaced chroma belong to alternate fields, so fields are converted on their own.
    """
    if not split:
        return [(planes, slice(None), box)]
    found = []
    for parity in (0, 1):
        top, bottom = (box.y0 - parity + 1) // 2, (box.y1 - parity + 1) // 2
        if bottom > top:
            views = [plane[parity::2] for plane in planes]
            part = Box(box.x0, top, box.x1, bottom)
            found.append((views, slice(2 * top + parity - box.y0, None, 2), part))
    return found
