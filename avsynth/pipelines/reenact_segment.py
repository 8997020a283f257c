"""Pass two of a reenactment, a segment at a time: move the portrait, put it back, encode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.face.head_motion import Retargeter
from avsynth.face.portrait import PortraitRenderer
from avsynth.media import EncoderSettings, Frame, SegmentWriter, VideoInfo
from avsynth.media.canvas import Canvas
from avsynth.pipelines.driver import Driver
from avsynth.pipelines.progress import Progress
from avsynth.pipelines.reenact_options import ReenactOptions
from avsynth.pipelines.reenact_source import SourceFrame
from avsynth.pipelines.stages import Ahead, in_order
from avsynth.pipelines.timeline import Segment, Timeline
from avsynth.provenance.label import research_label
from avsynth.weights.reenacting import ReenactModels

PAINTERS = 2  # threads that render; the encoder has its own
_GROUP = 8  # frames rendered together, fewer where they are large
_PIXELS = 16_000_000  # in the frames of a group
_GROUPS = 3  # groups being rendered, or waiting
_AHEAD = 4  # frames rendered ahead of the encoder


@dataclass(frozen=True)
class Plan:
    """Everything that rendering a segment depends on.

    ``info`` has the driver's clock; ``painters`` threads render.
    """

    source: SourceFrame
    driver: Driver
    timeline: Timeline
    retargeter: Retargeter
    canvas: Canvas
    renderer: PortraitRenderer
    info: VideoInfo
    encoder: EncoderSettings
    label: bool
    painters: int = PAINTERS

    def wanted(self, first: int, stop: int) -> NDArray[np.float32]:
        """Landmarks (n, 478, 3) of output frames, in pixels of the source."""
        return self.retargeter.points(self.driver.stored.motion[first:stop])


def make_plan(
    source: SourceFrame,
    driver: Driver,
    options: ReenactOptions,
    models: ReenactModels,
    label: bool,
    encoder: EncoderSettings,
    start: int | None = None,
) -> Plan:
    """Put the driver's motion and the source together; ``start`` as ``Retargeter`` has it."""
    stored = driver.stored
    timeline = Timeline(
        np.arange(len(driver), dtype=np.int64), stored.times, stored.end, stored.time_base, False
    )
    like = _with_clock(source.like, driver)
    retargeter = Retargeter(
        stored.motion, source.points, relative=not options.absolute, start=start,
        parts=options.parts, strength=options.strength, moderate=True,
    )  # fmt: skip
    canvas = Canvas(source.frame, source.portrait.box)
    renderer = models.renderer(source.portrait)
    return Plan(source, driver, timeline, retargeter, canvas, renderer, like, encoder, label)


def _with_clock(like: VideoInfo, driver: Driver) -> VideoInfo:
    """The source's pictures at the driver's times."""
    stored = driver.stored
    return replace(
        like,
        time_base=stored.time_base,
        average_rate=stored.rate,
        start=int(stored.times[0]) * stored.time_base,
        duration=driver.seconds,
        frames=len(driver),
        interlaced=False,
        variable_rate=None,
    )


def render_segment(plan: Plan, segment: Segment, out: Path, progress: Progress) -> Counter[str]:
    """Render one segment into ``out``; how many frames that were."""
    with (
        Ahead(_frames(plan, segment), _AHEAD) as frames,
        SegmentWriter(out, plan.info, plan.encoder) as writer,
    ):
        for number, frame in enumerate(frames, segment.first):
            writer.write(frame, int(plan.timeline.pts[number]))
            progress.advance()
    return Counter(frames=segment.stop - segment.first)


def _frames(plan: Plan, segment: Segment) -> Iterator[Frame]:
    size = min(_GROUP, max(1, _PIXELS // (plan.info.width * plan.info.height)))
    groups = (
        (first, min(first + size, segment.stop))
        for first in range(segment.first, segment.stop, size)
    )
    for group in in_order(lambda part: compose(plan, *part), groups, plan.painters, _GROUPS):
        yield from group


def compose(plan: Plan, first: int, stop: int) -> list[Frame]:
    """Whole frames: the source's, but for what moved. All else keeps every bit."""
    box = plan.source.portrait.box
    wanted = plan.wanted(first, stop) - np.array([box.x0, box.y0, 0], np.float32)
    frames = []
    for patch in plan.renderer.render(list(wanted)):
        frame = plan.canvas.put(patch.rgb, patch.mask)
        if plan.label:
            frame.put(*research_label(frame.width, frame.height))
        frames.append(frame)
    return frames
