"""Which frames of a video are looked at: a few in a row out of every stretch."""

from __future__ import annotations

from typing import Final

#: Frames in a burst: 0.3 s at 25 frames a second.
LENGTH: Final = 8

#: However short a video is, so many bursts are drawn from it, where it has the frames.
LEAST: Final = 4


class Sampler:
    """Asked of every frame in order; a pure function of their times.

    A burst begins with the first frame of every stretch of ``period`` seconds and is ``LENGTH``
    frames long, whatever time those take: where frames come slowly, stretches pass without one of
    their own. A video that says that it is shorter than ``LEAST`` periods has shorter stretches;
    when it goes on for longer than it says, they are as long as ever.
    """

    def __init__(self, period: float, duration: float | None = None) -> None:
        """``period`` and the ``duration`` that the file claims, None unknown, in seconds."""
        self._period = period
        self._first = min(period, duration / LEAST) if duration else period
        self._next: float | None = None
        self._left = 0
        self._started = 0

    @property
    def burst(self) -> int:
        """Number of the burst that the last frame taken belongs to, from 0."""
        return self._started - 1

    @property
    def stretch(self) -> float:
        """Seconds that this burst stands for."""
        return self._first if self._started <= LEAST else self._period

    def take(self, time: float) -> bool:
        """Whether the next frame, shown at ``time`` seconds, is looked at."""
        if self._next is None:
            self._next = time
        if self._left == 0 and time >= self._next:
            self._left = LENGTH
            self._started += 1
            self._move_on(time)
        if self._left == 0:
            return False
        self._left -= 1
        return True

    def _move_on(self, time: float) -> None:
        """To the beginning of the first stretch that lies after ``time``."""
        assert self._next is not None
        self._next += self.stretch
        if self._next <= time:
            missed = int((time - self._next) // self._period) + 1
            self._next += missed * self._period
