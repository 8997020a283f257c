"""A judge: what a discriminator has learned about fakes, and a new head that says it plainly.

A discriminator compares: its logits mean something only beside those of the generator it was
trained against. What it looks at is more general. A judge takes statistics over all places (mean,
deviation, largest) of every layer of one or more discriminators, which may stay as they are or
learn on, and weighs them in a small head: one logit, positive where synthetic.

Sources: statistics pooled over places as in deep sets of texture features (Gatys et al. 2015) and
x-vectors (Snyder et al. 2018); discriminators that serve as representations as in DCGAN (Radford
et al. 2016), there frozen under a linear head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from avsynth.models import discriminator_kinds
from avsynth.models.discriminators import Judgement


class Part(BaseModel):
    """One discriminator inside a judge."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(description="of discriminator_kinds.KINDS")
    config: dict[str, Any] = Field(description="of that kind")


class JudgeConfig(BaseModel):
    """Everything that is needed to build a ``Judge``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parts: tuple[Part, ...] = Field(min_length=1, description="all are given the same batch")
    hidden: int = Field(32, ge=0, description="units of the head's only hidden layer; 0: linear")
    dropout: float = Field(0.2, ge=0, lt=1)


class Judge(nn.Module):
    """Batch -> ``logit`` (N,), high is synthetic, and ``map``, the same place by place.

    The batch has ``x`` and, for discriminators that take one, ``condition``; both as the
    discriminators have them. ``map`` are the negated logits of the first discriminator's first
    scale, without their channel: (N, h, w) of patches.
    """

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        self.parts = nn.ModuleList(
            discriminator_kinds.build(part.kind, part.config) for part in config.parts
        )
        with torch.no_grad():
            width = self.statistics(self.judge(example_batch(config))).shape[1]
        self.standard = nn.BatchNorm1d(width, affine=False)
        layers: list[nn.Module] = [nn.Dropout(config.dropout)]
        if config.hidden:
            layers += [nn.Linear(width, config.hidden), nn.GELU()]
        self.head = nn.Sequential(*layers, nn.Linear(config.hidden or width, 1))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """See the class."""
        judged = self.judge(batch)
        places = -judged[0].logits[0]
        return {
            "logit": self.score(judged),
            "map": places.squeeze(1) if places.dim() == 4 else places,
        }

    def judge(self, batch: dict[str, Tensor]) -> list[Judgement]:
        """What each discriminator says."""
        return [part(batch["x"], batch.get("condition")) for part in self.parts]

    def score(self, judged: Sequence[Judgement]) -> Tensor:
        """One logit (N,) from what the discriminators said."""
        weighed: Tensor = self.head(self.standard(self.statistics(judged)))
        return weighed[:, 0]

    @staticmethod
    def statistics(judged: Sequence[Judgement]) -> Tensor:
        """Mean, deviation and largest over places of all features and logits, (N, S) float32."""
        found = []
        for judgement in judged:
            for logits, features in zip(judgement.logits, judgement.features, strict=True):
                found += [_pooled(layer) for layer in features]
                found.append(_pooled(logits.flatten(1).unsqueeze(1)))
        return torch.cat(found, dim=1)


def raw_score(judged: Sequence[Judgement]) -> Tensor:
    """What the discriminators say without a head: (N,), the mean of their logits, negated."""
    scales = [x.float().flatten(1).mean(dim=1) for each in judged for x in each.logits]
    return -torch.stack(scales).mean(dim=0)


def example_batch(config: JudgeConfig) -> dict[str, Tensor]:
    """What the first discriminator is usually given; the others are given the same."""
    first = config.parts[0]
    return discriminator_kinds.example(first.kind, first.config)


def _pooled(features: Tensor) -> Tensor:
    """(N, C, ...) -> (N, 3 C): mean, deviation and largest over all places."""
    flat = features.float().flatten(2) if features.dim() > 2 else features.float().unsqueeze(2)
    mean = flat.mean(dim=2)
    deviation = ((flat - mean.unsqueeze(2)).square().mean(dim=2) + 1e-8).sqrt()
    return torch.cat([mean, deviation, flat.amax(dim=2)], dim=1)
