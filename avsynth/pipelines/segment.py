"""Pass two, a segment at a time: decode, paint the mouths, encode. A pure function of the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avsynth.errors import InputError
from avsynth.face.lower_face import face_box
from avsynth.face.mouth_space import MouthSpace
from avsynth.face.render import Picture, Renderer, Source, Target
from avsynth.media import EncoderSettings, Frame, SegmentWriter, VideoInfo, read_frames
from avsynth.pipelines.acting import Act, Acting, Actor
from avsynth.pipelines.analyse import Analysis
from avsynth.pipelines.progress import Progress
from avsynth.pipelines.stages import Ahead, grouped, in_order
from avsynth.pipelines.timeline import Segment, Timeline
from avsynth.provenance.label import research_label

PAINTERS = 2  # threads that paint; more gain nothing beside the decoder and the encoder
_BACKWARDS = 24  # frames held at once where the picture runs backwards
_AHEAD = 6  # frames decoded, and painted, ahead
_GROUPS = 3  # groups of frames painted, or waiting for a painter


@dataclass(frozen=True)
class Plan:
    """Everything that rendering a segment depends on.

    ``group`` frames are painted at a time, by each of ``painters`` threads.
    """

    video: Path
    info: VideoInfo
    analysis: Analysis
    timeline: Timeline
    actors: Sequence[tuple[Actor, Renderer]]
    space: MouthSpace
    encoder: EncoderSettings
    label: bool
    group: int = 1
    painters: int = PAINTERS


def render_segment(plan: Plan, segment: Segment, out: Path, progress: Progress) -> Counter[str]:
    """Render one segment into ``out``; how many frames had which outcome, over all actors."""
    parts = [
        (Acting(actor, plan.analysis, plan.timeline, segment, plan.space), renderer)
        for actor, renderer in plan.actors
    ]
    with (
        Ahead(_source_frames(plan, segment), _AHEAD) as decoded,
        Ahead(_painted(decoded, parts, plan), _AHEAD) as painted,
        SegmentWriter(out, plan.info, plan.encoder) as writer,
    ):
        for number, frame in enumerate(painted, start=segment.first):
            if number == segment.stop:
                raise InputError("was changed while it was worked on", plan.video, "run it again")
            writer.write(frame, int(plan.timeline.pts[number]))
            progress.advance()
    return Counter(outcome for acting, _ in parts for outcome in acting.outcomes)


def _painted(
    frames: Ahead[Frame], parts: list[tuple[Acting, Renderer]], plan: Plan
) -> Iterator[Frame]:
    def finish(group: list[tuple[int, Frame]]) -> list[Frame]:
        for acting, renderer in parts:
            acts = ((frame, acting.get(number)) for number, frame in group)
            paint([(frame, act) for frame, act in acts if act is not None], renderer)
        for _, frame in group:
            if plan.label:
                frame.put(*research_label(frame.width, frame.height))
        return [frame for _, frame in group]

    for group in in_order(finish, grouped(enumerate(frames), plan.group), plan.painters, _GROUPS):
        yield from group


def paint(todo: Sequence[tuple[Frame, Act]], renderer: Renderer) -> None:
    """Give the face in each frame the mouth that its act asks for."""
    shown, targets, sources = [], [], []
    for frame, act in todo:
        box = face_box(act.own, act.wanted).clip(frame.width, frame.height)
        if box.area == 0:
            continue
        offset = np.array([box.x0, box.y0], dtype=np.float32)
        own = Picture(frame.rgb(box), act.own - offset)
        mouth = [(picture or own, share) for picture, share in act.sources]
        if all(picture is own for picture, _ in mouth):
            mouth = []
        shown.append((frame, act.strength))
        targets.append(Target(own, box, act.wanted - offset, act.spare))
        sources.append(Source(own, mouth))
    patches = renderer.render(targets, sources)
    for (frame, strength), patch in zip(shown, patches, strict=True):
        frame.put(patch.box, patch.rgb, patch.mask * np.float32(strength))


def _source_frames(plan: Plan, segment: Segment) -> Iterator[Frame]:
    """The source frames of a segment in output order, each to be written to freely."""
    pts, timeline = plan.analysis.pts, plan.timeline
    for first, stop, step in timeline.runs(segment.first, segment.stop):
        numbers = timeline.source[first:stop]
        if step == 0:
            [still] = _decoded(plan.video, pts, int(numbers[0]), int(numbers[0]) + 1)
            for _ in numbers:
                yield still.copy()
        elif step > 0:
            yield from _decoded(plan.video, pts, int(numbers[0]), int(numbers[-1]) + 1)
        else:
            for high in range(int(numbers[0]) + 1, int(numbers[-1]), -_BACKWARDS):
                low = max(int(numbers[-1]), high - _BACKWARDS)
                yield from reversed(list(_decoded(plan.video, pts, low, high)))


def _decoded(video: Path, pts: np.ndarray, first: int, stop: int) -> Iterator[Frame]:
    end = int(pts[stop]) if stop < len(pts) else None
    with read_frames(video, int(pts[first]) if first else None, end) as frames:
        yield from frames
