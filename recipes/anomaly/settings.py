"""The config file of the recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from avsynth.models.anomaly import AnomalyConfig
from avsynth.models.typicality import KINDS


class Settings(BaseModel):
    """What is trained on what, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    subject: Literal["face", "voice"]
    purpose: Literal["commercial", "research"] = "commercial"
    licence: str
    network: AnomalyConfig
    copies: int = Field(2, ge=0, description="disturbed, of each recording, beside itself")
    strength: float = Field(1.0, ge=0, description="of the disturbances of sound")
    steps: int = Field(3000, ge=0, description="0: the network as it begins, to compare with")
    batch: int = Field(16, gt=0)
    learning_rate: float = 2e-3
    warm_up: int = Field(500, ge=0, description="steps until the divergence counts in full")
    kinds: tuple[str, ...] = Field(KINDS, description="of features in the density")
    save_every: int = Field(300, gt=0)
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    threads: int = Field(1, gt=0)
    seed: int = 0
