"""Presentation times: repairing missing ones, and knowing all of them without decoding."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av.container
import av.error
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from avsynth.media.opening import StrPath, demuxed, main_video, open_input

_JUMP = 10  # seconds back that mean a new clock (joined recordings), not a wrong time stamp


def nominal_step(stream: VideoStream) -> int:
    """Ticks between frames at the stream's average rate, at least 1."""
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    return max(1, round(1 / (rate * (stream.time_base or Fraction(1, 90000)))))


class Clock:
    """Gives every decoded picture a presentation time, strictly increasing.

    A good time stamp is kept as it is. A missing one follows its predecessor by the predecessor's
    duration (or the average step); one that does not increase comes a tick after its predecessor;
    one that falls back by more than ten seconds starts a new clock where the old one ended.
    """

    def __init__(self, stream: VideoStream) -> None:
        """Start before the first picture of ``stream``."""
        self._step = nominal_step(stream)
        self._far = int(_JUMP / (stream.time_base or Fraction(1, 90000)))
        self._start = stream.start_time or 0
        self._offset = 0
        self._last: int | None = None
        self._last_step = self._step

    def stamp(self, raw: VideoFrame) -> int:
        """The time of the next picture in presentation order, in ticks."""
        pts = raw.pts
        if self._last is None:
            found = next((t for t in (pts, raw.dts) if t is not None), self._start)
        elif pts is None:
            found = self._last + self._last_step
        else:
            if pts + self._offset < self._last - self._far:
                self._offset = self._last + self._last_step - pts
            found = max(pts + self._offset, self._last + 1)
        self._last = found
        self._last_step = raw.duration or self._step
        return found


def packet_times(path: StrPath) -> NDArray[np.int64] | None:
    """All presentation times of the main video, sorted, without decoding; None if not all are good.

    Reads the file once and remembers the answer until the file changes.

    Raises:
        InputError: not readable, or without video.
    """
    try:
        state = Path(path).stat()
    except (OSError, ValueError):
        with open_input(path):  # says what is wrong
            return None
    return _packet_times(str(Path(path).absolute()), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=16)
def _packet_times(path: str, size: int, changed: int) -> NDArray[np.int64] | None:
    with open_input(path) as container:
        stream = main_video(container)
        if stream is None:
            return None
        found = _scan(container, stream)
    if found is None:
        return None
    times = np.sort(np.array(found, np.int64))
    return times if len(times) and bool(np.all(np.diff(times) > 0)) else None


def _scan(container: av.container.InputContainer, stream: VideoStream) -> list[int] | None:
    found: list[int] = []
    far = int(_JUMP / (stream.time_base or Fraction(1, 90000)))
    try:
        for packet in demuxed(container, stream):
            if packet.size == 0:
                continue
            if packet.pts is None or (found and packet.pts < found[-1] - far):
                return None
            found.append(packet.pts)
    except av.error.FFmpegError:
        return None
    return found
