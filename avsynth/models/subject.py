"""One person's networks in one module: what ``avsynth adapt`` makes and ``avsynth dub`` takes."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from avsynth.models import motion
from avsynth.models.lipsync import LipsyncConfig, LipsyncNetwork
from avsynth.models.motion import MotionConfig, MotionNetwork


class SubjectConfig(BaseModel):
    """Everything that is needed to build a ``SubjectNetwork``; ``lipsync`` None: there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    motion: MotionConfig
    lipsync: LipsyncConfig | None = None


class SubjectNetwork(nn.Module):
    """A person's motion network and, where there is one, lip-sync generator.

    Called as a whole it is the motion network; the parts are used one by one, see
    ``avsynth.weights.subject.read_parts``.
    """

    def __init__(self, config: SubjectConfig) -> None:
        super().__init__()
        self.config = config
        self.motion = MotionNetwork(config.motion)
        self.lipsync = None if config.lipsync is None else LipsyncNetwork(config.lipsync)

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See ``MotionNetwork``."""
        moved: dict[str, Tensor] = self.motion(batch)
        return moved


def example_batch(config: SubjectConfig) -> dict[str, Tensor]:
    """As the motion network's."""
    return motion.example_batch(config.motion)
