"""What is refused from a file's headers alone, before anything in it is decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from avsynth.errors import InputError
from avsynth.media.opening import StrPath, open_input

#: Sound of more samples a second is no sound; devices end at 768 kHz.
HIGHEST_RATE: Final = 1_000_000

# Boxes of an ISO file on the way to its sample descriptions, with what precedes their children.
_WAY: Final = {b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"stsd": 8}
_ENCRYPTED: Final = {b"encv", b"enca", b"drmi", b"drms"}
_MOST_BOXES: Final = 10_000


def check(path: StrPath, max_pixels: int) -> None:
    """Refuse what would take all memory, or cannot be decoded for want of a key.

    Raises:
        InputError: encrypted, or its pictures have more than ``max_pixels``; also as ``open_input``
            has it.
    """
    _refuse_pixels(_stated_size(path), max_pixels, path)
    with open_input(path) as container:
        for stream in container.streams.video:
            if stream.codec_context is not None:
                size = stream.codec_context.width, stream.codec_context.height
                _refuse_pixels(size, max_pixels, path)
        iso = container.format.name.startswith("mov")
    if iso and _is_encrypted(path):
        raise InputError(
            "encrypted: it cannot be decoded without the key", path, "get an unprotected copy"
        )


def _refuse_pixels(size: tuple[int, int] | None, most: int, path: StrPath) -> None:
    if size is not None and size[0] * size[1] > most:
        raise InputError(
            f"pictures of {size[0]}x{size[1]} are larger than the limit of {most} pixels",
            path,
            "a higher --max-pixels lets it in",
        )


def _stated_size(path: StrPath) -> tuple[int, int] | None:
    """Width and height that a PNG or GIF states in its first bytes; None for other files."""
    try:
        if not Path(path).is_file():  # a pipe would wait for somebody to write
            return None
        with Path(path).open("rb") as file:
            head = file.read(24)
    except (OSError, ValueError):
        return None  # opening it says what is wrong
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) == 24:
        width, height = struct.unpack(">II", head[16:24])
        return int(width), int(height)
    if head.startswith((b"GIF87a", b"GIF89a")) and len(head) >= 10:
        width, height = struct.unpack("<HH", head[6:10])
        return int(width), int(height)
    return None


def _is_encrypted(path: StrPath) -> bool:
    """True when an ISO file (MP4, MOV) describes any of its streams as encrypted."""
    with Path(path).open("rb") as file:
        end = file.seek(0, 2)
        return any(kind in _ENCRYPTED for kind in _boxes(file, 0, end))


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """Names of the boxes on the way to the sample descriptions, and of those descriptions."""
    waiting, seen = [(start, end)], 0
    while waiting and seen < _MOST_BOXES:
        position, stop = waiting.pop()
        while position + 8 <= stop and seen < _MOST_BOXES:
            seen += 1
            file.seek(position)
            head = file.read(16)
            if len(head) < 8:
                break
            size, kind = struct.unpack(">I4s", head[:8])
            begin = position + 8
            if size == 1 and len(head) == 16:  # 64 bits follow
                size, begin = struct.unpack(">Q", head[8:])[0], position + 16
            size = size or stop - position
            if size < begin - position:
                break
            yield kind
            if kind in _WAY:
                waiting.append((begin + _WAY[kind], min(position + size, stop)))
            position += size
