"""The job folder: what an interrupted job needs to go on, and nothing else.

It lies beside the output under a hidden name. A finished step is a file that was renamed into
place; a job with other inputs, settings or weights has another fingerprint and starts afresh.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from avsynth.errors import AvsynthError, ResourceError, UsageError
from avsynth.media.owner import lives, process

_SETTINGS = "job.json"
_LOCK = "lock"


class Job:
    """A folder of finished steps, held by one process at a time.

    Args:
        output: the file that the job makes.
        settings: everything the result depends on (hashes, options, versions); JSON-ready.

    Raises:
        UsageError: another living process works on the same output.
        ResourceError: the folder cannot be made, or is there and another user's.
    """

    def __init__(self, output: Path, settings: Mapping[str, Any]) -> None:
        text = _text(settings)
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()
        self.folder = _folder(output)
        self.resumed = False
        self._worth_keeping = False
        try:
            self._take(output)
            self._prepare(text)
        except OSError as error:
            raise ResourceError(
                f"cannot make the job folder: {error.strerror}", self.folder
            ) from error

    def _take(self, output: Path) -> None:
        try:
            self.folder.mkdir(mode=0o700)
        except FileExistsError:
            _refuse_anothers(self.folder)
        lock = self.folder / _LOCK
        owner = lock.read_text(errors="replace") if lock.exists() else ""
        if owner != process() and lives(owner):
            raise UsageError(
                f"process {owner.split()[0]} is already working on this output",
                output,
                "wait, or stop it",
            )
        lock.write_text(process())

    def _prepare(self, text: str) -> None:
        settings = self.folder / _SETTINGS
        if settings.exists() and settings.read_text(errors="replace") == text:
            self.resumed = self._worth_keeping = True
            return
        settings.unlink(missing_ok=True)  # before what they speak of
        for old in self.folder.iterdir():
            if old.name != _LOCK:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        settings.write_text(text)

    def path(self, name: str) -> Path:
        """Where a file of the job lies."""
        return self.folder / name

    def done(self, name: str) -> bool:
        """Whether a step's file is there, and so complete."""
        return self.path(name).exists()

    @contextlib.contextmanager
    def finishing(self, name: str) -> Iterator[Path]:
        """A temporary path that becomes ``name`` when the block ends without an error."""
        final = self.path(name)
        temporary = final.with_name(f"part-{final.name}")
        yield temporary
        temporary.replace(final)
        self._worth_keeping = True

    def write_json(self, name: str, value: Any) -> None:
        """Write a small result as one finished step."""
        with self.finishing(name) as path:
            path.write_text(json.dumps(value))

    def read_json(self, name: str) -> Any:
        """Read what ``write_json`` wrote."""
        return json.loads(self.path(name).read_text())

    def remove(self) -> None:
        """Delete the folder: the job is done.

        The settings go first: a folder that was half deleted is nothing to go on with.
        """
        with contextlib.suppress(OSError):
            self.path(_SETTINGS).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Job:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A second try cannot mend what the input or the options are; all else may go on later.
        lasting = isinstance(error, AvsynthError) and not isinstance(error, ResourceError)
        if lasting or not self._worth_keeping:
            self.remove()
        with contextlib.suppress(OSError):
            (self.folder / _LOCK).unlink(missing_ok=True)


def unfinished(output: Path, settings: Mapping[str, Any]) -> bool:
    """Whether a job of these very settings was begun for ``output`` and could go on."""
    said = _folder(output) / _SETTINGS
    return said.is_file() and said.read_text(errors="replace") == _text(settings)


def _folder(output: Path) -> Path:
    return output.parent / f".{output.name}.job"


def _refuse_anothers(folder: Path) -> None:
    """Pieces that another user could have put there would be joined, and signed with our key."""
    state = folder.lstat()  # of the link, where it is one
    ours = not hasattr(os, "getuid") or state.st_uid == os.getuid()
    if not stat.S_ISDIR(state.st_mode) or not ours:
        raise ResourceError(
            "the job folder is another user's, or no folder",
            folder,
            "delete it, or write elsewhere",
        )


def _text(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True, indent=1)
