"""The config file of ``train.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from avsynth.models.motion import MotionConfig


class Adversarial(BaseModel):
    """A discriminator that hears the sound, and so is a sync expert at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = Field(None, description="of its weights; as the run's, -discriminator")
    start: int = Field(400, ge=0, description="steps without it")
    ramp: int = Field(100, gt=0, description="further steps until its losses count in full")
    weight: float = Field(0.1, ge=0, description="of being taken for real")
    matching: float = Field(0.5, ge=0, description="of feature matching")
    mismatched: float = Field(
        0.5, ge=0, le=1, description="of the fakes: real motion of another moment of the person"
    )
    hidden: int = Field(64, gt=0)
    layers: int = Field(3, gt=0)
    window: int = Field(32, gt=0, description="rows")
    batch: int = Field(32, gt=0)
    learning_rate: float = Field(4e-4, gt=0)


class Settings(BaseModel):
    """The config file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: Literal["commercial", "research"]
    licence: str
    network: MotionConfig
    copies: int = Field(0, ge=0, description="disturbed versions of the sound to hear as well")
    hold_out: tuple[str, ...] = ()
    min_clarity: float = Field(0.2, description="clips whose sync is less clear are left out")
    steps: int = Field(800, gt=0)
    batch: int = Field(32, gt=0)
    window: int = Field(50, gt=0, description="rows")
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    noise: float = Field(0.3, description="deviation of Gaussian noise on projected features")
    channel_dropout: float = 0.1
    stretch: float = Field(0.2, description="largest change of tempo, natural logarithm")
    mixup: float = Field(0.4, description="beta of mixing pairs of windows; 0: none")
    balance: float = Field(0.6, description="weight of a person: rows to this power")
    opening_weight: float = 1.0
    velocity_weight: float = 1.0
    closure_weight: float = Field(0.0, ge=0, description="more weight where the mouth is closed")
    adversarial: Adversarial | None = None
    teacher: Path | None = Field(None, description="weights whose motion is imitated as well")
    teacher_share: float = Field(0.5, description="of the target, where there is a real one")
    validate_every: int = Field(200, gt=0)
    patience: int = Field(4, gt=0, description="validations without a better one before stopping")
    keep: Literal["best", "last"] = Field("last", description="the averaged weights to write")
    threads: int = Field(1, gt=0, description="processor threads; so small a network wants one")
    seed: int = 0
