"""Stages that overlap: an iterator run ahead in a thread, behind a bounded queue.

PyAV, OpenCV and torch release the interpreter lock, so threads are enough to keep two cores busy.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")


def in_order(
    work: Callable[[S], T], items: Iterable[S], workers: int, depth: int = 8
) -> Iterator[T]:
    """``work`` of every item, in order, on ``workers`` threads, at most ``depth`` items ahead.

    An error is raised where its item's result was due; what was begun is finished first.
    """
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[T]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def grouped(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of ``size`` items, the last one of what is left."""
    iterator = iter(items)
    while group := list(itertools.islice(iterator, size)):
        yield group


class _End:
    """Marks the end of a stage, with the error that ended it if there was one."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


_POLL_S: Final = 0.1


class Ahead(Generic[T]):
    """Iterates ``source`` in a thread of its own, at most ``depth`` items ahead.

    Errors of the source are raised to the consumer, after the items that came before them. Leaving
    the ``with`` block (or ``close``) stops the thread and closes the source.
    """

    def __init__(self, source: Iterable[T], depth: int = 8) -> None:
        self._queue: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(source,), daemon=True)
        self._thread.start()

    def _run(self, source: Iterable[T]) -> None:
        error: BaseException | None = None
        try:
            iterator = iter(source)
            try:
                for item in iterator:
                    if not self._put(item):
                        break
            finally:
                close = getattr(iterator, "close", None)
                if close is not None:
                    close()
        except BaseException as e:  # all of them: the consumer waits for an end
            error = e
        self._put(_End(error))

    def _put(self, item: T | _End) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=_POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def __iter__(self) -> Iterator[T]:
        while True:
            item = self._queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    def __enter__(self) -> Ahead[T]:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the thread; items not consumed are dropped."""
        self._stopped.set()
        self._thread.join()
