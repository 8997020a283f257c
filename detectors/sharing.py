"""How the processors are shared between what goes on at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import cv2

from avsynth.cluster.connection import processors as processors

if TYPE_CHECKING:  # Windows has not both of them
    from multiprocessing.context import ForkServerContext, SpawnContext


def start_workers(preloaded: Sequence[str]) -> ForkServerContext | SpawnContext:
    """How worker processes begin: forked from a server that has imported ``preloaded`` once.

    Where nothing can be forked (Windows), each begins anew and imports for itself.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preloaded))
    return context


@contextlib.contextmanager
def narrow() -> Iterator[None]:
    """Have a call of OpenCV, and of torch if it is loaded, stay in one thread.

    Decoding, faces and detectors work at once; on a busy machine torch's threads wait for each
    other longer than they compute.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with contextlib.ExitStack() as stack:
            if "torch" in sys.modules:
                from avsynth.weights.threads import one_thread

                stack.enter_context(one_thread())
            yield
    finally:
        cv2.setNumThreads(before)
