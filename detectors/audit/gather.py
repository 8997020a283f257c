"""Records of many files: a process pool, and a cache so that a stopped audit goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from avsynth import __version__
from avsynth.errors import AvsynthError
from avsynth.pipelines.progress import Callback, Progress
from detectors.audit.media_properties import Record, record
from detectors.protocols import Protocol
from detectors.resume import Lines
from detectors.sharing import processors, start_workers

if TYPE_CHECKING:
    from avsynth.face.detect import FaceDetector

#: Name of the cache in the folder of an audit.
CACHE = "properties.jsonl"
_AHEAD = 4  # files a worker that wait for it
_FILES_EACH = 500  # then a worker is replaced: libraries leak now and then

_faces: FaceDetector | None = None  # of a worker, loaded at its first file


def gather(
    found: Protocol, out: Path | None, jobs: int = 0, faces: bool = True,
    progress: Callback | None = None,
) -> list[Record]:  # fmt: skip
    """A record of every trial's file, in their order.

    What ``out`` holds of unchanged files is taken from there. ``faces``: also look for faces, which
    is most of the time. A file that kills its process costs its record alone.

    Raises:
        ResourceError: ``out`` cannot be written.
    """
    known = {} if out is None else _cached(out / CACHE, faces)
    records: dict[str, Record] = {}
    todo: list[tuple[Path, str]] = []
    for trial in found.trials:
        try:
            path = found.file(trial)
            state = path.stat()
        except (AvsynthError, OSError) as error:
            why = error.what if isinstance(error, AvsynthError) else str(error.strerror)
            records[trial.path] = Record(
                path=trial.path, size=0, modified_ns=0, faces=faces, error=why
            )
            continue
        old = known.get(trial.path)
        if old is not None and (old.size, old.modified_ns) == (state.st_size, state.st_mtime_ns):
            records[trial.path] = old
        else:
            todo.append((path, trial.path))
    steps = Progress(progress)
    steps.start("properties", len(todo))
    with ExitStack() as stack:
        lines = None
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            lines = stack.enter_context(Lines(out / CACHE))
        for made in _made(todo, jobs or processors(), faces):
            records[made.path] = made
            if lines is not None:
                lines.write(made.model_dump(mode="json"))
            steps.advance()
    steps.finish()
    return [records[trial.path] for trial in found.trials]


def _cached(path: Path, faces: bool) -> dict[str, Record]:
    """Records by path; lines that are cut off, or lack what is wanted, are passed over."""
    found: dict[str, Record] = {}
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError:
        return found
    for line in text.splitlines():
        try:
            old = Record.model_validate_json(line)
        except ValidationError:
            continue
        if old.faces >= faces and old.error is None and old.made_by == __version__:
            found[old.path] = old
    return found


def _made(todo: Sequence[tuple[Path, str]], jobs: int, faces: bool) -> Iterator[Record]:
    """Records as they are done."""
    if jobs == 1 or len(todo) <= 2:
        yield from (_look(path, name, faces) for path, name in todo)
        return
    waiting = list(reversed(todo))
    while waiting:
        running: dict[Future[Record], tuple[Path, str]] = {}
        try:
            with _pool(jobs) as pool:
                while waiting or running:
                    while waiting and len(running) < _AHEAD * jobs:
                        path, name = waiting.pop()
                        running[pool.submit(_look, path, name, faces)] = path, name
                    for done in wait(running, return_when=FIRST_COMPLETED).done:
                        yield done.result()
                        running.pop(done)
        except BrokenProcessPool:
            yield from _one_by_one(list(running.values()), faces)


def _one_by_one(suspects: list[tuple[Path, str]], faces: bool) -> Iterator[Record]:
    """Records of files one of which has killed its process; now it shows which."""
    while suspects:
        path, name = suspects[0]
        try:
            with _pool(1) as pool:
                while suspects:
                    path, name = suspects[0]
                    made = pool.submit(_look, path, name, faces).result()
                    suspects.pop(0)
                    yield made
        except BrokenProcessPool:
            suspects.pop(0)
            yield Record(
                path=name, size=0, modified_ns=0, faces=faces,
                error="the process that looked at it died",
            )  # fmt: skip


def _pool(jobs: int) -> ProcessPoolExecutor:
    context = start_workers(["detectors.audit.gather"])
    return ProcessPoolExecutor(jobs, context, max_tasks_per_child=_FILES_EACH)


def _look(path: Path, name: str, faces: bool) -> Record:
    global _faces
    if faces and _faces is None:
        import cv2

        from avsynth.face.detect import FaceDetector

        cv2.setNumThreads(1)
        _faces = FaceDetector()
    try:
        return record(path, name, _faces if faces else None)
    except (OSError, ValueError, MemoryError) as error:
        return Record(
            path=name, size=0, modified_ns=0, faces=faces,
            error=f"{type(error).__name__}: {error}",
        )  # fmt: skip
