"""Which frames are looked at."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.feed import _Run
from detectors.looks import Look
from detectors.sampling import LEAST, LENGTH, Sampler


def taken(
    times: list[float], period: float = 1.0, duration: float | None = None
) -> list[list[int]]:
    sampler = Sampler(period, duration)
    bursts: dict[int, list[int]] = {}
    for index, time in enumerate(times):
        if sampler.take(time):
            bursts.setdefault(sampler.burst, []).append(index)
    return list(bursts.values())


def even(count: int, rate: float) -> list[float]:
    return [number / rate for number in range(count)]


@pytest.mark.parametrize("rate", [24, 25, 30, 30000 / 1001, 50, 60])
def test_eight_frames_in_a_row_begin_every_second(rate: float) -> None:
    times = even(round(20 * rate), rate)
    found = taken(times, duration=20.0)
    assert len(found) == 20
    for second, burst in enumerate(found):
        assert burst == list(range(burst[0], burst[0] + LENGTH))
        assert second <= times[burst[0]] < second + 1 / rate + 1e-9


def test_a_short_film_gives_a_few_bursts() -> None:
    assert len(taken(even(75, 25), duration=3.0)) == LEAST
    assert taken(even(20, 25), duration=0.8) == [list(range(8)), list(range(8, 16)),
                                                 list(range(16, 20))]  # fmt: skip
    assert taken([0.0], duration=None) == [[0]]
    assert taken([0.0, 0.04], duration=0.08) == [[0, 1]]


def test_a_film_that_is_longer_than_it_says_is_not_looked_at_all_over() -> None:
    found = taken(even(2500, 25), duration=0.4)
    assert len(found) == pytest.approx(100, abs=LEAST)


def test_slow_frames_follow_without_a_gap() -> None:
    found = taken(even(50, 2), duration=25.0)  # a burst takes four seconds
    assert [index for burst in found for index in burst] == list(range(50))


def test_frames_far_apart_do_not_follow_each_other() -> None:
    """One damaged time stamp in a burst: what fills the hole with pictures would take gigabytes."""
    frame, run = cast(Any, SimpleNamespace(damaged=False)), _Run(0, 1.0)
    for number, time in enumerate((0, 1, 2, 3, 4, 52_000, 52_001, 52_002)):
        run.add(Look(frame, number, time / 40, []), cut=False)
    assert [look.index for look in run.longest()] == [0, 1, 2, 3, 4]


def test_a_hole_in_time_costs_no_burst_twice() -> None:
    found = taken(even(50, 25) + [1000 + t for t in even(50, 25)])
    assert [burst[0] for burst in found] == [0, 25, 50, 75]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.fractions(Fraction(1, 1000), Fraction(3)), min_size=1, max_size=300),
    st.floats(0.1, 5.0),
    st.one_of(st.none(), st.floats(0.01, 100.0)),
)
def test_bursts_are_runs_and_no_more_often_than_asked(
    steps: list[Fraction], period: float, duration: float | None
) -> None:
    times = [float(sum(steps[:number])) for number in range(len(steps))]
    found = taken(times, period, duration)
    assert found[0][0] == 0
    for burst in found:
        assert burst == list(range(burst[0], burst[0] + len(burst))) and len(burst) <= LENGTH
    assert all(len(burst) == LENGTH for burst in found[:-1])
    assert len(found) <= LEAST + 1 + times[-1] / period
