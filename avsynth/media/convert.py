"""Colour conversion of a box of native planes: to 8-bit R'G'B', and changes of it back.

Chroma is interpolated linearly, sited as files have it (left column, between lines; in the middle
of the block for full-range 4:2:0). The way back uses the exact left inverses of these
interpolations (short biorthogonal wavelet filters), so that a box which is read and written back
keeps its chroma; and it works on *differences*, so that what did not change keeps its last bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.media.box import Box
from avsynth.media.colour import Conversion
from avsynth.media.planes import PlanarFormat, Plane

Image = NDArray[np.uint8]  # (H, W, 3)
Values = NDArray[Any]  # float32

_STRIP = 24576  # pixels converted at a time
_NOTHING: Any = (0.0, 0.0, 0.0, 0.0)
_LEFT = np.array([-1, 2, 6, 2, -1], np.float32) / 8  # inverse of left-sited interpolation
_MIDDLE = np.array([-1, 3, 3, -1], np.float32) / 4  # inverse of middle-sited interpolation


def planes_to_rgb(
    planes: list[Plane], layout: PlanarFormat, maps: Conversion, centred: bool, box: Box
) -> Values:
    """Convert the stored-orientation ``box`` (inside the picture) to float32 (h, w, 3).

    The result is in 8-bit levels, neither rounded nor clipped (see ``to_bytes``).

    Args:
        planes: Native planes, all of them.
        layout: Their format.
        maps: Colour conversion.
        centred: True where chroma lies in the middle of its block horizontally too.
        box: What to convert.
    """
    luma = planes[0][box.slices]
    if layout.kind == "gray":
        values = np.empty((box.height, box.width, 3), np.float32)
        values[..., 0] = luma
        values[..., 1:] = maps.to_codes[1:, 3]
    elif layout.shift_x == 0 and layout.shift_y == 0:
        codes = cv2.merge([luma, planes[1][box.slices], planes[2][box.slices]])
        values = codes.astype(np.float32)
    else:
        chroma = _chroma(planes, layout, centred, box)
        values = np.asarray(cv2.merge([luma.astype(np.float32), *chroma]), np.float32)
    return np.asarray(cv2.transform(values, maps.to_rgb), np.float32)


def to_bytes(values: Values) -> Image:
    """Round and saturate to uint8."""
    return np.asarray(cv2.add(values, _NOTHING, dtype=cv2.CV_8U), np.uint8)


def _chroma(planes: list[Plane], layout: PlanarFormat, centred: bool, box: Box) -> list[Values]:
    """Both chroma planes at luma resolution over ``box``: two of float32 (h, w)."""
    fine = _covering(box, layout)
    rows, columns = planes[1].shape
    margin = fine.expand(1)
    inside = margin.clip(columns, rows)
    edges = (inside.y0 - margin.y0, margin.y1 - inside.y1, inside.x0 - margin.x0,
             margin.x1 - inside.x1)  # fmt: skip
    y, x = box.y0 - (fine.y0 << layout.shift_y), box.x0 - (fine.x0 << layout.shift_x)
    found = []
    for plane in planes[1:3]:
        samples: Any = plane[inside.slices].astype(np.float32)
        if any(edges):
            samples = cv2.copyMakeBorder(samples, *edges, cv2.BORDER_REPLICATE)
        samples = _down(samples, layout.shift_y)
        samples = _across(samples, layout.shift_x, centred)
        found.append(samples[y : y + box.height, x : x + box.width])
    return found


def _covering(box: Box, layout: PlanarFormat) -> Box:
    """The chroma samples whose blocks touch ``box``."""
    x, y = layout.shift_x, layout.shift_y
    return Box(box.x0 >> x, box.y0 >> y, ((box.x1 - 1) >> x) + 1, ((box.y1 - 1) >> y) + 1)


def _down(samples: Values, shift: int) -> Values:
    """Interpolate lines; the one line of margin at either end is dropped."""
    inner = samples[1:-1]
    if shift == 0:
        return inner
    if shift > 1:  # 4:1:0 is rare: each line repeated
        return np.repeat(inner, 1 << shift, axis=0)
    out = np.empty((inner.shape[0], 2, inner.shape[1]), np.float32)
    cv2.addWeighted(inner, 0.75, samples[:-2], 0.25, 0, dst=out[:, 0])
    cv2.addWeighted(inner, 0.75, samples[2:], 0.25, 0, dst=out[:, 1])
    return out.reshape(-1, inner.shape[1])


def _across(samples: Values, shift: int, centred: bool) -> Values:
    """Interpolate along lines; the one sample of margin at either end is dropped."""
    inner = samples[:, 1:-1]
    if shift == 0:
        return inner
    if shift > 1:  # 4:1:1 is rare: each sample repeated
        return np.repeat(inner, 1 << shift, axis=1)
    if centred:
        even = cv2.addWeighted(inner, 0.75, samples[:, :-2], 0.25, 0)
        odd = cv2.addWeighted(inner, 0.75, samples[:, 2:], 0.25, 0)
    else:
        even = inner
        odd = cv2.addWeighted(inner, 0.5, samples[:, 2:], 0.5, 0)
    return np.asarray(cv2.merge([even, odd])).reshape(len(inner), -1)  # interleaved


def blend(
    planes: list[Plane],
    layout: PlanarFormat,
    maps: Conversion,
    centred: bool,
    box: Box,
    new: Image,
    mask: Values,
) -> None:
    """Blend R'G'B' into the planes, in place.

    What ``new`` has in common with the picture, as it reads in 8 bits, is left alone: without that
    a picture with more than 8 bits, or with colours outside R'G'B', would be flattened where
    nothing was to change.

    Args:
        planes: Native planes, all of them.
        layout: Their format.
        maps: Colour conversion.
        centred: As in ``planes_to_rgb``.
        box: Where, stored orientation, inside the picture.
        new: uint8 (h, w, 3).
        mask: float32 (h, w); a chroma sample changes only if some pixel of its block is above 0.
    """
    grey = layout.kind == "gray"
    chroma = [np.empty((0, 0), np.float32)] * 2
    if not grey:
        chroma = [np.empty((box.height, box.width), np.float32) for _ in range(2)]
    for strip, rows in strips(box):
        old = planes_to_rgb(planes, layout, maps, centred, strip)
        change: Any = cv2.subtract(new[rows], old, dtype=cv2.CV_32F)
        differs: Any = cv2.compare(new[rows], to_bytes(old), cv2.CMP_NE)  # 0 or 255
        change = cv2.multiply(change, differs, scale=1 / 255, dtype=cv2.CV_32F)
        codes = cv2.transform(change, maps.to_codes[: 1 if grey else 3, :3])
        luma, *rest = cv2.split(codes)
        _add(planes[0][strip.slices], cv2.multiply(luma, mask[rows]), maps.peak)
        for whole, part in zip(chroma, rest, strict=False):
            cv2.multiply(part, mask[rows], dst=whole[rows])
    if grey:
        return
    target = _covering(box, layout)
    if layout.shift_x or layout.shift_y:
        touched = _blocks(mask, box, target, layout, np.maximum) > 0
        chroma = [_decimate(part, box, target, layout, centred) * touched for part in chroma]
    for plane, part in zip(planes[1:3], chroma, strict=True):
        _add(plane[target.slices], part, maps.peak)


def strips(box: Box) -> Iterator[tuple[Box, slice]]:
    """The box in pieces of a few lines, whose intermediate results stay in the cache."""
    height = max(8, _STRIP // max(1, box.width) & ~1)
    for top in range(0, box.height, height):
        rows = slice(top, min(top + height, box.height))
        yield Box(box.x0, box.y0 + rows.start, box.x1, box.y0 + rows.stop), rows


def _add(plane: Plane, change: Values, peak: int) -> None:
    kind = cv2.CV_8U if plane.dtype == np.uint8 else cv2.CV_16U
    total = cv2.add(plane, change, dtype=kind)  # rounds and saturates
    np.minimum(total, peak, out=plane)


def _padded(values: Values, box: Box, target: Box, layout: PlanarFormat) -> Values:
    """Zeros around ``values``, out to whole blocks."""
    x, y = layout.shift_x, layout.shift_y
    return cv2.copyMakeBorder(
        values,
        box.y0 - (target.y0 << y),
        (target.y1 << y) - box.y1,
        box.x0 - (target.x0 << x),
        (target.x1 << x) - box.x1,
        cv2.BORDER_CONSTANT,
        value=0,
    )


def _blocks(values: Values, box: Box, target: Box, layout: PlanarFormat, ufunc: Any) -> Values:
    """``ufunc`` reduced over the pixels of each block."""
    whole = _padded(values, box, target, layout)
    y, x = 1 << layout.shift_y, 1 << layout.shift_x
    rows = ufunc.reduce([whole[i::y] for i in range(y)]) if y > 1 else whole
    found: Values = ufunc.reduce([rows[:, i::x] for i in range(x)]) if x > 1 else rows
    return found


def _decimate(values: Values, box: Box, target: Box, layout: PlanarFormat, centred: bool) -> Values:
    """Full-resolution chroma change to samples: the inverse of ``_down`` and ``_across``."""
    if max(layout.shift_x, layout.shift_y) > 1:
        count = 1 << (layout.shift_x + layout.shift_y)
        return _blocks(values, box, target, layout, np.add) / np.float32(count)
    whole = _padded(values, box, target, layout)
    across = (_MIDDLE if centred else _LEFT) if layout.shift_x else np.ones(1, np.float32)
    down = _MIDDLE if layout.shift_y else np.ones(1, np.float32)
    # An even kernel is anchored so that output 2i sees inputs 2i-1 .. 2i+2.
    anchor = (1 if len(across) == 4 else -1, 1 if len(down) == 4 else -1)
    smooth = cv2.sepFilter2D(
        whole, cv2.CV_32F, across, down, anchor=anchor, borderType=cv2.BORDER_REPLICATE
    )
    return np.ascontiguousarray(smooth[:: 1 << layout.shift_y, :: 1 << layout.shift_x])
