"""Worker processes that scan one file at a time: one that dies or hangs costs its file alone.

The workers are forked from a server that has imported the heavy libraries once, so that one more
costs little time and memory; each loads one set of networks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from avsynth.errors import InputError
from avsynth.pipelines.progress import Callback, Step
from detectors.options import ScanOptions
from detectors.scan import Scanner
from detectors.sharing import narrow, start_workers
from detectors.stored import at_hand, sendable, told_of, unreachable
from detectors.verdict import Verdict
from detectors.walk import Item, is_media

if TYPE_CHECKING:  # Windows has not all of them
    from multiprocessing.context import (
        ForkServerContext,
        ForkServerProcess,
        SpawnContext,
        SpawnProcess,
    )

#: Seconds in which a worker must move on with its file.
PATIENCE: Final = 300.0

Outcome = tuple[Item, Verdict | None]

_PRELOADED: Final = ["torch", "mediapipe.python", "detectors.scan", "detectors.report.html"]
_LOOK_S: Final = 1.0
_AHEAD: Final = 64  # results kept back at most, where order is kept
_FILES_EACH: Final = 2000  # then a worker is replaced: libraries leak now and then


@dataclass(frozen=True, slots=True)
class Order:
    """What workers do with every file: a page of each goes into the folder ``pages``."""

    options: ScanOptions
    pages: Path | None = None
    threads: int = 1


#: A worker's life, with its end of a connection.
Work = Callable[[Connection, Order], None]


class Pool:
    """Use it in a ``with`` block; leaving it ends the workers, whatever they are doing."""

    def __init__(
        self, order: Order, jobs: int, patience: float = PATIENCE, work: Work | None = None
    ) -> None:
        """``jobs`` workers; one that does not move on for ``patience`` seconds is ended.

        ``work`` is what they do with their end of a connection, ``scan_all`` by default.
        """
        self._order, self._patience = order, patience
        self._settings = order.options.settings()
        context = start_workers(_PRELOADED)
        self._workers = [_Worker(context, order, work or scan_all) for _ in range(jobs)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for worker in self._workers:
            worker.end()

    def run(self, items: Iterable[Item], in_order: bool = False) -> Iterator[Outcome]:
        """Each item with its verdict, None where it proved to be no media; as they are done.

        ``in_order``: in the items' order, a bounded number being kept back.

        Raises:
            AvsynthError: what no file can be scanned without is missing, such as weights.
        """
        waiting = enumerate(items)
        kept: dict[int, Outcome] = {}
        due, more = 0, True
        while more or any(worker.busy for worker in self._workers):
            for worker in self._workers:
                if more and not worker.busy and len(kept) < _AHEAD:
                    following = next(waiting, None)
                    more = following is not None
                    if following is not None:
                        number, item = following
                        worker.give(number, sendable(item))
            for number, outcome in self._finished():
                kept[number] = outcome
            while kept and (not in_order or due in kept):
                yield kept.pop(due if in_order else next(iter(kept)))
                due += 1

    def _finished(self) -> Iterator[tuple[int, Outcome]]:
        """What workers have done, or died of, since the last look."""
        busy = {worker.connection: worker for worker in self._workers if worker.busy}
        heard = wait(list(busy), _LOOK_S)  # on Windows of another class than Connection
        ready = {worker for connection, worker in busy.items() if connection in heard}
        for worker in busy.values():
            number, item = worker.number, worker.item
            assert item is not None
            try:
                found = worker.take() if worker in ready else None
            except (EOFError, OSError):
                why = f"the process that looked at it died ({worker.end()})"
                found = (unreachable(item, InputError(why), self._settings),)
            if found is None and worker.silent_for > max(self._patience, worker.start_up):
                worker.end()
                why = f"given up: nothing moved for {self._patience:.0f} s"
                found = (unreachable(item, InputError(why), self._settings),)
            if found is not None:
                yield number, (item, found[0])


class _Worker:
    """One process and the file it is at; the process is started when it is first needed."""

    def __init__(self, context: ForkServerContext | SpawnContext, order: Order, work: Work) -> None:
        self._context, self._order, self._work = context, order, work
        self._process: ForkServerProcess | SpawnProcess | None = None
        self._files = 0
        self._moved = 0.0
        self._begun = False
        self.connection: Connection
        self.number = 0
        self.item: Item | None = None

    @property
    def busy(self) -> bool:
        """Whether it is at a file."""
        return self.item is not None

    @property
    def silent_for(self) -> float:
        """Seconds since it last moved on."""
        return time.monotonic() - self._moved

    @property
    def start_up(self) -> float:
        """Seconds that it may be silent because it is loading its networks."""
        return 0.0 if self._begun else PATIENCE

    def give(self, number: int, item: Item) -> None:
        """Have it look at a file."""
        if self._process is not None and self._files >= _FILES_EACH:
            self.end()
        if self._process is None:
            self._start()
        self._files += 1
        self.number, self.item, self._moved = number, item, time.monotonic()
        with contextlib.suppress(OSError):  # a dead one is seen when its answer is waited for
            self.connection.send(item)

    def take(self) -> tuple[Verdict | None] | None:
        """Its answer, None while there is none. EOFError when it has died."""
        while self.connection.poll():
            found = self.connection.recv()
            self._moved, self._begun = time.monotonic(), True
            if isinstance(found, BaseException):
                raise found
            if not isinstance(found, Step):
                self.item = None
                return (found,)
        return None

    def end(self) -> str:
        """End it now; says how it ended."""
        self.item = None
        process, self._process = self._process, None
        if process is None:
            return "not started"
        self.connection.close()
        process.join(0.5)
        if process.is_alive():
            process.kill()
            process.join()
        code = process.exitcode or 0
        process.close()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def _start(self) -> None:
        self.connection, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=_begin, args=(dict(os.environ), self._work, theirs, self._order),
            daemon=True, name="scan",
        )  # fmt: skip
        self._process.start()
        theirs.close()
        self._files, self._begun = 0, False


def _begin(environment: dict[str, str], work: Work, connection: Connection, order: Order) -> None:
    """Work with our environment: the server that workers are forked from has that of its start."""
    os.environ.update(environment)
    work(connection, order)


def scan_all(connection: Connection, order: Order) -> None:
    """A worker's life: files in, verdicts and signs of life out, until nobody listens."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and ends us
    with narrow(), Scanner(order.options, threads=order.threads) as scanner:
        try:
            scanner.load()
            connection.send(Step("ready", 0, None))
            while True:
                connection.send(look(scanner, connection.recv(), order.pages, connection.send))
        except (EOFError, ConnectionError):
            return
        except Exception as error:
            connection.send(error)


def look(
    scanner: Scanner, item: Item, pages: Path | None, progress: Callback | None = None
) -> Verdict | None:
    """The verdict on an item, its page written; None where it proves to be no media."""
    try:
        with at_hand(item) as path:
            if not item.sure and not is_media(path):
                return None
            verdict = told_of(item, scanner.scan(path, progress))
    except InputError as error:
        verdict = unreachable(item, error, scanner.options.settings())
    if pages is not None:
        from detectors.report import html

        html.write(verdict, pages / html.page_name(verdict))
    return verdict
