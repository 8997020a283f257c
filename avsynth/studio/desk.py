"""What the page's requests come down to: uploads become orders, orders become jobs."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from avsynth.errors import UsageError
from avsynth.pipelines.options import ORIGINAL, dub_options
from avsynth.studio.dubbing import FILM, REPORT, RESULT, SHEET, CheckOrder, DubOrder
from avsynth.studio.faces import FacesOrder
from avsynth.studio.files import lay_out, lay_out_record
from avsynth.studio.jobs import Job, Order
from avsynth.studio.limits import Limits, need_space
from avsynth.studio.runner import Runner
from avsynth.studio.scanning import LINES, ScanOrder
from avsynth.studio.store import Store, Upload, ending

#: Files of one scan.
MOST_FILES: Final = 100
_ROOM: Final = 3  # times the film, for the pieces of a dub and what comes of them


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AskedDub(_Asked):
    """A dub as the page asks for it; files are uploads, the rest as in ``DubOptions``."""

    film: str
    speech: str
    record: str
    references: list[str] = []
    face: str = "largest"
    purpose: str | None = None
    language: str | None = None
    fit: str = "trim"
    quality: str = "best"
    own_voice: bool = False


class AskedCheck(_Asked):
    """Whether a record allows a dub of a film."""

    film: str
    record: str
    references: list[str] = []
    purpose: str | None = None
    language: str | None = None


class Desk:
    """The studio's state: uploads, jobs, and two queues (work, and short looks at files).

    Everything lies in ``folder``, which nobody else may read.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.limits, self._folder = limits, folder
        self._jobs: dict[str, Job] = {}  # oldest first
        self._lock = threading.RLock()
        (folder / "jobs").mkdir(mode=0o700, exist_ok=True)
        # Of this run alone: nobody could ask for them in another.
        self._uploads = Path(tempfile.mkdtemp(prefix="uploads-", dir=folder))
        self.store = Store(self._uploads, limits, self._used)
        self._work, self._looks = Runner(limits.waiting), Runner(4 * limits.waiting)

    def close(self) -> None:
        """End what is being done."""
        self._work.close()
        self._looks.close()
        shutil.rmtree(self._uploads, ignore_errors=True)

    def prepare(self) -> None:
        """Somebody sends a file: get ready for a job."""
        self._work.prepare()

    def dub(self, asked: AskedDub) -> Job:
        """Dub; the same dub that was cancelled or failed goes on.

        Raises:
            UsageError: options that cannot be, or a file that is not here.
            ResourceError: no room on the disk, or too many jobs wait.
        """
        options = dub_options(
            face=asked.face, fit=asked.fit, purpose=asked.purpose or None,
            language=asked.language or None, quality=asked.quality,
            voice_from=ORIGINAL if asked.own_voice else None,
        )  # fmt: skip
        film, speech, record = map(self.store.get, (asked.film, asked.speech, asked.record))
        references = [self.store.get(each) for each in asked.references]

        def order(folder: Path) -> Order:
            need_space(folder, _ROOM * film.size)
            names = _named({"film": film, "speech": speech}) | {"consent.json": record.name}
            return DubOrder(
                folder, lay_out(folder, "film", film), lay_out(folder, "speech", speech),
                lay_out_record(folder, record, references), options,
                names | {RESULT: "the result", SHEET: "the preview"},
            )  # fmt: skip

        said = options.model_dump(mode="json")
        return self._start("dub", [film, speech, record, *references], said, order)

    def faces(self, film_id: str) -> Job:
        """Find the faces of a film. Errors as for ``dub``."""
        film = self.store.get(film_id)
        names = _named({"film": film})
        return self._start(
            "faces", [film], None,
            lambda folder: FacesOrder(folder, lay_out(folder, "film", film), names),
        )  # fmt: skip

    def check(self, asked: AskedCheck) -> Job:
        """Ask a record about a film. Errors as for ``dub``."""
        film, record = self.store.get(asked.film), self.store.get(asked.record)
        references = [self.store.get(each) for each in asked.references]

        def order(folder: Path) -> Order:
            return CheckOrder(
                folder, lay_out_record(folder, record, references),
                lay_out(folder, "film", film), asked.purpose or None, asked.language or None,
                _named({"film": film}) | {"consent.json": record.name},
            )  # fmt: skip

        # Never answered from memory: trust and revocations may have changed since.
        said = {**asked.model_dump(), "once": secrets.token_hex(8)}
        return self._start("check", [film, record, *references], said, order)

    def scan(self, ids: list[str]) -> Job:
        """Scan files. Errors as for ``dub``; UsageError for none, or too many."""
        if not 0 < len(ids) <= MOST_FILES:
            raise UsageError(f"1 to {MOST_FILES} files are scanned at a time")
        files = [self.store.get(each) for each in ids]

        def order(folder: Path) -> Order:
            places = {f"file-{number}": each for number, each in enumerate(files)}
            paths = tuple(lay_out(folder, name, each) for name, each in places.items())
            return ScanOrder(folder, paths, _named(places))

        return self._start("scan", files, [each.name for each in files], order)

    def get(self, job_id: str) -> Job:
        """The job; UsageError when there is none (any more)."""
        with self._lock:
            found = self._jobs.get(job_id)
        if found is None:
            raise UsageError("this job is no longer here: start it again")
        return found

    def view(self, job: Job) -> dict[str, Any]:
        """A job for the page."""
        return job.view(self._runner(job).before(job))

    def cancel(self, job: Job) -> None:
        """End it; what it has finished is kept for another start."""
        self._runner(job).cancel(job)

    def remove(self, job: Job) -> None:
        """Cancel and delete it with all that it made."""
        self.cancel(job)
        with self._lock:
            self._jobs.pop(job.id, None)
        shutil.rmtree(job.order.folder, ignore_errors=True)

    def file(self, job: Job, name: str) -> Path:
        """A file of a job that may be handed out; UsageError for any other, or none yet.

        ``FILM`` is the film that is dubbed.
        """
        if name == FILM and isinstance(job.order, DubOrder):
            return job.order.folder / job.order.film
        allowed = {
            "dub": {RESULT, REPORT, SHEET},
            "faces": {face["picture"] for face in (job.result or {}).get("faces", ())},
            "scan": {LINES, *(f"page-{part['number']}.html" for part in job.parts)},
        }.get(job.kind, set())
        path = job.order.folder / name
        if name not in allowed or (job.kind == "dub" and job.state != "done") or not path.is_file():
            raise UsageError("there is no such file")
        return path

    def _start(
        self, kind: str, uses: Iterable[Upload], said: Any, order: Callable[[Path], Order]
    ) -> Job:
        """A job of these files and options: the one that is there already, or a new one."""
        used = list(uses)
        told = json.dumps([kind, [each.sha256 for each in used], said], sort_keys=True)
        key = hashlib.sha256(told.encode()).hexdigest()
        with self._lock:
            job = next((each for each in self._jobs.values() if each.key == key), None)
            if job is not None and job.state not in ("cancelled", "failed"):
                return job
            folder = self._folder / "jobs" / key
            folder.mkdir(mode=0o700, exist_ok=True)
            made = order(folder)
            if job is None:
                job = Job(kind, made, frozenset(each.id for each in used), key)
            job.again(made, frozenset(each.id for each in used))
            self._runner(job).submit(job)
            self._jobs[job.id] = job
            self._forget_oldest(kind)
            return job

    def _forget_oldest(self, kind: str) -> None:
        over = [job for job in self._jobs.values() if job.over and job.kind == kind]
        for job in over[: max(0, len(over) - self.limits.jobs)]:
            self.remove(job)

    def _runner(self, job: Job) -> Runner:
        return self._work if job.kind in ("dub", "scan") else self._looks

    def _used(self) -> set[str]:
        with self._lock:
            jobs = list(self._jobs.values())
        return {each for job in jobs if not job.over for each in job.uses}


def _named(files: dict[str, Upload]) -> dict[str, str]:
    """Names on the disk and those that people know."""
    return {name + ending(upload.name): upload.name for name, upload in files.items()}
