"""Segments rendered on a cluster: a worker loads the networks once and returns encoded segments.

What comes back is written into the job folder as a segment made here would be: whoever goes on
with the job cannot tell which was made where.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from avsynth.cluster.connection import Cluster, connected
from avsynth.cluster.engine import run
from avsynth.cluster.files import File, Sent, found, send
from avsynth.cluster.worker import alive
from avsynth.errors import ResourceError
from avsynth.pipelines.job import Job
from avsynth.pipelines.progress import Progress
from avsynth.pipelines.segments import Render, RenderAll, segment_file
from avsynth.pipelines.timeline import Segment


class Work(Protocol):
    """Pass two of a job, as another process takes it up. Can be pickled."""

    @property
    def files(self) -> Sequence[Path]:
        """What it reads."""

    def begin(self, here: Mapping[Path, Path]) -> Render:
        """Load networks; ``here`` says where the files lie on this machine."""


def on_cluster(cluster: Cluster, work: Work) -> RenderAll:
    """Segments on ``cluster``, as they are done.

    Raises, when it is iterated:
        ResourceError: the cluster cannot be used, or lost a segment with every try.
        AvsynthError: as a worker raised it.
    """

    def all_of_them(
        segments: Iterable[Segment], job: Job, steps: Progress
    ) -> Iterator[tuple[Segment, Counter[str]]]:
        files = tuple(File.of(path) for path in work.files)
        parcels = _Parcels(files)
        with connected(cluster):
            todo = (_Unit(segment) for segment in segments)
            for done in run(cluster, _Begin(work, files), todo, instead=parcels.into):
                segment = done.unit.segment
                if done.result is None:
                    raise ResourceError(
                        f"segment {segment.number} could not be rendered: {done.lost}",
                        hint="what is finished is kept: run the same command again",
                    )
                data, counted = done.result
                _keep(data, job, segment)
                steps.advance(segment.stop - segment.first)
                yield segment, counted

    return all_of_them


def _keep(data: bytes, job: Job, segment: Segment) -> None:
    name = segment_file(job, segment).name
    try:
        with job.finishing(name) as path:
            path.write_bytes(data)
    except OSError as error:
        raise ResourceError(f"cannot write: {error.strerror}", job.path(name)) from error


@dataclass(frozen=True)
class _Unit:
    """A segment, with the files of the job for a worker that does not see them."""

    segment: Segment
    sent: Sent | None = None


@dataclass
class _Parcels:
    """The job's files in Ray, once somebody needs them."""

    files: Sequence[File]
    sent: Sent | None = None

    def into(self, unit: _Unit) -> _Unit:
        if self.sent is None:
            self.sent = send(self.files)
        return replace(unit, sent=self.sent)


@dataclass(frozen=True)
class _Begin:
    """What Ray brings to a worker."""

    work: Work
    files: Sequence[File]

    def __call__(self) -> _Renderer:
        return _Renderer(self.work, self.files)


@dataclass
class _Renderer:
    """What a worker holds: networks, loaded with the first segment, and copies of files."""

    work: Work
    files: Sequence[File]
    render: Render | None = None
    folder: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="avsynth-")
    )

    def __call__(self, unit: _Unit) -> tuple[bytes, Counter[str]]:
        folder = Path(self.folder.name)
        if self.render is None:
            self.render = self.work.begin(found(self.files, unit.sent, folder))
        made = folder / "segment.nut"
        counted = self.render(unit.segment, made, Progress(lambda _: alive()))
        data = made.read_bytes()
        made.unlink()
        return data, counted
