"""Jobs in processes of their own that are killed at any moment, and what must hold afterwards.

The processes are forked from a server that has imported the libraries, so that a job costs what it
does, not what Python's imports do. Each leads a group of processes of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from multiprocessing.context import ForkServerProcess, SpawnProcess
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
from dub_helpers import command

from detectors.sharing import start_workers

_PRELOADED = ["torch", "mediapipe.python", "av", "cv2", "c2pa", "soxr", "avsynth.cli.main",
              "avsynth.pipelines.dub", "avsynth.pipelines.convert", "avsynth.pipelines.reenact",
              "detectors.scan", "detectors.batch", "detectors.report.html"]  # fmt: skip
ENDING_S = 120.0  # in which processes must be gone whose parent was killed
_TRIES = 5
OK = (0, 10, 11, 12)  # exit codes of what was done: scans tell by them what they found

#: A job: it writes into the folder it is given.
Work = Callable[[Path], None]


def by_command(*arguments: object) -> None:
    """The command line, in this process; ends it."""
    from avsynth.cli.main import main

    sys.argv = ["avsynth", *map(str, arguments)]
    main()


def start_server(folder: Path) -> None:
    """Have the server import the libraries, so that no job waits for that."""
    run = Run(_nothing, folder, folder.with_name("server.log"))
    assert run.end() == 0


def _nothing(folder: Path) -> None:
    """A job that does nothing."""


class Run:
    """A job in a process of its own; what it prints goes to ``log``."""

    def __init__(self, work: Work, folder: Path, log: Path) -> None:
        context = start_workers(_PRELOADED)
        settings = {"AVSYNTH_HOME": os.environ["AVSYNTH_HOME"], "TMPDIR": str(temporary(folder))}
        temporary(folder).mkdir(exist_ok=True)
        self.log = log
        self._process: ForkServerProcess | SpawnProcess = context.Process(
            target=_alone, args=(work, folder, log, settings)
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        while self._process.is_alive() and os.getpgid(self.pid) != self.pid:
            time.sleep(0.001)
        self.begun = time.monotonic()

    def wait(self, until: float) -> bool:
        """Wait so many seconds since it began; whether it is still at work then."""
        self._process.join(max(0.0, self.begun + until - time.monotonic()))
        return self._process.is_alive()

    def kill(self, with_all: bool = True, number: int = signal.SIGKILL) -> None:
        """End it, and all that it started if ``with_all``."""
        mine = psutil.Process().pid
        assert self.pid != mine and os.getpgid(self.pid) == self.pid
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number) if with_all else os.kill(self.pid, number)

    def end(self, patience: float = 300.0) -> int:
        """Wait until it has ended; its exit code, negative that of a signal."""
        self._process.join(patience)
        if self._process.is_alive():
            self.kill()
            raise AssertionError(f"did not end within {patience:.0f} s: {self.log.read_text()}")
        return int(self._process.exitcode or 0)

    @property
    def stage(self) -> str:
        """The last stage that it told of."""
        told = [line for line in self.log.read_text().splitlines() if line.endswith(" ...")]
        return told[-1].removesuffix(" ...") if told else "start"

    def others(self) -> list[psutil.Process]:
        """Processes of its group that live, but for itself."""
        return [p for p in psutil.process_iter() if p.pid != self.pid and _group(p) == self.pid]

    def others_end(self, patience: float = ENDING_S) -> float:
        """Wait for them; how long that took."""
        begun = time.monotonic()
        while self.others():
            if time.monotonic() - begun > patience:
                raise AssertionError(f"still there after {patience:.0f} s: {self.others()}")
            time.sleep(0.05)
        return time.monotonic() - begun


def temporary(folder: Path) -> Path:
    """Where the work in a folder has its temporary files."""
    return folder.with_name(f"{folder.name}-tmp")


def _group(process: psutil.Process) -> int | None:
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        if process.status() != psutil.STATUS_ZOMBIE:
            return os.getpgid(process.pid)
    return None


def _alone(work: Work, folder: Path, log: Path, settings: dict[str, str]) -> None:
    os.setpgid(0, 0)
    os.environ.update(settings)
    tempfile.tempdir = None  # the server may have looked for one already
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.default_int_handler if name == signal.SIGINT else signal.SIG_DFL)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout, sys.stderr = (open(n, "w", buffering=1, closefd=False) for n in (1, 2))  # noqa: SIM115
    work(folder)


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
