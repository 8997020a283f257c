"""What tests of clusters share: a worker that is killed while it works."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import psutil

AT_WORK = "ray::Worker.work"  # a worker's title while it does a unit


@contextlib.contextmanager
def killing_one() -> Iterator[list[int]]:
    """Kill, as hard as can be, the first worker that is seen at a unit; its number is told."""
    killed: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not killed and not over.is_set():
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if process.cmdline()[:1] == [AT_WORK]:
                        process.kill()
                        killed.append(process.pid)
                        return
            time.sleep(0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()
