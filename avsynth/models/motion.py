"""Speech features -> mouth motion: a small dilated convolutional network.

Small on purpose: there are hours of speech but only minutes of it with faces, so what matters is
how little the network can memorise (see ``recipes/motion`` for what was measured).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn


class MotionConfig(BaseModel):
    """Everything that is needed to build a ``MotionNetwork``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    front_end: Literal["whisper", "mel"] = "whisper"
    features: int = Field(1152, gt=0, description="speech feature values of one step")
    projected: int = Field(128, gt=0, description="dimensions kept of them")
    hidden: int = Field(96, gt=0)
    kernel: int = Field(5, gt=0, description="odd")
    dilations: tuple[int, ...] = (1, 2, 4)
    dropout: float = Field(0.3, ge=0, lt=1)
    coefficients: int = Field(16, gt=0)
    rate: int = Field(25, gt=0, description="steps a second")

    @property
    def reach(self) -> int:
        """Steps to each side that one output step depends on."""
        return sum(self.dilations) * (self.kernel // 2)


class _Block(nn.Module):
    def __init__(self, config: MotionConfig, dilation: int) -> None:
        super().__init__()
        width = config.hidden
        self.norm = nn.LayerNorm(width)  # of each step alone: no window sees its neighbours
        self.spread = nn.Conv1d(width, width, config.kernel, padding="same", dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.gelu(self.norm(x.transpose(1, 2)).transpose(1, 2))
        y = nn.functional.gelu(self.spread(y))
        mixed: Tensor = self.mix(self.dropout(y))
        return x + mixed


class MotionNetwork(nn.Module):
    """``{"features": (B, T, F)} -> {"motion": (B, T, K)}`` in person-normalised units.

    Features are standardised and projected onto fixed principal directions (buffers, set before
    training and stored with the weights); zero motion is the person's closed mouth.
    """

    def __init__(self, config: MotionConfig) -> None:
        super().__init__()
        self.config = config
        self.mean: Tensor
        self.directions: Tensor
        self.register_buffer("mean", torch.zeros(config.features))
        self.register_buffer("directions", torch.zeros(config.features, config.projected))
        self.enter = nn.Conv1d(config.projected, config.hidden, 1)
        self.dropout = nn.Dropout1d(config.dropout)
        self.blocks = nn.ModuleList(_Block(config, d) for d in config.dilations)
        self.leave = nn.Conv1d(config.hidden, config.coefficients, 1)

    def project(self, features: Tensor) -> Tensor:
        """Features (B, T, F) -> standardised principal components (B, T, P)."""
        return (features - self.mean) @ self.directions

    def move(self, projected: Tensor) -> Tensor:
        """Projected features (B, T, P) -> motion (B, T, K): the trained part."""
        x = self.dropout(self.enter(projected.transpose(1, 2)))
        for block in self.blocks:
            x = block(x)
        motion: Tensor = self.leave(x).transpose(1, 2)
        return motion

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One pass over whole windows."""
        return {"motion": self.move(self.project(batch["features"]))}


def example_batch(config: MotionConfig) -> dict[str, Tensor]:
    """Two windows of three seconds."""
    return {"features": torch.zeros(2, 3 * config.rate, config.features)}
