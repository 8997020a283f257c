"""Over how many threads torch splits one call."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Have torch split a call over ``count`` threads, in threads that begin inside too."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch from splitting one call over several threads, in threads that begin inside too.

    Where several threads call, or the machine is busy, splitting costs more than it gains.
    """
    with threads(1):
        yield
