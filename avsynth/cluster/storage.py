"""Files by URL (fsspec): listed lazily, copied to work on, published whole."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # of two letters at least: "c:\\" is a drive


def is_url(text: str) -> bool:
    """Whether ``text`` names something by URL, such as ``s3://bucket/key``; a path is none."""
    return _URL.match(text) is not None


def listing(url: str, recursive: bool) -> Iterator[str]:
    """The URLs of the files at ``url``: itself, or what is in the folder; read as it is needed."""
    fs, path = _opened(url)
    if fs.isfile(path):
        yield url
        return
    for _, _, files in fs.walk(path, maxdepth=None if recursive else 1, detail=True):
        for name in sorted(files):
            yield fs.unstrip_protocol(files[name]["name"])


@contextmanager
def local_copy(url_or_path: str, folder: Path) -> Iterator[Path]:
    """The path itself, or a copy of what is at the URL, of the same suffix, gone afterwards."""
    if not is_url(url_or_path):
        yield Path(url_or_path)
        return
    fs, path = _opened(url_or_path)
    suffix = Path(path).suffix[:16]
    with tempfile.TemporaryDirectory(prefix="avsynth-", dir=folder) as inside:
        copy = Path(inside) / f"copy{suffix}"
        fs.get_file(path, str(copy))
        yield copy


def publish(path: Path, url: str) -> None:
    """Upload a file; its name appears only when it is there whole."""
    fs, target = _opened(url)
    fs.put_file(str(path), target)


def _opened(url: str) -> tuple[Any, str]:
    import fsspec

    fs, path = fsspec.core.url_to_fs(url)
    return fs, str(path)
