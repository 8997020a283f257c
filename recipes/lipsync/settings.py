"""The configuration of a run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from avsynth.models.lipsync import LipsyncConfig


class Settings(BaseModel):
    """The config file; unknown keys are errors. Weights of losses may be 0: then they are off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: Literal["commercial", "research"]
    licence: str
    network: LipsyncConfig = LipsyncConfig()
    hold_out: tuple[str, ...] = ()
    steps: int = Field(10_000, gt=0)
    batch: int = Field(4, gt=0, description="windows of five pictures, on each device")
    learning_rate: float = 4e-4
    discriminator_rate: float = 2e-4
    far: float = Field(0.5, ge=0, le=0.5, description="share of windows made from random moments")
    identities: bool = Field(True, description="pseudo-identities")
    edges: float = 1.0
    detail: float = 2.0
    flicker: float = 0.5
    divergence: float = Field(0.02, description="of the latent; vae variant")
    free_bits: float = Field(0.05, description="nats a latent value that go unpunished")
    adversarial: float = 0.01
    matching: float = 0.02
    temporal: float = 0.002
    sync: float = 0.0
    sync_expert: str = Field("sync-small", description="weights, by name or path")
    warm_up: int = Field(500, ge=0, description="steps before the adversaries count")
    mouth: int = Field(64, gt=0, multiple_of=16, description="side of what discriminators see")
    widths: tuple[int, ...] = Field((32, 64, 128), description="of the discriminators")
    scales: int = Field(2, gt=0)
    film: int = Field(3, gt=0, description="pictures that the temporal discriminator sees")
    bfloat16: bool = Field(True, description="of convolutions")
    validate_every: int = Field(500, gt=0)
    patience: int = Field(20, gt=0, description="validations without a better one before stopping")
    threads: int = Field(1, gt=0, description="processor threads; more only where cores are idle")
    seed: int = 0
