"""Files of the driver's machine on a worker: the very same where it sees them, else sent to it.

A worker looks for itself. Where it does not see a file as it is here, all of them are put into Ray
once, in pieces, and each worker that asks keeps copies in a folder of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from avsynth.cluster.worker import NotHere, alive
from avsynth.errors import InputError, ResourceError

if TYPE_CHECKING:
    from ray import ObjectRef

_PIECE: Final = 16 << 20  # bytes


@dataclass(frozen=True)
class File:
    """A file as it is on the driver's machine: its name as given, and where it lies there."""

    path: Path
    place: Path
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> File:
        """InputError where it is gone."""
        try:
            state = path.stat()
        except OSError as error:
            raise InputError("cannot be read", path, error.strerror) from error
        place = path.parent.resolve() / path.name
        return cls(path, place, state.st_size, state.st_mtime_ns)

    def is_here(self) -> bool:
        """Whether this machine sees the very same under its name."""
        try:
            seen = File.of(self.place)
        except InputError:
            return False
        return (seen.size, seen.changed) == (self.size, self.changed)


#: Of each file its pieces, as references into Ray.
Sent: TypeAlias = "list[list[ObjectRef[bytes]]]"


def send(files: Sequence[File]) -> Sent:
    """Put files into Ray, a piece at a time. Needs a connection.

    Raises:
        InputError: one of them cannot be read, or has changed.
    """
    import ray

    sent: Sent = []
    for file in files:
        pieces = []
        if not file.is_here():
            raise InputError("has changed while it was worked on", file.path)
        with file.place.open("rb") as source:
            while piece := source.read(_PIECE):
                pieces.append(ray.put(piece))
        sent.append(pieces)
    return sent


def found(files: Sequence[File], sent: Sent | None, folder: Path) -> dict[Path, Path]:
    """Where files lie on this machine, by where they lie on the driver's.

    Raises:
        NotHere: this machine does not see them, and they were not ``sent``.
        ResourceError: they cannot be kept in ``folder``.
    """
    if all(file.is_here() for file in files):
        return {file.path: file.place for file in files}
    if sent is None:
        raise NotHere
    import ray

    # The same tree of folders below ``folder`` as there below the root.
    here = {file.path: folder.joinpath(*file.place.parts[1:]) for file in files}
    try:
        for path, pieces in zip(here.values(), sent, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as copy:
                for piece in pieces:
                    copy.write(ray.get(piece))
                    alive()
    except OSError as error:
        raise ResourceError(
            f"a worker cannot keep what it works on: {error.strerror}", folder
        ) from error
    return here
