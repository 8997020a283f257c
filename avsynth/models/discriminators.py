"""Discriminators, and the one shape in which all of them answer.

Whatever is judged (faces, mouths, films of mouths, spectra, sound against picture), a
discriminator is a module with ``forward(x, condition=None) -> Judgement``. The adversarial losses,
feature matching and the detectors that are grown from discriminators speak this and nothing else.

Sources: patches and scales as in pix2pixHD (Wang et al. 2018), spectral normalisation (Miyato et
al. 2018; of sequences alone: it hides differences as small as those between two mouths of one
person), mismatched pairs as fakes as in GAN-CLS (Reed et al. 2016).
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

_SLOPE = 0.2


class Judgement(NamedTuple):
    """What a discriminator says of a batch.

    Attributes:
        logits: one tensor a scale, batch first; high is real. No squashing.
        features: for each scale its intermediate activations, shallow to deep.
    """

    logits: list[Tensor]
    features: list[list[Tensor]]


class PatchConfig(BaseModel):
    """Everything that is needed to build a ``PatchDiscriminator``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: int = Field(3, gt=0, description="of a picture; a film of T pictures has T times")
    condition: int = Field(0, ge=0, description="channels of the condition; 0: none")
    widths: tuple[int, ...] = Field((24, 48, 96), description="of layers that halve the picture")
    scales: int = Field(2, gt=0, description="the picture, its half, its quarter ...")


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches of a picture at several scales, (N, C, H, W) in 0..1.

    A short film, (N, T, C, H, W), is judged with its pictures laid on one another, so that the
    first layer sees how each pixel moves: the temporal discriminator. A condition (N, K, H, W),
    (N, T, K, H, W) for a film, is what the picture should show.
    """

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        self.config = config
        self.scales = nn.ModuleList(_Patches(config) for _ in range(config.scales))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Judgement:
        """See the class. ValueError when a condition is missing or not expected."""
        if (condition is None) != (self.config.condition == 0):
            raise ValueError(f"this discriminator takes {self.config.condition} condition channels")
        seen = _stack(x) * 2.0 - 1.0
        if condition is not None:
            seen = torch.cat([seen, _stack(condition)], dim=1)
        logits, features = [], []
        for number, patches in enumerate(self.scales):
            if number:
                seen = nn.functional.avg_pool2d(seen, 2)
            judged = patches(seen)
            logits.append(judged[-1])
            features.append(judged[:-1])
        return Judgement(logits, features)


class _Patches(nn.Module):
    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        widths = (config.channels + config.condition, *config.widths)
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(widths)
        )
        self.deep = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        self.judge = nn.Conv2d(widths[-1], 1, 3, padding=1)
        for layer in (*self.layers, self.deep):
            nn.init.kaiming_normal_(layer.weight, _SLOPE)  # differences are small: pass them on

    def forward(self, x: Tensor) -> list[Tensor]:
        """Activations of every layer, the logits (N, 1, h, w) last."""
        seen = []
        for layer in (*self.layers, self.deep):
            x = nn.functional.leaky_relu(layer(x), _SLOPE)
            seen.append(x)
        return [*seen, self.judge(x)]


class SequenceConfig(BaseModel):
    """Everything that is needed to build a ``SequenceDiscriminator``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: int = Field(16, gt=0, description="values of a step")
    condition: int = Field(0, ge=0, description="values of a step of the condition; 0: none")
    hidden: int = Field(64, gt=0)
    layers: int = Field(3, gt=0)
    kernel: int = Field(5, gt=0, description="odd")


class SequenceDiscriminator(nn.Module):
    """Judges every step of a sequence (N, T, C), such as mouth motion, from what is around it.

    The condition (N, T, K), such as speech features, is what the sequence should go with; logits
    (N, T, 1).
    """

    def __init__(self, config: SequenceConfig) -> None:
        super().__init__()
        self.config = config
        widths = (config.channels + config.condition, *[config.hidden] * config.layers)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv1d(a, b, config.kernel, padding=config.kernel // 2))
            for a, b in itertools.pairwise(widths)
        )
        self.judge = spectral_norm(nn.Conv1d(config.hidden, 1, 1))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Judgement:
        """See the class. ValueError when a condition is missing or not expected."""
        if (condition is None) != (self.config.condition == 0):
            raise ValueError(f"this discriminator takes {self.config.condition} condition values")
        y = (x if condition is None else torch.cat([x, condition], dim=-1)).transpose(1, 2)
        seen = []
        for layer in self.layers:
            y = nn.functional.leaky_relu(layer(y), _SLOPE)
            seen.append(y)
        return Judgement([self.judge(y).transpose(1, 2)], [seen])


def _stack(x: Tensor) -> Tensor:
    """(N, T, C, H, W) -> (N, T * C, H, W); four dimensions stay."""
    return x.flatten(1, 2) if x.dim() == 5 else x


def example_patches(config: PatchConfig) -> dict[str, Tensor]:
    """Two pictures of 64 px."""
    batch = {"x": torch.zeros(2, config.channels, 64, 64)}
    if config.condition:
        batch["condition"] = torch.zeros(2, config.condition, 64, 64)
    return batch


def example_sequences(config: SequenceConfig) -> dict[str, Tensor]:
    """Two sequences of two seconds at 25 steps a second."""
    batch = {"x": torch.zeros(2, 50, config.channels)}
    if config.condition:
        batch["condition"] = torch.zeros(2, 50, config.condition)
    return batch
