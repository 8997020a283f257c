"""Where keys, trust and revocations live, and how such files are written."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from avsynth.errors import ResourceError


def home() -> Path:
    """The user's avsynth folder: ``AVSYNTH_HOME``, else the platform's place for settings.

    Nothing is created. Raises ResourceError where the user has no home directory.
    """
    named = os.environ.get("AVSYNTH_HOME")
    if named:
        return Path(named).expanduser()
    try:
        if sys.platform == "win32":
            return Path(os.environ.get("APPDATA") or Path.home() / "AppData/Roaming") / "avsynth"
        if sys.platform == "darwin":
            return Path.home() / "Library/Application Support/avsynth"
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "avsynth"
    except RuntimeError as problem:
        raise ResourceError("no home directory", hint="set AVSYNTH_HOME to a folder") from problem


def write_new(path: Path, content: bytes) -> bytes:
    """Create a private file (0600) unless it exists, and return what it holds.

    Of several processes that start at once, one wins and all get the winner's content: the file
    appears complete under its name or not at all.
    """
    with _temporary(path, content, private=True) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            with locked(path):
                if not path.exists():
                    temporary.replace(path)
    try:
        return path.read_bytes()
    except OSError as problem:
        raise ResourceError(f"cannot read: {problem.strerror}", path) from problem


def exists(path: Path) -> bool:
    """Whether a file is there; ResourceError where that is not ours to know."""
    try:
        return path.exists()
    except OSError as problem:
        raise ResourceError(f"cannot read: {problem.strerror}", path) from problem


def write_over(path: Path, content: bytes, *, private: bool = False) -> None:
    """Replace a file in one step; after a crash it holds the old or the new content.

    Raises ResourceError where the folder cannot be made or written.
    """
    with _temporary(path, content, private=private) as temporary:
        try:
            temporary.replace(path)
        except OSError as problem:
            raise ResourceError(f"cannot write: {problem.strerror}", path) from problem


@contextmanager
def _temporary(path: Path, content: bytes, *, private: bool) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name[:80]}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
        mode = 0o600 if private else 0o666
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        with suppress(OSError):
            temporary.unlink()
        raise ResourceError(f"cannot write: {problem.strerror}", path) from problem
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that guards reading, changing and writing ``path``, across processes.

    The lock's own file lies in the avsynth folder, not beside the user's. It is kept: another
    process may wait for it.
    """
    try:
        name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]
        lock = home() / "locks" / f"{name}.lock"
        for folder in (home(), lock.parent):  # the mode is given to the last part of a path only
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with lock.open("a+b") as file:
            _lock(file.fileno())
            yield  # closing the file gives the lock back
    except OSError as problem:
        raise ResourceError(f"cannot lock: {problem.strerror}", path) from problem


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
