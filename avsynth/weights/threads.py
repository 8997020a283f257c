"""Over how many threads torch splits one call."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch from splitting one call over several threads, in threads that begin inside too.

    Where several threads call, or the machine is busy, splitting costs more than it gains.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
