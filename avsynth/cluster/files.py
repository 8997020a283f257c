"""Work on files of the driver's machine: a worker uses the very same, or is sent copies.

A worker looks for itself. Where it does not see a file as it is here, all of them are put into Ray
once, in pieces, and each worker that asks keeps copies in a folder of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeAlias, TypeVar

from avsynth.cluster.connection import Cluster, connected
from avsynth.cluster.engine import Done, run
from avsynth.cluster.worker import NotHere, alive
from avsynth.errors import InputError, ResourceError

if TYPE_CHECKING:
    from ray import ObjectRef

U = TypeVar("U")
R = TypeVar("R")
U_in = TypeVar("U_in", contravariant=True)
R_out = TypeVar("R_out", covariant=True)

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
_Sent: TypeAlias = "list[list[ObjectRef[bytes]]]"


class Work(Protocol[U_in, R_out]):
    """What is to be done, as another process takes it up. Can be pickled."""

    @property
    def files(self) -> Sequence[Path]:
        """What it reads."""

    def begin(self, here: Mapping[Path, Path]) -> Callable[[U_in], R_out]:
        """Load what it needs, once; ``here`` says where each file lies on this machine."""


def run_with_files(cluster: Cluster, work: Work[U, R], units: Iterable[U]) -> Iterator[Done[U, R]]:
    """``engine.run`` for work that reads files.

    Raises:
        InputError: a file is gone, or has changed.
        AvsynthError: as ``engine.run``.
    """
    files = tuple(File.of(path) for path in work.files)
    parcels = _Parcels[U](files)
    begin = partial(_Worker[U, R], work, files)
    with connected(cluster):
        for done in run(cluster, begin, (_Unit(unit) for unit in units), instead=parcels.into):
            yield Done(done.unit.unit, done.result, done.lost)


@dataclass(frozen=True)
class _Unit(Generic[U]):
    """A unit, with the files for a worker that does not see them."""

    unit: U
    sent: _Sent | None = None


@dataclass
class _Parcels(Generic[U]):
    """The files in Ray, once somebody needs them."""

    files: Sequence[File]
    sent: _Sent | None = None

    def into(self, unit: _Unit[U]) -> _Unit[U]:
        if self.sent is None:
            self.sent = _send(self.files)
        return replace(unit, sent=self.sent)


class _Worker(Generic[U, R]):
    """Does units; begins with the first one, which may bring the files."""

    def __init__(self, work: Work[U, R], files: Sequence[File]) -> None:
        self._work, self._files = work, files
        self._done: Callable[[U], R] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="avsynth-")

    def __call__(self, unit: _Unit[U]) -> R:
        if self._done is None:
            here = _found(self._files, unit.sent, Path(self._folder.name))
            self._done = self._work.begin(here)
        return self._done(unit.unit)


def _send(files: Sequence[File]) -> _Sent:
    """Put files into Ray, a piece at a time. Needs a connection.

    Raises:
        InputError: one of them cannot be read, or has changed.
    """
    import ray

    sent: _Sent = []
    for file in files:
        pieces = []
        if not file.is_here():
            raise InputError("has changed while it was worked on", file.path)
        with file.place.open("rb") as source:
            while piece := source.read(_PIECE):
                pieces.append(ray.put(piece))
        sent.append(pieces)
    return sent


def _found(files: Sequence[File], sent: _Sent | None, folder: Path) -> dict[Path, Path]:
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
