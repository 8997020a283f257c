"""The config file of the recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from avsynth.models.discriminators import PatchConfig
from avsynth.models.face_vae import FacesConfig

Kind = Literal["vae", "gan", "vae-gan"]


class Settings(BaseModel):
    """What is trained on what, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: Kind
    purpose: Literal["commercial", "research"] = "commercial"
    licence: str
    network: FacesConfig
    judge: PatchConfig | None = Field(None, description="the discriminator; none in a VAE")
    steps: int = Field(gt=0)
    batch: int = Field(16, gt=0)
    learning_rate: float = 2e-3
    judge_rate: float = Field(1e-3, description="of the discriminator")
    divergence: float = Field(1e-3, ge=0, description="weight, of nats a latent value")
    free: float = Field(0.02, ge=0, description="nats of a latent value that cost nothing")
    warm_up: int = Field(200, ge=0, description="steps until the divergence counts in full")
    shape: float = Field(0.02, ge=0, description="weight of the squared error of shape")
    begin: int = Field(0, ge=0, description="steps of a VAE-GAN that are those of a VAE")
    follow: int | None = Field(
        None, ge=0, description="step from which people are drawn where the latents are: no prior"
    )
    adversary: float = Field(0.01, ge=0, description="weight of the adversary beside an L1 of 1")
    matching: float = Field(0.02, ge=0, description="weight of feature matching, likewise")
    penalty: float = Field(0.5, ge=0, description="of the discriminator's gradient (R1)")
    penalty_every: int = Field(8, gt=0, description="steps")
    average: float = Field(0.99, description="decay of the averaged weights")
    validate_every: int = Field(100, gt=0)
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    threads: int = Field(1, gt=0)
    seed: int = 0
