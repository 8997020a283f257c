"""Units of work on a cluster: workers hold loaded models, a lost one costs one unit again.

``run`` hands a unit to a worker when that has nothing to do, and reads no further: whatever feeds
it is never ahead by more than there are workers. What to do with a result is the caller's.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final, Generic, TypeVar

import avsynth
from avsynth.cluster.connection import Cluster, connected, required_ray
from avsynth.cluster.worker import Failure, NotHere, Worker, alive
from avsynth.errors import ResourceError

__all__ = ["Cluster", "Done", "NotHere", "alive", "connected", "run"]

U = TypeVar("U")
R = TypeVar("R")

_LOOK_S: Final = 1.0
_ANSWER_S: Final = 5.0  # in which a worker says how long it has been silent
_START_S: Final = 300.0  # in which workers are there and have loaded their models
_END_S: Final = 3.0
_UNITS_EACH: Final = 2000  # then a worker is replaced: libraries leak now and then
_STARTS: Final = 3  # that fail one after the other, then it is given up


@dataclass(frozen=True)
class Done(Generic[U, R]):
    """A unit that is done with.

    Attributes:
        unit: as it was given.
        result: what the work returned; None where ``lost``.
        lost: why there is no result, in a line: every try lost its worker, or was silent too long.
    """

    unit: U
    result: R | None
    lost: str | None = None


def run(
    cluster: Cluster, make: Callable[[], Callable[[U], R]], units: Iterable[U], *,
    tries: int = 2, patience: float = 300.0, instead: Callable[[U], U] | None = None,
) -> Iterator[Done[U, R]]:  # fmt: skip
    """Do ``units`` on ``cluster``, yielding each as it is done; leaving ends the workers.

    Args:
        cluster: where.
        make: called once in every worker, in a process of its own, where it loads what the work
            needs; returns the work, called with a unit at a time. Both units and results are
            pickled, and so is ``make``.
        units: read only as workers have room for them.
        tries: how often a unit is begun whose worker dies or hangs.
        patience: seconds without ``alive()`` after which a worker hangs.
        instead: what a unit becomes where the work raises ``NotHere`` for it, such as one with the
            bytes of its file; not counted as a try.

    Raises:
        AvsynthError: as the work or ``make`` raised it; it ends the run. So does any other error.
        ResourceError: no Ray, no cluster, or workers that cannot begin.
    """
    waiting = iter(units)
    first = list(islice(waiting, 1))  # what cannot even be listed is said before anything starts
    if not first:
        return
    with connected(cluster) as jobs:
        first += islice(waiting, jobs - 1)
        crew: _Crew[U, R] = _Crew(make, chain(first, waiting), tries, patience, instead)
        try:
            yield from crew.results(len(first))
        finally:
            crew.end()


@dataclass(eq=False)
class _Task(Generic[U]):
    """A unit on its way: ``form`` is what the worker gets."""

    unit: U
    form: U
    begun: int = 0


@dataclass(eq=False)
class _Hand(Generic[U]):
    """A worker and what it is asked for: to be ready, to do a task, or (None) nothing."""

    actor: Any
    answer: Any
    task: _Task[U] | None = None
    moved: float = 0.0
    units: int = 0


class _Crew(Generic[U, R]):
    """The workers of a run."""

    def __init__(
        self, make: Callable[[], Callable[[U], R]], units: Iterator[U], tries: int,
        patience: float, instead: Callable[[U], U] | None,
    ) -> None:  # fmt: skip
        self._ray = required_ray("")
        self._make, self._units, self._instead = make, units, instead
        self._tries, self._patience = tries, patience
        self._again: deque[_Task[U]] = deque()
        self._more = True
        self._hands: list[_Hand[U]] = []
        self._failed_starts = 0

    def results(self, hands: int) -> Iterator[Done[U, R]]:
        """Every unit as it is done, by so many workers."""
        for _ in range(hands):
            self._hire()
        while True:
            for hand in list(self._hands):
                if hand.answer is None:
                    self._give(hand)
            if not (self._more or self._again or any(hand.task for hand in self._hands)):
                return
            asked = {hand.answer: hand for hand in self._hands if hand.answer is not None}
            ready, _ = self._ray.wait(list(asked), num_returns=1, timeout=_LOOK_S)
            for answer in ready:
                yield from self._heard(asked[answer])
            yield from self._silent()

    def end(self) -> None:
        """End the workers, whatever they are doing; the idle ones may tidy up first."""
        idle = [hand.actor for hand in self._hands if hand.answer is None]
        with contextlib.suppress(self._ray.exceptions.RayError):
            asked = [actor.__ray_terminate__.remote() for actor in idle]
            if asked:
                self._ray.wait(asked, num_returns=len(asked), timeout=_END_S)
        while self._hands:
            self._dismiss(self._hands[0])

    def _hire(self) -> None:
        options = {"num_cpus": 1, "max_restarts": 0, "concurrency_groups": {"life": 1}}
        actor = self._ray.remote(**options)(Worker).remote(self._make, avsynth.__version__)
        self._hands.append(_Hand(actor, actor.ready.remote(), moved=time.monotonic()))

    def _dismiss(self, hand: _Hand[U]) -> None:
        self._hands.remove(hand)
        self._ray.kill(hand.actor, no_restart=True)

    def _give(self, hand: _Hand[U]) -> None:
        """Have it do what is next, if anything."""
        if self._again:
            hand.task = self._again.popleft()
        else:
            following = list(islice(self._units, 1)) if self._more else []
            self._more = bool(following)
            if not following:
                return
            hand.task = _Task(following[0], following[0])
        hand.units += 1
        hand.moved = time.monotonic()
        hand.answer = hand.actor.work.remote(hand.task.form)

    def _heard(self, hand: _Hand[U]) -> Iterator[Done[U, R]]:
        """What a worker has answered, or died of."""
        try:
            found = self._ray.get(hand.answer)
        except self._ray.exceptions.RayError as error:
            yield from self._lost(hand, _cause(error))
            return
        task, hand.task, hand.answer = hand.task, None, None
        if hand.units >= _UNITS_EACH:
            self._dismiss(hand)
            self._hire()
        if task is None:
            self._failed_starts = 0
        if isinstance(found, Failure):
            if task is None or self._instead is None or not isinstance(found.error, NotHere):
                raise found.error
            task.form = self._instead(task.unit)
            self._again.appendleft(task)
        elif task is not None:
            yield Done(task.unit, found)

    def _lost(self, hand: _Hand[U], why: str) -> Iterator[Done[U, R]]:
        """A worker is gone: its unit is begun again, or given up; another takes its place."""
        self._dismiss(hand)
        task = hand.task
        if task is None:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise ResourceError(f"workers cannot begin: {why}")
        else:
            task.begun += 1
            if task.begun < self._tries:
                self._again.append(task)
        if self._more or self._again:
            self._hire()
        if task is not None and task.begun >= self._tries:
            each = f", at each of {self._tries} tries" if self._tries > 1 else ""
            yield Done(task.unit, None, why + each)

    def _silent(self) -> Iterator[Done[U, R]]:
        """Those who have not answered for too long, and do not say that they are at it."""
        now = time.monotonic()
        for hand in list(self._hands):
            if hand.answer is None:
                continue
            if hand.task is None:
                if now - hand.moved > _START_S and not any(each.task for each in self._hands):
                    raise ResourceError(
                        f"no worker began within {_START_S:.0f} s",
                        hint="is a processor of the cluster free?",
                    )
            elif now - hand.moved > self._patience:
                silent = self._silence(hand)
                if silent > self._patience:
                    why = f"the worker gave no sign of life for {self._patience:.0f} s"
                    yield from self._lost(hand, why)
                else:
                    hand.moved = now - silent

    def _silence(self, hand: _Hand[U]) -> float:
        """Seconds, by its own account; no answer is endless."""
        asked = hand.actor.silent_for.options(concurrency_group="life").remote()
        try:
            return float(self._ray.get(asked, timeout=_ANSWER_S))
        except self._ray.exceptions.RayError:
            return float("inf")


def _cause(error: BaseException) -> str:
    """Why a worker is gone, in a line."""
    said = str(error)
    if "No module named 'avsynth" in said:
        return "avsynth is not installed on the workers"
    if "memory" in said.lower() and "OutOfMemory" in type(error).__name__:
        return "the worker ran out of memory"
    return "the worker died"
