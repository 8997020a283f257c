"""Native planes of a decoded picture as numpy views."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import av.codec.codec
import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Plane = NDArray[Any]  # uint8 or uint16, shape (rows, columns)

_NATIVE = re.compile(r"(yuvj?|yuva)(410|411|420|422|440|444)p(9le|1[0246]le)?|"
                     r"gray(9le|1[0246]le)?|gbra?p(9le|1[0246]le)?")  # fmt: skip
# What packed, semi-planar, paletted and big-endian pictures are unpacked to, best match first.
_TARGETS = [
    f"{kind}{depth}"
    for depth in ("", "10le", "12le", "16le")
    for kind in ("yuv420p", "yuv422p", "yuv444p", "gbrp", "gray")
]


@dataclass(frozen=True, slots=True)
class PlanarFormat:
    """How the planes of a pixel format are laid out.

    ``kind`` is "yuv", "gbr" or "gray"; ``shift_x`` and ``shift_y`` are the binary logarithms of
    the chroma subsampling; ``full`` is True for the formats that imply full range.
    """

    name: str
    kind: str
    depth: int
    shift_x: int
    shift_y: int
    full: bool


@lru_cache(maxsize=64)
def planar_format(name: str) -> PlanarFormat:
    """Layout of a format that ``native_format`` gave."""
    parts = VideoFormat(name, 64, 64).components
    if name.startswith("gray"):
        return PlanarFormat(name, "gray", parts[0].bits, 0, 0, True)  # as swscale has it
    if name.startswith("gb"):
        return PlanarFormat(name, "gbr", parts[0].bits, 0, 0, True)
    shifts = (64 // parts[1].width).bit_length() - 1, (64 // parts[1].height).bit_length() - 1
    return PlanarFormat(name, "yuv", parts[0].bits, *shifts, name.startswith("yuvj"))


@lru_cache(maxsize=64)
def native_format(name: str) -> str:
    """The planar format that holds pictures of format ``name`` without loss (often the same)."""
    if _NATIVE.fullmatch(name):
        return name
    little = re.sub("be$", "le", name)
    if little != name and _NATIVE.fullmatch(little):
        return little
    best, _ = av.codec.codec.find_best_pix_fmt_of_list(_TARGETS, name)
    return best.name if best is not None else "yuv444p"


def plane_views(frame: VideoFrame) -> list[Plane]:
    """Writable views of all planes (alpha included, last); uint16 above 8 bits."""
    kind = np.dtype(np.uint8 if planar_format(frame.format.name).depth == 8 else "<u2")
    views = []
    for plane in frame.planes:
        step = abs(plane.line_size) // kind.itemsize
        rows: Plane = np.frombuffer(memoryview(plane), kind)[: step * plane.height].reshape(
            plane.height, step
        )
        views.append((rows[::-1] if plane.line_size < 0 else rows)[:, : plane.width])
    return views
