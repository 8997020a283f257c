"""Pass two of a reenactment as another process takes it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.media import EncoderSettings, VideoInfo
from avsynth.pipelines.driver import Driver
from avsynth.pipelines.reenact_options import ReenactOptions
from avsynth.pipelines.reenact_segment import Plan, make_plan, render_segment
from avsynth.pipelines.reenact_source import reopened
from avsynth.pipelines.segments import Render
from avsynth.weights.elsewhere import NetworkFile
from avsynth.weights.head_motions import read_motion
from avsynth.weights.reenacting import ReenactModels


@dataclass(frozen=True)
class ReenactWork:
    """A ``Plan`` without what is open or loaded.

    Attributes:
        source: picture or film; ``time`` of the frame in a film, its time base, None of a picture.
        like: describes the frame to an encoder; ``points`` are its landmarks.
        motion: the driver's, stored; ``start`` is its frame that the source stands for.
        label: whether the research label is burnt in.
    """

    source: Path
    time: int | None
    like: VideoInfo
    points: NDArray[np.float32]
    motion: Path
    start: int
    options: ReenactOptions
    label: bool
    encoder: EncoderSettings
    network: NetworkFile | None

    @classmethod
    def of(cls, plan: Plan, options: ReenactOptions, models: ReenactModels) -> ReenactWork:
        """The same work as ``plan``'s."""
        shown = plan.source
        return cls(
            shown.path,
            None if shown.seconds is None else shown.frame.pts,
            shown.like,
            shown.points,
            plan.driver.stored.path,
            plan.retargeter.start,
            options,
            plan.label,
            plan.encoder,
            None if models.network is None else NetworkFile.of(models.network),
        )

    @property
    def files(self) -> Sequence[Path]:
        """Source, motion, network."""
        network = [] if self.network is None else [self.network.path]
        return [self.source, self.motion, *network]

    def begin(self, here: Mapping[Path, Path]) -> Render:
        """See ``segments_on_cluster.Rendering``. A worker has one processor."""
        network = None if self.network is None else self.network.load(here[self.network.path])
        source = reopened(here[self.source], self.time, self.like, self.points)
        motion = here[self.motion]
        plan = make_plan(
            source, Driver(motion, read_motion(motion, own=True), None), self.options,
            ReenactModels(network), self.label, replace(self.encoder, threads=1), self.start,
        )  # fmt: skip
        return partial(render_segment, replace(plan, painters=1))
