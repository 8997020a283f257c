"""A job whose files are named by URL: they are brought here first, and its outputs taken there.

All of it lies in a folder of this user, one for each output: an interrupted job finds its job
folder again, and what it has downloaded. The folder goes when the outputs are where they belong.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from avsynth.cluster import storage
from avsynth.errors import AvsynthError, InputError, ResourceError, UsageError
from avsynth.media import atomic_output
from avsynth.pipelines.inputs import report_path
from avsynth.pipelines.progress import Callback, Step
from avsynth.provenance.c2pa_library import SIDECAR, sidecar_of
from avsynth.provenance.home import home
from avsynth.reporting import Report


class Workplace:
    """Where a job finds its files and leaves its outputs. Of plain paths it makes nothing else.

    Attributes:
        output: where the job is to write its output.
        preview: where it is to write its preview; None: there is none.
    """

    def __init__(
        self, output: str, preview: str | None = None, progress: Callback | None = None
    ) -> None:
        """``output`` and ``preview`` are paths or URLs; ``progress`` is told of downloads.

        Raises:
            UsageError: a kind of store that is not known.
            ResourceError: an output that cannot be written there, or a package that is missing.
        """
        for each in (output, preview):
            if each is not None and _own(each) is None:
                storage.check_writable(_folder_of(each))
        self._progress = progress
        name = output if storage.is_url(output) else str(Path(output).absolute())
        self._folder = home() / "jobs" / hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
        self._urls: dict[Path, str] = {}  # by where they are here
        self._made: dict[Path, str] = {}  # the outputs of them, the last one last
        self.preview = None if preview is None else self._place(preview)
        self.output = self._place(output)

    def bring(self, name: str) -> Path:
        """A path as it is, or a copy of what is at a URL, under the same name.

        Raises:
            InputError: nothing is there, or it may not be read.
            UsageError: it is an output.
            ResourceError: the store does not answer, or the disk is full.
        """
        own = _own(name)
        if own is not None:
            return own
        if name in self._made.values():
            raise UsageError("the output would overwrite an input", name)
        copy = self._copy(name)
        if copy.suffix.lower() in SIDECAR:
            with contextlib.suppress(InputError):  # there need not be one
                self._copy(f"{name}.c2pa", beside=copy)
        return copy

    def deliver(self, report: Report) -> Report:
        """Take the outputs where they belong, the film or sound last; the report names URLs.

        Raises:
            ResourceError: one of them cannot be written there.
        """
        if not self._urls:
            return report
        told = Report.model_validate(self._named(report.model_dump(mode="json")))
        with atomic_output(report_path(self.output)) as temporary:
            told.write(temporary)
        for path, url in self._made.items():
            if path == self.output:
                for each in (sidecar_of(path), report_path(path)):
                    if each.exists():
                        self._publish(each, url + each.name.removeprefix(path.name))
            if path.exists():
                self._publish(path, url)
        return told

    def _publish(self, path: Path, url: str) -> None:
        try:
            storage.publish(path, url)
        except ResourceError as error:
            error.hint = f"the finished files are kept in {self.output.parent}"
            raise

    def _place(self, name: str) -> Path:
        own = _own(name)
        if own is not None:
            return own
        path = self._inside("made", name)
        self._urls[path] = self._made[path] = name
        return path

    def _copy(self, url: str, beside: Path | None = None) -> Path:
        copy = self._inside("given", url) if beside is None else sidecar_of(beside)
        self._urls[copy] = url
        known = storage.entry(url)
        if known is None:
            raise InputError("is a folder", url)
        stamp, text = copy.with_name(f".{copy.name}.stamp"), repr(known)
        try:
            if copy.exists() and stamp.exists() and stamp.read_text() == text:
                return copy
            if self._progress is not None:
                self._progress(Step("download", 0, None))
            with storage.local_copy(url, copy.parent) as arrived:
                arrived.replace(copy)
            stamp.write_text(text)
        except OSError as error:
            raise ResourceError(f"cannot be kept: {error.strerror}", copy) from error
        return copy

    def _inside(self, kind: str, url: str) -> Path:
        """Where the file of a URL lies in the folder, under its own name."""
        folder = self._folder / f"{kind}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ResourceError(f"cannot be made: {error.strerror}", folder) from error
        return folder / storage.plain_name(url)

    def _named(self, value: Any) -> Any:
        """The same with URLs for the paths that only we know."""
        if isinstance(value, dict):
            return {self._named(key): self._named(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._named(each) for each in value]
        if isinstance(value, str):
            for path, url in self._urls.items():
                value = value.replace(str(path), url)
        return value

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, AvsynthError):
            error.what, error.path = self._named(error.what), self._named(error.path)
            error.hint = self._named(error.hint)
        going_on = (self.output.parent / f".{self.output.name}.job").exists()
        undelivered = self.output in self._made and self.output.exists()
        if kind is None or not (going_on or undelivered):
            shutil.rmtree(self._folder, ignore_errors=True)


def _own(name: str) -> Path | None:
    """The path that a name is, None for a URL of a store."""
    if not storage.is_url(name):
        return Path(name)
    if storage.kind_of_store(name) != "file":
        return None
    with storage.local_copy(name, Path()) as path:  # no copy is made of these
        return path


def _folder_of(url: str) -> str:
    folder, _, name = url.rpartition("/")
    if not name or folder.endswith("/"):
        raise UsageError("names no file in a bucket or folder", url)
    return folder
