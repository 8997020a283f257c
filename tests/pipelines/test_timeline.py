"""Which source frame is shown when: the five fits, steady and variable frame rates."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avsynth.errors import UsageError
from avsynth.pipelines.timeline import Fit, Timeline, fit

BASE = Fraction(1, 1000)
STEADY = np.arange(10, dtype=np.int64) * 40  # ends at 400 ms
LONGER = (Fit.HOLD, Fit.LOOP, Fit.PINGPONG)


def fitted(speech: Fraction | float, how: Fit) -> Timeline:
    return fit(STEADY, 400, BASE, Fraction(speech), how)


@pytest.mark.parametrize("how", [Fit.TRIM, *LONGER])
def test_shorter_speech_leaves_the_picture_as_it_is(how: Fit) -> None:
    line = fitted(Fraction(1, 10), how)
    assert line.source.tolist() == list(range(10)) and line.pts.tolist() == STEADY.tolist()
    assert not line.extended and line.duration == Fraction(2, 5)


def test_trim_never_changes_the_picture() -> None:
    line = fitted(99, Fit.TRIM)
    assert line.pts.tolist() == STEADY.tolist() and not line.extended


def test_error_allows_one_frame_and_no_more() -> None:
    assert len(fitted(Fraction(440, 1000), Fit.ERROR)) == 10
    assert len(fitted(Fraction(360, 1000), Fit.ERROR)) == 10
    for speech in (Fraction(442, 1000), Fraction(358, 1000)):
        with pytest.raises(UsageError, match=r"picture of 0\.400 s"):
            fitted(speech, Fit.ERROR)


def test_hold_repeats_the_last_picture_until_the_speech_ends() -> None:
    line = fitted(Fraction(490, 1000), Fit.HOLD)
    assert line.source.tolist() == [*range(10), 9, 9, 9]
    assert line.pts.tolist() == [*STEADY, 400, 440, 480] and line.end == 520


def test_loop_starts_again() -> None:
    line = fitted(Fraction(490, 1000), Fit.LOOP)
    assert line.source.tolist() == [*range(10), 0, 1, 2]
    assert line.pts.tolist() == [*STEADY, 400, 440, 480] and line.end == 520


def test_ping_pong_runs_backwards_then_forwards() -> None:
    line = fitted(Fraction(1), Fit.PINGPONG)
    up, down = list(range(10)), list(range(9, -1, -1))
    assert line.source.tolist() == [*up, *down, *up[:5]]
    assert line.pts.tolist() == (np.arange(25) * 40).tolist()


def test_ping_pong_shows_each_picture_as_long_backwards_as_forwards() -> None:
    pts, end = np.array([0, 10, 50, 60]), 100  # shown for 10, 40, 10 and 40
    line = fit(pts, end, BASE, Fraction(2, 10), Fit.PINGPONG)
    assert line.source.tolist() == [0, 1, 2, 3, 3, 2, 1, 0]
    assert np.diff([*line.pts, line.end]).tolist() == [10, 40, 10, 40, 40, 10, 40, 10]


def test_times_start_at_the_first_frame_whatever_its_time_stamp() -> None:
    line = fit(STEADY + 7000, 7400, BASE, Fraction(3), Fit.LOOP)
    assert line.pts[0] == 7000 and line.times()[0] == 0.0
    assert line.times(3, 5).tolist() == [0.12, 0.16]


@st.composite
def fits(draw: st.DrawFn) -> tuple[np.ndarray, Timeline, Fraction, Fit]:
    steps = draw(st.lists(st.integers(1, 400), min_size=1, max_size=40))
    start = draw(st.integers(-1000, 10**6))
    pts = start + np.concatenate([[0], np.cumsum(steps[:-1])]).astype(np.int64)
    end = start + sum(steps)
    speech = Fraction(draw(st.integers(0, 4 * sum(steps) + 50)), 1000)
    how = draw(st.sampled_from([Fit.TRIM, *LONGER]))
    return pts, fit(pts, end, BASE, speech, how), speech, how


@given(fits())
def test_times_rise_and_nothing_of_the_source_is_lost(
    case: tuple[np.ndarray, Timeline, Fraction, Fit],
) -> None:
    pts, line, speech, how = case
    assert np.all(np.diff(line.pts) > 0) and line.end > line.pts[-1]
    assert line.source[: len(pts)].tolist() == list(range(len(pts)))
    assert line.pts[: len(pts)].tolist() == pts.tolist()
    assert len(line.source) == len(line.pts) == len(line)
    assert set(line.source) <= set(range(len(pts)))
    if how is not Fit.TRIM:
        shown = np.diff([*line.pts, line.end])
        assert line.duration >= speech - max(shown) * BASE
        if line.extended:  # and no more than the frame in which the speech ends
            assert line.pts[-1] * BASE - line.pts[0] * BASE <= speech


@given(fits())
def test_extended_parts_mirror_or_repeat_the_source(
    case: tuple[np.ndarray, Timeline, Fraction, Fit],
) -> None:
    pts, line, _, how = case
    more, n = line.source[len(pts) :], len(pts)
    one_round = {Fit.HOLD: [n - 1], Fit.LOOP: [*range(n)], Fit.TRIM: [0],
                 Fit.PINGPONG: [*range(n - 1, -1, -1), *range(n)]}[how]  # fmt: skip
    expected = np.resize(one_round, len(more))
    assert more.tolist() == expected.tolist()


def _through(line: Timeline, first: int, stop: int) -> list[int]:
    """Source frames as a reader that believes ``runs`` would bring them."""
    found: list[int] = []
    for a, b, step in line.runs(first, stop):
        low, high = int(line.source[a]), int(line.source[b - 1])
        if step == 0:
            found += [int(n) for n in line.source[a:b]]
        elif step > 0:
            found += range(low, high + 1)
        else:
            found += range(low, high - 1, -1)
    return found


@given(fits(), st.data())
def test_runs_cover_every_frame_in_order(
    case: tuple[np.ndarray, Timeline, Fraction, Fit], data: st.DataObject
) -> None:
    _, line, _, _ = case
    first = data.draw(st.integers(0, len(line) - 1))
    stop = data.draw(st.integers(first + 1, len(line)))
    assert _through(line, first, stop) == line.source[first:stop].tolist()


def test_a_segment_that_begins_just_before_the_loop_starts_again() -> None:
    line = fitted(Fraction(2), Fit.LOOP)
    assert _through(line, 9, 15) == [9, 0, 1, 2, 3, 4]


@given(fits(), st.floats(0.05, 5))
def test_segments_cut_the_time_line_without_gap(
    case: tuple[np.ndarray, Timeline, Fraction, Fit], seconds: float
) -> None:
    line = case[1]
    segments = line.segments(seconds)
    assert segments[0].first == 0 and segments[-1].stop == len(line)
    assert all(a.stop == b.first for a, b in pairwise(segments))
    assert [s.number for s in segments] == list(range(len(segments)))
    for segment in segments:
        times = line.times(segment.first, segment.stop)
        assert len(times) and times[-1] - times[0] <= seconds
