"""Iterators run ahead in a thread: order, errors, early ends, nothing left running."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from avsynth.pipelines.stages import Ahead, grouped


class Counting:
    """An endless source that says whether it was closed, and where."""

    def __init__(self) -> None:
        self.made = 0
        self.closed_in: str | None = None

    def __iter__(self) -> Iterator[int]:
        try:
            while True:
                self.made += 1
                yield self.made
        finally:
            self.closed_in = threading.current_thread().name


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_items_come_in_order() -> None:
    with Ahead(iter(range(1000)), depth=3) as stage:
        assert list(stage) == list(range(1000))


def test_work_is_done_in_another_thread_and_only_so_far_ahead() -> None:
    source = Counting()
    with Ahead(source, depth=3) as stage:
        assert next(iter(stage)) == 1
        time.sleep(0.2)
        assert source.made <= 1 + 3 + 1  # taken, queued, and one in the thread's hand
    assert source.closed_in not in (None, threading.current_thread().name)


def test_an_error_comes_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("gone")

    seen = []
    with Ahead(failing()) as stage, pytest.raises(OSError, match="gone"):
        for item in stage:
            seen.append(item)
    assert seen == [1, 2]


def test_an_error_in_closing_the_source_does_not_hang_the_consumer() -> None:
    class Bad:
        def __init__(self) -> None:
            self.left = 2

        def __iter__(self) -> Bad:
            return self

        def __next__(self) -> int:
            self.left -= 1
            if self.left < 0:
                raise StopIteration
            return self.left

        def close(self) -> None:
            raise ValueError("cannot close")

    with Ahead(Bad()) as stage, pytest.raises(ValueError, match="cannot close"):
        list(stage)


def test_leaving_early_closes_a_chain_of_stages() -> None:
    source = Counting()
    with (
        Ahead(source, depth=2) as first,
        Ahead((2 * n for n in first), depth=2) as second,
    ):
        for item in second:
            if item >= 10:
                break
    assert source.closed_in is not None


def test_an_error_of_the_consumer_stops_the_thread_and_gets_out() -> None:
    source = Counting()
    with pytest.raises(KeyError), Ahead(source, depth=2) as stage:
        for _ in stage:
            raise KeyError("mine")
    assert source.closed_in is not None


def test_it_can_be_left_without_taking_anything_and_closed_twice() -> None:
    stage = Ahead(Counting(), depth=1)
    stage.close()
    stage.close()


def test_groups_take_no_more_than_they_need() -> None:
    assert list(grouped("abcdefg", 3)) == [["a", "b", "c"], ["d", "e", "f"], ["g"]]
    assert list(grouped([], 3)) == []
    source = Counting()
    groups = grouped(source, 2)
    assert next(groups) == [1, 2] and source.made == 2
