"""Jobs in processes of their own, forked from a server that has imported the libraries.

So a job costs what it does, not what imports do. Each leads a group of processes of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess, SpawnProcess
from pathlib import Path

import psutil

from detectors.sharing import start_workers

_PRELOADED = ["torch", "mediapipe.python", "av", "cv2", "c2pa", "soxr", "avsynth.cli.main",
              "avsynth.pipelines.dub", "avsynth.pipelines.convert", "avsynth.pipelines.reenact",
              "detectors.scan", "detectors.batch", "detectors.report.html"]  # fmt: skip
ENDING_S = 120.0  # in which processes must be gone whose parent was killed
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
        log.touch()
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
