"""The one place that opens a file for reading, and turns the library's errors into ours."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import av
import av.container
import av.error
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from avsynth.errors import InputError, ResourceError

StrPath = str | os.PathLike[str]
S = TypeVar("S", bound=Stream)

MAX_SIDE = 16384
MAX_PIXELS = 2**28

# Text shown as a terminal picture, play lists that name other files: not media of their own.
_REFUSED_FORMATS = {"tty", "concat", "hls", "dash", "ffmetadata", "image2", "lavfi", "sdp"}


@contextmanager
def open_input(path: StrPath) -> Iterator[av.container.InputContainer]:
    """Open a local media file; every failure in the ``with`` body comes out as one of our errors.

    Raises:
        InputError: missing, not a regular file, not readable, empty, or not media.
        ResourceError: the library ran out of memory.
    """
    name = _checked(path)
    try:
        container = _open(name)
        if container.format.name == "image2" and _is_jpeg(name):
            # Of long pictures the library believes the name, which may be a pattern for others.
            container.close()
            container = _open(name, "jpeg_pipe")
    except av.error.FFmpegError as error:
        raise _translate(error, path) from error
    with container:
        if container.format.name in _REFUSED_FORMATS:
            raise InputError("not a video or audio file", path)
        try:
            yield container
        except av.error.FFmpegError as error:
            raise _translate(error, path) from error


def demuxed(container: av.container.InputContainer, *streams: S) -> Iterator[Packet[S]]:
    """Packets of ``streams``, of files too in which further streams begin in the middle.

    PyAV (18.1) trips over those when it is at the end, with nothing but empty packets left.
    """
    with contextlib.suppress(IndexError):
        yield from container.demux(list(streams))  # type: ignore[misc]  # packets of any stream


def _open(name: str, kind: str | None = None) -> av.container.InputContainer:
    return av.open(
        name,
        mode="r",
        format=kind,
        container_options={"protocol_whitelist": "file"},  # a play list must not reach out
        metadata_errors="replace",
    )


def _is_jpeg(name: str) -> bool:
    with Path(name).open("rb") as file:
        return file.read(3) == b"\xff\xd8\xff"


def _checked(path: StrPath) -> str:
    name = str(Path(path).absolute())  # absolute: "http:x" cannot be read as an address
    try:
        if Path(name).is_fifo():  # opening it would wait for somebody to write
            raise InputError("not a regular file", path)
        with Path(name).open("rb") as file:
            if not Path(name).is_file():
                raise InputError("not a regular file", path)
            if not file.read(1):
                raise InputError("the file is empty", path)
    except FileNotFoundError as error:
        raise InputError("no such file", path) from error
    except IsADirectoryError as error:
        raise InputError("is a directory, a media file was expected", path) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"cannot be read: {reason}", path) from error
    return name


def _translate(error: av.error.FFmpegError, path: StrPath) -> InputError | ResourceError:
    if isinstance(error, av.error.MemoryError):
        return ResourceError("out of memory while reading", path)
    if isinstance(error, av.error.InvalidDataError):
        return InputError(
            "not a media file, or damaged beyond reading", path, "try to play it in another player"
        )
    return InputError(f"cannot be read: {error.strerror}", path)


def main_video(container: av.container.InputContainer) -> VideoStream | None:
    """The video stream to work on: the library's best, cover pictures left out."""
    usable = [
        stream
        for stream in container.streams.video
        if not stream.disposition & av.stream.Disposition.attached_pic
        and stream.codec_context is not None
    ]
    best = container.streams.best("video")
    return next((stream for stream in usable if stream is best), usable[0] if usable else None)


def checked_size(width: int, height: int, path: StrPath) -> None:
    """Refuse pictures without area and those that only an attack or an error would have.

    Raises:
        InputError: a side is 0 or above 16384, or there are more than 2**28 pixels.
    """
    if width <= 0 or height <= 0:
        raise InputError(f"the video says its pictures are {width}x{height}", path)
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InputError(
            f"pictures of {width}x{height} are too large", path, f"at most {MAX_SIDE} a side"
        )


def sha256_file(path: StrPath) -> str:
    """SHA-256 of a file's bytes as 64 hex digits, read in pieces.

    Raises:
        InputError: missing, not readable, or empty.
    """
    name = _checked(path)
    try:
        with Path(name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from error
