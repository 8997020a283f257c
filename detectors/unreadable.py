"""The verdict on what cannot be judged at all."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

from avsynth.errors import AvsynthError
from avsynth.media import sha256_file
from detectors.properties import versions
from detectors.verdict import Verdict


def unreadable(
    path: str, error: BaseException, settings: dict[str, Any], digest: Future[str] | None = None
) -> Verdict:
    """The verdict on a file that cannot be judged at all."""
    if isinstance(error, AvsynthError):
        what = error.what
    elif isinstance(error, MemoryError):
        what = "out of memory"
    elif isinstance(error, FileNotFoundError):
        what = "no such file"
    elif isinstance(error, OSError):
        what = error.strerror or str(error)
    else:
        what = f"{type(error).__name__}: {error}"
    sha256, size, modified = None, 0, {}
    try:
        state = Path(path).stat()
        size, modified = state.st_size, {"modified_ns": state.st_mtime_ns}
        sha256 = sha256_file(path) if digest is None else digest.result()
    except (AvsynthError, OSError, ValueError):
        pass  # then there is nothing more to say of it
    return Verdict(
        path, "unreadable", "it could not be read", sha256=sha256, size=size, error=what,
        settings=settings, versions=versions(), properties=modified,
    )  # fmt: skip
