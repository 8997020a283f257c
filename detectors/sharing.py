"""How the processors are shared between what goes on at once."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

import cv2


def processors() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def narrow(threads: int) -> Iterator[None]:
    """Have one call of OpenCV stay in one thread, and one of torch, if loaded, in ``threads``."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with contextlib.ExitStack() as stack:
            if "torch" in sys.modules:
                from avsynth.weights.threads import threads as limited

                stack.enter_context(limited(threads))
            yield
    finally:
        cv2.setNumThreads(before)
