"""Progress bars on the terminal: stage, frames a second, time left."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avsynth.pipelines.progress import Step

_LINE_EVERY_S = 15.0  # where there is no terminal to draw on


@contextlib.contextmanager
def bars(quiet: bool = False) -> Iterator[Callable[[Step], None]]:
    """A callback for ``progress=`` that draws on standard error; nothing when ``quiet``."""
    if quiet:
        yield lambda step: None
    elif sys.stderr.isatty():
        yield from _drawn()
    else:
        yield _lines()


def _drawn() -> Iterator[Callable[[Step], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(), TextColumn("{task.description:14}"), BarColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}
        since: dict[str, float] = {}

        def show(step: Step) -> None:
            if step.stage not in tasks:
                tasks[step.stage] = progress.add_task(step.stage, total=step.total, rate="")
                since[step.stage] = time.monotonic()
            rate = step.done / max(time.monotonic() - since[step.stage], 1e-6)
            told = f"{_amount(step.done, step)} ({_speed(rate, step)})" if step.done else ""
            progress.update(tasks[step.stage], completed=step.done, total=step.total, rate=told)

        yield show


def _lines() -> Callable[[Step], None]:
    """One line a stage, and one every now and then, for logs."""
    stage, since, told = "", 0.0, 0.0

    def show(step: Step) -> None:
        nonlocal stage, since, told
        now = time.monotonic()
        if step.stage != stage:
            stage, since, told = step.stage, now, now
            print(f"{step.stage} ...", file=sys.stderr)
        elif now - told > _LINE_EVERY_S:
            told = now
            rate = step.done / max(now - since, 1e-6)
            left = f", {(step.total - step.done) / rate:.0f} s left" if step.total and rate else ""
            of = f" of {_amount(step.total, step)}" if step.total else ""
            done, speed = _amount(step.done, step), _speed(rate, step)
            print(f"{step.stage}: {done}{of} ({speed}{left})", file=sys.stderr)

    return show


def _amount(items: float, step: Step) -> str:
    return f"{items:.0f} s" if step.unit == "s" else f"{items}"


def _speed(rate: float, step: Step) -> str:
    if step.unit == "s":
        return f"{rate:.1f} x real time"
    return f"{rate:.0f}/s" if rate >= 10 else f"{rate:.2g}/s"
