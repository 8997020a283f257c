"""The configuration of a run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from avsynth.models.reenact import ReenactConfig


class Settings(BaseModel):
    """The config file; unknown keys are errors. Weights of losses may be 0: then they are off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: Literal["commercial", "research"]
    licence: str
    network: ReenactConfig = ReenactConfig()
    hold_out: tuple[str, ...] = ()
    steps: int = Field(1150, gt=0)
    batch: int = Field(8, gt=0, description="pairs, on each device")
    learning_rate: float = 1e-3
    discriminator_rate: float = 2e-4
    identities: bool = Field(True, description="pseudo-identities")
    sitting: float = Field(0.5, ge=0, le=1, description="share of pairs from two clips, where so")
    opened: float = Field(0.4, ge=0, le=1, description="share of drivers with an open mouth")
    bent: float = Field(0.5, ge=0, le=1, description="share of sources that are warped alone")
    turned: float = Field(0.08, ge=0, description="how far such a source is turned, radians")
    shifted: float = Field(0.05, ge=0, description="how far it is shifted, of the square")
    edges: float = 0.5
    detail: float = 2.0
    perceptual: float = 0.1
    adversarial: float = 0.02
    matching: float = 0.03
    warm_up: int = Field(200, ge=0, description="steps before the adversary counts")
    face: int = Field(128, gt=0, multiple_of=16, description="side of what judges see")
    widths: tuple[int, ...] = Field((16, 32, 56), description="of the discriminator")
    scales: int = Field(2, gt=0)
    bfloat16: bool = Field(True, description="of convolutions")
    validate_every: int = Field(150, gt=0)
    validated: int = Field(96, gt=0, description="pairs of held-out people")
    patience: int = Field(12, gt=0, description="validations without a better one before stopping")
    threads: int = Field(1, gt=0, description="processor threads; more only where cores are idle")
    seed: int = 0
