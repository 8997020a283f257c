"""Jobs that are killed at any moment, and what must hold then and afterwards."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from dub_helpers import command
from forked import OK, Run, Work, temporary

_TRIES = 5


@dataclass(frozen=True)
class Job:
    """A job that is to be killed.

    Attributes:
        work: what it does in a folder; after a kill it is done again with ``again``.
        content: what must be equal between two folders, however often one was killed.
        between: what must hold in a folder at any moment, given the undisturbed content.
    """

    work: Work
    again: Work
    content: Callable[[Path], Any]
    between: Callable[[Path, Any], None]


@dataclass
class Undisturbed:
    """What a job comes to: content, names of all files that it leaves, seconds it took last."""

    content: Any
    names: frozenset[str]
    seconds: float


@dataclass
class Killed:
    """A job that was killed and resumed: the stages it was hit in.

    ``others_gone`` are the seconds after which processes were gone whose parent was killed,
    ``temporaries`` counts what was left where temporary files are.
    """

    stages: list[str] = field(default_factory=list)
    others_gone: float = 0.0
    temporaries: int = 0


def undisturbed(job: Job, folder: Path) -> Undisturbed:
    """Let a job end in peace."""
    folder.mkdir()
    run = Run(job.work, folder, _log(folder))
    assert run.end() in OK, run.log.read_text()
    seconds = time.monotonic() - run.begun
    return Undisturbed(job.content(folder), names(folder), seconds)


def kill_and_resume(
    job: Job, whole: Undisturbed, moments: Sequence[float], folder: Path, with_all: bool = True,
    number: int = signal.SIGKILL,
) -> Killed:  # fmt: skip
    """Kill a job at each of ``moments`` (0 to 1, of its time), then let it end: nothing is lost.

    Where it ended before the first moment came (the machine is quicker now) it is begun afresh; a
    second moment may come too late, then its stage is missing from the result.
    """
    done = Killed()
    for _ in range(_TRIES):
        folder.mkdir()
        if _killed(job, job.work, whole, moments[0], folder, with_all, number, done):
            break
        shutil.rmtree(folder)
    else:
        raise AssertionError(f"it always ended before {moments[0]:.2f} of its time")
    for moment in moments[1:]:
        _killed(job, job.again, whole, moment, folder, with_all, number, done)
    run = Run(job.again, folder, _log(folder))
    assert run.end() in OK, run.log.read_text()
    run.others_end()
    assert names(folder) == whole.names, names(folder) ^ whole.names
    assert job.content(folder) == whole.content
    done.temporaries = len(list(temporary(folder).iterdir()))
    return done


def _killed(
    job: Job, work: Work, whole: Undisturbed, moment: float, folder: Path, with_all: bool,
    number: int, done: Killed,
) -> bool:  # fmt: skip
    """Whether the job could be killed at a moment; what must hold then held."""
    run = Run(work, folder, _log(folder))
    if run.wait(moment * whole.seconds):
        run.kill(with_all, number)
    code = run.end()
    if code in OK:
        if work is job.work:
            whole.seconds = time.monotonic() - run.begun
        return False
    # Before the command has begun, and by SIGKILL always, the system ends it; later it ends itself.
    assert code == -number or (code == 128 + number and _said_so(run)), run.log.read_text()
    done.stages.append(run.stage)
    done.others_gone = max(done.others_gone, run.others_end())
    job.between(folder, whole.content)
    return True


def _said_so(run: Run) -> bool:
    """In one line, the last one."""
    *_, last = run.log.read_text().splitlines()
    return last == "avsynth: interrupted; run the same command again to go on"


def _log(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.log")


def names(folder: Path) -> frozenset[str]:
    """Of all that is in a folder, and in folders in it."""
    return frozenset(str(p.relative_to(folder)) for p in folder.rglob("*"))


def film_content(path: Path) -> list[tuple[Any, ...]]:
    """Of each stream: kind, times and a digest of all that is decoded."""
    found: list[tuple[Any, ...]] = []
    with av.open(str(path)) as container:
        kinds = [stream.type for stream in container.streams]
    for number, kind in enumerate(kinds):
        digest, times = hashlib.sha256(), hashlib.sha256()
        count = 0
        with av.open(str(path)) as container:
            for frame in container.decode(container.streams[number]):
                assert isinstance(frame, av.VideoFrame | av.AudioFrame)
                digest.update(np.ascontiguousarray(frame.to_ndarray()).tobytes())
                at = None if frame.pts is None else frame.pts * Fraction(frame.time_base)
                times.update(str(at).encode())
                count += 1
        found.append((kind, count, times.hexdigest(), digest.hexdigest()))
    return found


def whole_or_nothing(name: str) -> Callable[[Path, Any], None]:
    """Under the name of a film there is the finished one, signed, or nothing."""

    def between(folder: Path, whole: Any) -> None:
        if (folder / name).exists():
            assert film_content(folder / name) == whole
            assert command("verify", folder / name).code == 0
        else:
            assert not (folder / f"{name}.report.json").exists()

    return between


def signed_content(name: str) -> Callable[[Path], Any]:
    """What a finished film holds; its credentials must hold, its report be of it."""

    def content(folder: Path) -> Any:
        out = folder / name
        assert command("verify", out).code == 0
        report = json.loads((folder / f"{name}.report.json").read_text())
        assert report["output"]["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
        return film_content(out)

    return content


def moments_of(seed: int, count: int) -> Iterator[float]:
    """Random moments from 0 to 1, one in each of ``count`` equal parts, in random order."""
    rng = np.random.default_rng(seed)
    for part in rng.permutation(count):
        yield float((part + rng.random()) / count)
