"""A picture file as a ``Frame``: upright, opaque, in the planes that films have.

What a photograph may hold beyond three channels is settled here and told in notes: it is turned
as its EXIF data say, what is transparent is put on white, CMYK becomes R'G'B', of an animation or
of several pages the first picture is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.media.frame import Frame
from avsynth.media.opening import StrPath, checked_size, main_video, open_input

Bytes = NDArray[np.uint8]

#: Longer side beyond which a picture is made smaller: films are rarely larger.
MAX_STILL: Final = 4096

_MAGIC: Final = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*",
)  # fmt: skip
# What a whole file of the kind must hold near its end.
_ENDINGS: Final = {b"\xff\xd8\xff": b"\xff\xd9", b"\x89PNG\r\n\x1a\n": b"IEND"}
_LARGEST = 1 << 28  # bytes
_WHITE = 255.0


@dataclass(frozen=True)
class Still:
    """A picture: ``frame`` at time 0, R'G'B' in BT.709 4:2:0 planes, and what was done to it."""

    frame: Frame
    notes: tuple[str, ...]


def is_still(path: StrPath) -> bool:
    """Whether a file begins as a picture does: JPEG, PNG, GIF, WebP, BMP or TIFF.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            start = file.read(12)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from error
    return start.startswith(_MAGIC) or (start[:4] == b"RIFF" and start[8:] == b"WEBP")


def read_still(path: StrPath) -> Still:
    """Read a picture file.

    Raises:
        InputError: not a picture, damaged, cut off, or of no or enormous size.
    """
    try:
        if Path(path).stat().st_size > _LARGEST:
            raise InputError("too large for a picture", path)
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from error
    _check(data, path)
    coded = np.frombuffer(data, np.uint8)
    notes: list[str] = []
    picture = _decode(coded, cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError("a picture that cannot be read", path, "it is damaged, or of a rare kind")
    if data.startswith(b"\xff\xd8\xff") and _components(data) == 4:
        notes.append("the source is a CMYK picture: its colours are approximate")
    whole = _decode(coded, cv2.IMREAD_UNCHANGED)
    if whole is not None and whole.ndim == 3 and whole.shape[2] == 4 and _is_clear(whole):
        picture = _on_white(whole, picture)
        notes.append("what is transparent in the source was put on white")
    if _has_more(data, coded):
        notes.append("the source is animated, or has pages: its first picture was taken")
    rgb, more = _fitted(np.ascontiguousarray(picture[..., ::-1]))
    return Still(_frame(rgb), (*notes, *more))


def check_lengths(data: bytes, path: StrPath) -> None:
    """Refuse a PNG with a chunk longer than the file, for which OpenCV takes the memory at once.

    Raises:
        InputError: there is one.
    """
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return
    place = 8
    while place + 8 <= len(data):
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    if place > len(data) + 12:
        raise InputError("the picture is cut off, or says it is longer than it is", path)


def _check(data: bytes, path: StrPath) -> None:
    check_lengths(data, path)
    for start, end in _ENDINGS.items():
        if data.startswith(start) and end not in data[-(1 << 16) :]:
            raise InputError("the picture is cut off", path)
    try:
        with open_input(path) as container:
            stream = main_video(container)
            context = None if stream is None else stream.codec_context
            size = (context.width, context.height) if context is not None else (0, 0)
    except InputError:
        return  # the other library reads kinds that this one does not
    if size != (0, 0):
        checked_size(*size, path)
    elif data[:4] != b"RIFF":  # a moving WebP has none, and is never larger than 16383 a side
        raise InputError("a picture of no or enormous size", path)


def _decode(coded: Bytes, how: int) -> Bytes | None:
    """The picture as uint8 B'G'R' or B'G'R'A, None where it cannot be decoded."""
    try:
        found = cv2.imdecode(coded, how)
    except cv2.error:
        return None
    if found is None or found.size == 0:
        return None
    scale = 257.0 if found.dtype == np.uint16 else 1.0
    return np.asarray(np.clip(np.round(found / scale), 0, 255), np.uint8)


def _components(data: bytes) -> int:
    """Colour components of a JPEG, by its frame header; 0 where there is none."""
    place = 2
    while place + 9 < len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return data[place + 9]
        place += 2 + length
    return 0


def _is_clear(whole: Bytes) -> bool:
    return bool((whole[..., 3] < 255).any())


def _on_white(whole: Bytes, upright: Bytes) -> Bytes:
    """``whole`` B'G'R'A over white, turned as ``upright`` is, which has lost its transparency."""
    for turns in range(4):
        for mirrored in (False, True):
            turned = np.rot90(whole[:, ::-1] if mirrored else whole, turns)
            if turned.shape[:2] == upright.shape[:2] and np.array_equal(turned[..., :3], upright):
                whole = turned
                break
    opacity = whole[..., 3:].astype(np.float32) / 255.0
    mixed = whole[..., :3] * opacity + _WHITE * (1.0 - opacity)
    return np.asarray(np.round(mixed), np.uint8)


def _has_more(data: bytes, coded: Bytes) -> bool:
    """Whether there are further pictures after the first."""
    if data.startswith(b"\x89PNG"):
        return b"acTL" in data[: max(data.find(b"IDAT"), 0)]
    if data.startswith(b"RIFF"):
        return data[12:16] == b"VP8X" and b"ANIM" in data[:64]
    if not data.startswith((b"GIF", b"II", b"MM")):
        return False
    try:
        found, pictures = cv2.imdecodemulti(coded, cv2.IMREAD_GRAYSCALE, range=(0, 2))
    except cv2.error:
        return False
    return bool(found) and len(pictures) > 1


def _fitted(rgb: Bytes) -> tuple[Bytes, list[str]]:
    """Of a size that films have, with what had to be done for it."""
    notes = []
    height, width = rgb.shape[:2]
    if max(width, height) > MAX_STILL:
        factor = MAX_STILL / max(width, height)
        size = max(2, round(width * factor)), max(2, round(height * factor))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        notes.append(f"the source of {width}x{height} was made smaller, {size[0]}x{size[1]}")
        height, width = rgb.shape[:2]
    if width % 2 or height % 2:
        notes.append("the source's odd last row or column was left out: films have even sides")
    return np.ascontiguousarray(rgb[: max(2, height & ~1), : max(2, width & ~1)]), notes


def _frame(rgb: Bytes) -> Frame:
    raw = VideoReformatter().reformat(
        VideoFrame.from_ndarray(rgb, "rgb24"),
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
        threads=1,
    )
    raw.color_range, raw.colorspace, raw.color_primaries, raw.color_trc = 1, 1, 1, 1
    return Frame(raw, 0, Fraction(1, 25))
