"""Segments rendered on a cluster: a worker loads the networks once and returns encoded segments.

What comes back is written into the job folder as a segment made here would be: whoever goes on
with the job cannot tell which was made where.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from avsynth.cluster.connection import Cluster
from avsynth.cluster.files import run_with_files
from avsynth.cluster.worker import alive
from avsynth.errors import ResourceError
from avsynth.pipelines.job import Job
from avsynth.pipelines.progress import Progress
from avsynth.pipelines.segments import Render, RenderAll, segment_file
from avsynth.pipelines.timeline import Segment

Rendered = tuple[bytes, Counter[str]]


class Rendering(Protocol):
    """Pass two of a job, as another process takes it up. Can be pickled."""

    @property
    def files(self) -> Sequence[Path]:
        """What it reads."""

    def begin(self, here: Mapping[Path, Path]) -> Render:
        """Load networks; ``here`` says where each file lies on this machine."""


def on_cluster(cluster: Cluster, rendering: Rendering) -> RenderAll:
    """Segments on ``cluster``, as they are done.

    Raises, when it is iterated:
        ResourceError: the cluster cannot be used, or lost a segment with every try.
        AvsynthError: as a worker raised it.
    """

    def all_of_them(
        segments: Iterable[Segment], job: Job, steps: Progress
    ) -> Iterator[tuple[Segment, Counter[str]]]:
        for done in run_with_files(cluster, _Encoded(rendering), segments):
            segment = done.unit
            if done.result is None:
                raise ResourceError(
                    f"segment {segment.number} could not be rendered: {done.lost}",
                    hint="what is finished is kept: run the same command again",
                )
            data, counted = done.result
            _keep(data, job, segment)
            yield segment, counted
            steps.advance(segment.stop - segment.first)

    return all_of_them


def _keep(data: bytes, job: Job, segment: Segment) -> None:
    name = segment_file(job, segment).name
    try:
        with job.finishing(name) as path:
            path.write_bytes(data)
    except OSError as error:
        raise ResourceError(f"cannot write: {error.strerror}", job.path(name)) from error


@dataclass(frozen=True)
class _Encoded:
    """A rendering whose segments come as the bytes of their files."""

    rendering: Rendering

    @property
    def files(self) -> Sequence[Path]:
        return self.rendering.files

    def begin(self, here: Mapping[Path, Path]) -> Callable[[Segment], Rendered]:
        render = self.rendering.begin(here)

        def encoded(segment: Segment) -> Rendered:
            with tempfile.TemporaryDirectory(prefix="avsynth-") as folder:
                made = Path(folder) / "segment.nut"
                counted = render(segment, made, Progress(lambda _: alive()))
                return made.read_bytes(), counted

        return encoded
