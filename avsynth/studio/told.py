"""Errors in the one line of ours, without a path of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from avsynth.errors import AvsynthError
from detectors.report.visible import visible


def told(error: BaseException, names: Mapping[str, str] | None = None) -> str:
    """What went wrong, in one printable line.

    ``names`` maps file names on the disk to those that the sender gave; of other paths the last
    part is shown.
    """
    if isinstance(error, AvsynthError):
        path = None if error.path is None else Path(error.path).name
        shown = None if path is None else (names or {}).get(path, path)
        line = AvsynthError(error.what, None, error.hint)
        return visible(str(line) if shown is None else f"{shown}: {line}")
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, OSError) and error.strerror:
        return f"the machine says: {error.strerror}"
    return visible(f"internal error: {type(error).__name__}")
