"""The configuration of a run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """The config file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: Literal["commercial", "research"]
    licence: str
    sources: tuple[str, ...] = Field(min_length=1, description="of SOURCES, or files so named")
    branches: tuple[int, ...] = Field((), description="of sources that have several; empty: all")
    start: Literal["trained", "scratch"] = Field("trained", description="the discriminators'")
    frozen: bool = Field(False, description="only the head learns")
    share: float = Field(1.0, gt=0, le=1, description="of the training originals, with all fakes")
    without: tuple[str, ...] = Field((), description="families that are held out")
    hidden: int = Field(32, ge=0)
    dropout: float = Field(0.2, ge=0, lt=1)
    steps: int = Field(300, gt=0)
    batch: int = Field(16, gt=1, multiple_of=2, description="half of it real")
    learning_rate: float = Field(5e-4, description="of the discriminators")
    head_rate: float = 3e-3
    weight_decay: float = 0.01
    paired: float = Field(1.0, ge=0, description="weight of telling a fake from its own original")
    places: float = Field(0.5, ge=0, description="weight of the discriminators' own logits")
    bfloat16: bool = Field(True, description="of convolutions")
    threads: int = Field(1, gt=0, description="processor threads; more only where cores are idle")
    seed: int = 0
