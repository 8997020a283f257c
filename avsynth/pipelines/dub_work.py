"""Pass two of a dub as another process takes it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from avsynth.face.mouth_space import MouthSpace
from avsynth.media import EncoderSettings, VideoInfo
from avsynth.pipelines.acting import Actor
from avsynth.pipelines.analyse import FRAMES, analysis_files, load_analysis
from avsynth.pipelines.segment import Plan, render_segment
from avsynth.pipelines.segments import Render
from avsynth.pipelines.timeline import Timeline
from avsynth.weights.dubbing import DubbingModels, mouth_renderer
from avsynth.weights.elsewhere import NetworkFile


@dataclass(frozen=True)
class DubWork:
    """A ``Plan`` without what is open or loaded: the job ``folder`` has the analysis."""

    video: Path
    info: VideoInfo
    folder: Path
    timeline: Timeline
    actors: Sequence[Actor]
    space: MouthSpace
    encoder: EncoderSettings
    label: bool
    group: int
    lipsync: NetworkFile | None

    @classmethod
    def of(cls, plan: Plan, folder: Path, models: DubbingModels) -> DubWork:
        """The same work as ``plan``'s."""
        lipsync = None if models.lipsync is None else NetworkFile.of(models.lipsync)
        actors = [actor for actor, _ in plan.actors]
        return cls(
            plan.video, plan.info, folder, plan.timeline, actors, plan.space, plan.encoder,
            plan.label, plan.group, lipsync,
        )  # fmt: skip

    @property
    def files(self) -> Sequence[Path]:
        """The film, what pass one found in it, and the network."""
        network = [] if self.lipsync is None else [self.lipsync.path]
        return [self.video, *analysis_files(self.folder), *network]

    def begin(self, here: Mapping[Path, Path]) -> Render:
        """See ``segments_on_cluster.Rendering``. A worker has one processor."""
        lipsync = None if self.lipsync is None else self.lipsync.load(here[self.lipsync.path])
        folder = here[self.folder / FRAMES].parent
        actors = [(actor, mouth_renderer(lipsync, actor.mean)) for actor in self.actors]
        plan = Plan(
            here[self.video], self.info, load_analysis(folder, self.info.time_base), self.timeline,
            actors, self.space, replace(self.encoder, threads=1), self.label, self.group,
            painters=1,
        )  # fmt: skip
        return partial(render_segment, plan)
