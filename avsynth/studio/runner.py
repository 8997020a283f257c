"""One job after the other, each in a process of its own that can be ended at any time."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from multiprocessing.connection import Connection
from signal import Signals
from typing import TYPE_CHECKING, Final

from avsynth.errors import ResourceError
from avsynth.studio.child import carry_out
from avsynth.studio.jobs import Job
from detectors.sharing import start_workers

if TYPE_CHECKING:  # some systems have only one of them
    from multiprocessing.context import ForkServerProcess, SpawnProcess

_PRELOADED: Final = [
    "torch", "mediapipe.python", "avsynth.pipelines.dub", "detectors.scan",
    "detectors.report.html", "avsynth.studio.child",
]  # fmt: skip
_LOOK_S: Final = 0.1


class Runner:
    """A queue with a thread that serves it. ``close`` ends it with what it is doing."""

    def __init__(self, waiting: int) -> None:
        """At most ``waiting`` jobs wait."""
        self._most = waiting
        self._context = start_workers(_PRELOADED)
        self._waiting: deque[Job] = deque()
        self._current: Job | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="studio jobs", daemon=True)
        self._thread.start()

    def prepare(self) -> None:
        """Import what jobs need, in the background; a second call does nothing."""
        if self._context.get_start_method() == "forkserver":
            from multiprocessing import forkserver

            forkserver.ensure_running()

    def submit(self, job: Job) -> None:
        """Have it done in its turn. ResourceError where too many wait."""
        with self._changed:
            if len(self._waiting) >= self._most:
                raise ResourceError(f"{self._most} jobs are waiting already: try again later")
            self._waiting.append(job)
            self._changed.notify_all()

    def before(self, job: Job) -> int:
        """How many jobs are done before it."""
        with self._changed:
            if job not in self._waiting:
                return 0
            return self._waiting.index(job) + (self._current is not None)

    def cancel(self, job: Job) -> None:
        """End it, whether it waits or is being done; then nothing works on it any more."""
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
            with job.lock:
                if not job.over:
                    job.end("cancelled")
            self._changed.wait_for(lambda: self._current is not job, 10)

    def close(self) -> None:
        """End everything; a second call does nothing."""
        with self._changed:
            self._closed = True
            for job in [*self._waiting, *([self._current] if self._current else [])]:
                if not job.over:
                    job.end("cancelled")
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._current = None
                self._changed.notify_all()
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                job = self._current = self._waiting.popleft()
                job.state = "running"
            try:
                self._do(job)
            except Exception as error:  # whatever it is, the next job is done
                job.end("failed", f"could not be started: {type(error).__name__}")

    def _do(self, job: Job) -> None:
        connection, theirs = self._context.Pipe()
        turn = job.turn
        process = self._context.Process(target=carry_out, args=(theirs, job.order), name="job")
        process.start()
        theirs.close()
        try:
            _listen(connection, job, turn)
        finally:
            connection.close()
            _end(process, job, turn)


def _listen(connection: Connection, job: Job, turn: int) -> None:
    """Take what the process says, until it has ended or the job was cancelled."""
    with contextlib.suppress(EOFError, OSError):
        while job.going(turn):
            if connection.poll(_LOOK_S):
                message = connection.recv()
                with job.lock:
                    if job.going(turn):
                        job.take(message)


def _end(process: ForkServerProcess | SpawnProcess, job: Job, turn: int) -> None:
    """See to it that the process is gone; a job that it left unfinished has failed."""
    process.join(5 if job.state == "done" else 0.2)
    if process.is_alive():
        process.kill()
        process.join()
    code = process.exitcode or 0
    process.close()
    if job.going(turn):
        why = f"killed by {Signals(-code).name}" if code < 0 else f"exit code {code}"
        job.end("failed", f"the process that did it ended before it was done ({why}): try again")
