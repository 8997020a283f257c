"""Which source frame is shown when: how picture and speech of different lengths are fitted."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import UsageError

Integers = NDArray[np.int64]

_SEGMENT_SECONDS = 10


class Fit(enum.StrEnum):
    """What happens when the new speech and the picture differ in length."""

    TRIM = "trim"  # the picture keeps its length; longer speech is cut, shorter ends in silence
    HOLD = "hold"  # longer speech: the last picture stands still until it ends
    LOOP = "loop"  # longer speech: the picture starts again
    PINGPONG = "ping-pong"  # longer speech: the picture runs backwards, then forwards again
    ERROR = "error"  # refuse when they differ by more than one frame


@dataclass(frozen=True, slots=True)
class Segment:
    """Output frames ``first`` to ``stop`` (half open): rendered, encoded and kept on its own."""

    number: int
    first: int
    stop: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """For every output frame: which source frame it shows, and when.

    Attributes:
        source: int64 (N,), numbers of source frames.
        pts: int64 (N,), strictly rising, in units of ``time_base``.
        end: where the last frame ends, same unit.
        time_base: seconds a unit.
        extended: the output is longer than the source.
    """

    source: Integers
    pts: Integers
    end: int
    time_base: Fraction
    extended: bool

    def __len__(self) -> int:
        return len(self.source)

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's start to the last one's end."""
        return (self.end - int(self.pts[0])) * self.time_base

    def times(self, first: int = 0, stop: int | None = None) -> NDArray[np.float64]:
        """Seconds since the first frame, float64; times are exact in ``pts``."""
        ticks = (self.pts[first:stop] - self.pts[0]).astype(np.float64)
        return np.asarray(ticks * float(self.time_base))

    def segments(self, seconds: float = _SEGMENT_SECONDS) -> list[Segment]:
        """Cut into stretches of about ``seconds``."""
        ticks = (self.pts - self.pts[0]) * float(self.time_base) // seconds
        cuts = [0, *(np.flatnonzero(np.diff(ticks)) + 1), len(self)]
        return [Segment(n, int(a), int(b)) for n, (a, b) in enumerate(itertools.pairwise(cuts))]

    def runs(self, first: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Runs (first, stop, step) of output frames whose sources go up, down or stand still."""
        steps = np.diff(self.source[first:stop])
        start = 0
        while start < stop - first:
            if start == len(steps):
                yield first + start, stop, 1
                return
            step = int(steps[start])
            if abs(step) > 1:  # the picture starts again: a run ends here
                yield first + start, first + start + 1, 1
                start += 1
                continue
            end = start + 1
            while end < len(steps) and steps[end] == steps[start]:
                end += 1
            yield first + start, first + end + 1, step
            start = end + 1


def fit_note(timeline: Timeline, speech: Fraction, how: Fit) -> str:
    """What fitting did, for the report."""
    picture = float(timeline.duration)
    return (
        f"{how.value}: speech {float(speech):.3f} s, output {picture:.3f} s"
        + (", picture extended" if timeline.extended else "")
        + (", speech cut" if float(speech) > picture + 0.001 else "")
        + (", silence at the end" if float(speech) < picture - 0.001 else "")
    )


def fit(
    source_pts: Integers, end: int, time_base: Fraction, speech: Fraction, how: Fit
) -> Timeline:
    """Fit a picture with frames at ``source_pts`` (ending at ``end``) to ``speech`` seconds.

    Raises:
        UsageError: ``how`` is ERROR and the lengths differ by more than one frame.
    """
    count = len(source_pts)
    length = end - int(source_pts[0])
    last = end - int(source_pts[-1])
    wanted = int(speech / time_base)
    numbers = np.arange(count, dtype=np.int64)
    if how is Fit.ERROR and abs(wanted - length) > last:
        raise UsageError(
            f"speech of {float(speech):.3f} s, picture of {float(length * time_base):.3f} s",
            hint="--fit trim, hold, loop or ping-pong says what to do",
        )
    missing = wanted - length
    if how in (Fit.TRIM, Fit.ERROR) or missing < last:
        return Timeline(numbers, source_pts.astype(np.int64), end, time_base, False)
    if how is Fit.HOLD:
        more = -(-missing // last)
        source = np.concatenate([numbers, np.full(more, count - 1, dtype=np.int64)])
        pts = np.concatenate([source_pts, end + last * np.arange(more, dtype=np.int64)])
        return Timeline(source, pts, end + more * last, time_base, True)
    return _repeat(source_pts, end, time_base, wanted, backwards=how is Fit.PINGPONG)


def _repeat(pts: Integers, end: int, time_base: Fraction, wanted: int, backwards: bool) -> Timeline:
    start, length = int(pts[0]), end - int(pts[0])
    durations = np.diff(np.append(pts, end))
    numbers = np.arange(len(pts), dtype=np.int64)
    rounds = -(-wanted // length)
    sources, times = [], []
    for number in range(rounds):
        reverse = backwards and number % 2 == 1
        order = numbers[::-1] if reverse else numbers
        offsets = np.concatenate([[0], np.cumsum(durations[order])[:-1]])
        sources.append(order)
        times.append(start + number * length + offsets)
    source, when = np.concatenate(sources), np.concatenate(times)
    keep = max(len(pts), int(np.searchsorted(when, start + wanted)))
    stop = int(when[keep]) if keep < len(when) else start + rounds * length
    return Timeline(source[:keep], when[:keep], stop, time_base, True)
