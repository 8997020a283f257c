"""Names in manifests are not trusted: what they name must lie inside the data folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from avsynth.errors import InputError


def relative(name: str) -> str:
    """A name from a list as a plain relative path: ``a/b.mp4``.

    Raises:
        InputError: empty, absolute, with ``..`` or a NUL in it.
    """
    plain = name.strip().replace("\\", "/")
    path = PurePosixPath(plain)
    drive = len(plain) > 1 and plain[1] == ":"
    if not plain or plain == "." or "\0" in plain or drive:
        raise InputError("a list names a file that is none", name[:200])
    if path.is_absolute() or ".." in path.parts:
        raise InputError("a list names a file outside its folder", name[:200])
    return str(path)


def inside(root: Path, name: str) -> Path:
    """``root / name``, links followed, which must stay inside ``root``; it need not exist.

    Raises:
        InputError: it leads outside, or links lead in a circle.
    """
    path = root / relative(name)
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InputError("links lead in a circle", path) from error
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise InputError("a link leads outside the data folder", path)
    return path


def the_folder(root: Path, names: Iterable[str], layout: str) -> Path:
    """The first of ``names`` that is a folder under ``root``. InputError that shows ``layout``."""
    return _first([root / name for name in names], Path.is_dir, layout)


def the_file(root: Path, names: Iterable[str], layout: str) -> Path:
    """The first of ``names`` that is a file under ``root``. InputError that shows ``layout``."""
    return _first([root / name for name in names], Path.is_file, layout)


def read_text(path: Path) -> str:
    """A list as text, whatever is not UTF-8 replaced. InputError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from error


def _first(paths: list[Path], fits: Callable[[Path], bool], layout: str) -> Path:
    for path in paths:
        try:
            if fits(path):
                return path
        except OSError:
            continue
    wanted = " or ".join(path.name for path in paths)
    raise InputError(f"{wanted} is missing", paths[0].parent, f"expected: {layout}")
