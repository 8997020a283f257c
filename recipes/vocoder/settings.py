"""The configuration of a run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from avsynth.models.vocoder import VocoderConfig
from avsynth.models.wave_discriminators import PeriodConfig, ResolutionConfig


class Settings(BaseModel):
    """The config file; unknown keys are errors. Weights of losses may be 0: then they are off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: Literal["commercial", "research"]
    licence: str
    network: VocoderConfig = VocoderConfig()
    periods: PeriodConfig = PeriodConfig()
    resolutions: ResolutionConfig = ResolutionConfig()
    steps: int = Field(2_500, gt=0)
    batch: int = Field(16, gt=0, description="windows, on each device")
    frames: int = Field(64, gt=0, description="of a window")
    learning_rate: float = 1e-3
    discriminator_rate: float = 5e-4
    locked: bool = Field(True, description="train on pulses in phase with the real fundamental")
    windows: tuple[int, ...] = Field((1024, 512, 256, 128, 64), description="of the losses")
    mel: float = 10.0
    bins: float = 1.0
    adversarial: float = 1.0
    matching: float = 1.0
    warm_up: int = Field(1_000, ge=0, description="steps before the adversaries count")
    judged: int = Field(4, gt=0, description="windows of a batch that the adversaries see")
    decay: float = Field(0.999, ge=0, lt=1, description="of the averaged network")
    bfloat16: bool = Field(True, description="of convolutions and linear layers")
    validate_every: int = Field(500, gt=0)
    threads: int = Field(1, gt=0, description="processor threads; more only where cores are idle")
    seed: int = 0
