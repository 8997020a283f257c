"""What a network costs: real-time factor by threads, and parameters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import nn


def real_time_factor(
    work: Callable[[], object], seconds: float, threads: int, repeats: int = 3
) -> float:
    """Time of ``work`` over the ``seconds`` of sound that it makes; median of ``repeats``.

    With torch on ``threads`` threads; called once before, unmeasured. Other engines keep the
    threads that they were opened with. Says something only on a machine that is otherwise idle.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        work()
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    return float(np.median(times)) / seconds


def parameter_count(modules: Iterable[nn.Module]) -> int:
    """Parameters of several networks together; what they share counts once."""
    found = {id(p): p.numel() for module in modules for p in module.parameters()}
    return sum(found.values())
