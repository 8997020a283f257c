"""The error family: every failure a user can meet, each with an exit code of its own.

An error carries *what* happened, to which *path*, and a *hint* that says what to do. The command
line prints ``str(error)`` as one line and ends with ``error.exit_code``.
"""

from __future__ import annotations

import enum
import os


class ExitCode(enum.IntEnum):
    """Exit codes of the command line (documented in the README)."""

    DONE = 0
    USAGE = 2
    UNREADABLE = 3
    NOTHING_TO_DO = 4
    CONSENT = 5
    WEIGHTS = 6
    RESOURCES = 7
    PARTIAL = 8
    SYNTHETIC_FOUND = 10
    INCONCLUSIVE = 11
    SOME_UNREADABLE = 12
    NO_CREDENTIALS = 13
    CREDENTIALS_INVALID = 14


class AvsynthError(Exception):
    """Base of the family. ``str()`` is always a single printable line."""

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(
        self, what: str, path: str | os.PathLike[str] | None = None, hint: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.path = None if path is None else os.fspath(path)
        self.hint = hint

    def __str__(self) -> str:
        line = self.what if self.path is None else f"{self.path!r}: {self.what}"
        if self.hint:
            line = f"{line} ({self.hint})"
        # A file name or a library message may hold newlines or escape sequences: one line, always.
        return "".join(c if c.isprintable() else " " for c in line)


class UsageError(AvsynthError):
    """Options that contradict each other, or a value outside its range."""

    exit_code = ExitCode.USAGE


class InputError(AvsynthError):
    """An input that cannot be read, or is not what it was said to be."""

    exit_code = ExitCode.UNREADABLE


class NothingToDoError(AvsynthError):
    """Readable input in which there is no face, or no voice, to work on."""

    exit_code = ExitCode.NOTHING_TO_DO


class ConsentError(AvsynthError):
    """A consent record that is missing, invalid, expired, revoked, or of the wrong scope."""

    exit_code = ExitCode.CONSENT


class WeightsError(AvsynthError):
    """Weights that are missing, damaged, of the wrong kind, or not in safetensors."""

    exit_code = ExitCode.WEIGHTS


class ResourceError(AvsynthError):
    """Out of memory, disk space, or a device."""

    exit_code = ExitCode.RESOURCES


class PartialError(AvsynthError):
    """A batch of which some items failed."""

    exit_code = ExitCode.PARTIAL


class NoCredentialsError(AvsynthError):
    """A file that carries no Content Credentials."""

    exit_code = ExitCode.NO_CREDENTIALS


class InvalidCredentialsError(AvsynthError):
    """Content Credentials that do not validate, or an ingredient that was tampered with."""

    exit_code = ExitCode.CREDENTIALS_INVALID
