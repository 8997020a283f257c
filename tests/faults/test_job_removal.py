"""A process that is killed while it deletes a job's folder leaves nothing that misleads."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from avsynth.pipelines.job import Job

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing can be forked here")
NAMES = ("frames.npy", "tracks", "segment-000000.nut", "segment-000000.json")


def job_of(out: Path, **settings: object) -> Job:
    with Job(out, settings) as job:
        for name in NAMES:
            job.write_json(name, 1)
    return job


def killed_at_deletion(number: int, work: Callable[[], object]) -> None:
    """``work`` in a process that is killed before it deletes its ``number``-th file."""
    child = os.fork()
    if not child:
        left = [number]

        def count(event: str, _: object) -> None:
            if event == "os.remove":
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.parametrize("number", range(1, 9))
def test_of_a_finished_job(number: int, tmp_path: Path) -> None:
    job = job_of(tmp_path / "out.mp4", a=1)
    killed_at_deletion(number, job.remove)
    _all_or_nothing(tmp_path, a=1)


@pytest.mark.parametrize("number", range(1, 9))
def test_of_a_job_with_other_settings(number: int, tmp_path: Path) -> None:
    job_of(tmp_path / "out.mp4", a=1)
    killed_at_deletion(number, lambda: Job(tmp_path / "out.mp4", {"a": 2}))
    _all_or_nothing(tmp_path, a=1)


def _all_or_nothing(folder: Path, **settings: object) -> None:
    job = Job(folder / "out.mp4", settings)
    there = [name for name in NAMES if job.done(name)]
    assert there == (list(NAMES) if job.resumed else [])
