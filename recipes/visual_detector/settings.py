"""The configuration of a run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from avsynth.models.frame_detector import FrameDetectorConfig


class Settings(BaseModel):
    """The config file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    purpose: Literal["commercial", "research"]
    licence: str
    network: FrameDetectorConfig = FrameDetectorConfig()
    imagenet: bool = Field(True, description="begin with EfficientNet-Lite0's weights")
    begin: str | None = Field(None, description="weights to go on from instead, by name or path")
    without: tuple[str, ...] = Field((), description="families kept out of training")
    avoid: tuple[str, ...] = Field(
        ("bend", "person"),
        description="systems kept out, by how their names begin: whoever has "
        "few people to learn from learns these by heart, as shapes that are not theirs",
    )
    online: float = Field(0.5, ge=0, le=1, description="share of fakes that are blended anew")
    steps: int = Field(900, gt=0)
    pairs: int = Field(12, gt=0, description="real films a step, each with a fake of it")
    learning_rate: float = 8e-4
    weight_decay: float = 0.02
    frozen: int = Field(2, ge=0, description="first blocks that stay as ImageNet left them")
    places: float = Field(1.0, ge=0, description="weight of the loss of the map")
    contrast: float = Field(0.3, ge=0, description="weight of: above its own original ...")
    there: float = Field(0.7, ge=0, description="... and in every place that was changed")
    subtle: float = Field(0.5, ge=0, le=1, description="share of fakes that move mouths, if known")
    validate_every: int = Field(150, gt=0)
    judged: int = Field(64, gt=0, description="real films of the validation")
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    threads: int = Field(1, gt=0, description="processor threads")
    seed: int = 0
