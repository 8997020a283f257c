"""Keep a library from making this process a real-time one.

SVT-AV1, run by root on Linux, moves the thread that opens it, and its own, to the highest
real-time priority. From then on a thread that waits by spinning (OpenMP's do) never gives way to
the one it waits for, and nothing else on the machine runs either.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def ordinary_scheduling() -> Iterator[None]:
    """What happens inside leaves no thread of this process with another scheduling than now."""
    if sys.platform != "linux":
        yield
        return
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    before = {thread: os.sched_getscheduler(thread) for thread in _threads()}
    try:
        yield
    finally:
        for thread in _threads():
            with contextlib.suppress(OSError):  # it has just ended
                if os.sched_getscheduler(thread) != before.get(thread, policy):
                    os.sched_setscheduler(thread, policy, parameter)


def _threads() -> list[int]:
    return [int(entry.name) for entry in Path("/proc/self/task").iterdir()]
