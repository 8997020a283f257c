"""Memory of a job over time, seen from outside: what it grows by, stage by stage."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psutil
from forked import Run

_MB = 1e6
_SETTLING = 0.2  # of a stage's samples, at its beginning, say nothing of growth


@dataclass(frozen=True)
class Sample:
    """At ``second``: the stage, resident MB of the job and its children, their processor time."""

    second: float
    stage: str
    megabytes: float
    processor: float


def watch(run: Run, every: float, limit: float) -> list[Sample]:
    """Look at a job ``every`` so many seconds until it ends, ``limit`` seconds at most."""
    found: list[Sample] = []
    looks = 0
    while run.wait(looks * every):
        looks += 1
        assert looks * every < limit, f"not done after {limit:.0f} s: {run.stage}"
        with contextlib.suppress(psutil.Error):
            main = psutil.Process(run.pid)
            family = [main, *main.children(recursive=True)]
            used = sum(p.memory_info().rss for p in family) / _MB
            spent = sum(sum(p.cpu_times()[:2]) for p in family)
            found.append(Sample(looks * every, run.stage, used, spent))
    return found


def growth(samples: Sequence[Sample]) -> float:
    """MB by which memory rises from the first to the last sample, on the line of least squares.

    The first fifth is left out; 0 where there are too few samples.
    """
    samples = samples[round(_SETTLING * len(samples)) :]
    if len(samples) < 5:
        return 0.0
    seconds = np.array([sample.second for sample in samples])
    used = np.array([sample.megabytes for sample in samples])
    slope = np.polyfit(seconds, used, 1)[0]
    return float(slope * (seconds[-1] - seconds[0]))


def stages(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """Samples by stage, in order."""
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.stage, []).append(sample)
    return found
