"""The segments of a film in its job folder: those that are missing are rendered, here or elsewhere.

A segment is done when its figures are there; they are written after its pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from avsynth.media import EncoderSettings, VideoInfo
from avsynth.pipelines.film_options import FilmOptions
from avsynth.pipelines.job import Job
from avsynth.pipelines.progress import Progress
from avsynth.pipelines.timeline import Segment
from avsynth.weights.threads import one_thread

#: Renders a segment into a file and counts it; a pure function of its job.
Render = Callable[[Segment, Path, Progress], Counter[str]]
#: Puts segments into their files, in any order, and gives the counts of each when it is there.
RenderAll = Callable[[Iterable[Segment], Job, Progress], Iterator[tuple[Segment, Counter[str]]]]


def encoder_for(like: VideoInfo | None, options: FilmOptions, output: Path) -> EncoderSettings:
    """What all segments of a film like ``like`` are encoded with.

    Raises:
        UsageError: no codec can hold it, or ``output`` cannot hold the codec.
    """
    assert like is not None
    return EncoderSettings.for_source(
        like, options.codec, options.crf, options.preset, options.lossless, out=output
    )


def segment_file(job: Job, segment: Segment) -> Path:
    """Where the pictures of a segment lie."""
    return job.path(f"segment-{segment.number:06d}.nut")


def render_missing(
    segments: Iterable[Segment], job: Job, steps: Progress, render: RenderAll
) -> Counter[str]:
    """Render the segments that are not there yet; what all of them counted."""
    every = list(segments)
    missing = [each for each in every if not _done(job, each)]
    steps.advance(sum(s.stop - s.first for s in every) - sum(s.stop - s.first for s in missing))
    for segment, counted in render(missing, job, steps):
        job.write_json(_figures(segment), counted)
    return sum((Counter(job.read_json(_figures(each))) for each in every), Counter())


def one_by_one(render: Render) -> RenderAll:
    """Segments in order, in this process."""

    def all_of_them(
        segments: Iterable[Segment], job: Job, steps: Progress
    ) -> Iterator[tuple[Segment, Counter[str]]]:
        for segment in segments:
            with one_thread():  # each painter; there are several
                counted = render(segment, segment_file(job, segment), steps)
            yield segment, counted

    return all_of_them


def _done(job: Job, segment: Segment) -> bool:
    return job.done(_figures(segment)) and segment_file(job, segment).exists()


def _figures(segment: Segment) -> str:
    return f"segment-{segment.number:06d}.json"
