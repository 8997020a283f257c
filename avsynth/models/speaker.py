"""Whose voice is it: a log-mel spectrum of speech on the unit sphere, one speaker in one place.

A small ECAPA-TDNN (Desplanques et al., "ECAPA-TDNN: Emphasized Channel Attention, Propagation and
Aggregation in TDNN Based Speaker Verification", 2020): dilated convolutions that see several
scales at once, squeeze and excitation, attentive statistics over time. Training:
``recipes/speaker``; use: ``models/speaker_embedder.py``.
"""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import normalize, relu

from avsynth.speech.spectrum import SpectrumConfig

_SMALLEST = 1e-4  # variance over time; a spectrum that stands still has none


class SpeakerConfig(BaseModel):
    """Everything that is needed to build a ``SpeakerEncoder``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    spectrum: SpectrumConfig = SpectrumConfig.model_validate({})
    channels: int = Field(160, gt=0, description="of the dilated blocks")
    dilations: tuple[int, ...] = Field((2, 3, 4), min_length=1, description="one block each")
    scales: int = Field(4, gt=1, description="parts of a block's channels, each seeing further")
    squeezed: int = Field(48, gt=0, description="width of squeeze-excitation and of attention")
    gathered: int = Field(256, gt=0, description="channels that are averaged over time")
    embedding: int = Field(128, gt=0)
    pace: int = Field(2, gt=0, description="stride of the first layer, spectrum frames")
    centred: bool = Field(False, description="take each band's mean over time away: the channel")

    @model_validator(mode="after")
    def _fits(self) -> SpeakerConfig:
        if self.channels % self.scales:
            raise ValueError(f"{self.channels} channels do not part into {self.scales} scales")
        return self


class SpeakerEncoder(nn.Module):
    """Log-mel spectra to unit vectors; the cosine of two says how alike the voices are."""

    def __init__(self, config: SpeakerConfig) -> None:
        super().__init__()
        self.config = config
        width, blocks = config.channels, len(config.dilations)
        self.first = _layer(config.spectrum.bands, width, 5, stride=config.pace)
        self.blocks = nn.ModuleList(
            _Block(width, config.scales, config.squeezed, dilation) for dilation in config.dilations
        )
        self.gather = nn.Conv1d(blocks * width, config.gathered, 1)
        self.attend = nn.Sequential(
            nn.Conv1d(3 * config.gathered, config.squeezed, 1),
            nn.Tanh(),
            nn.Conv1d(config.squeezed, config.gathered, 1),
        )
        self.standard = nn.BatchNorm1d(2 * config.gathered)
        self.embed = nn.Linear(2 * config.gathered, config.embedding)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """``mel`` (B, bands, T) of sound at SPEECH_LEVEL -> ``embedding`` (B, D) of length one.

        ``mel`` as ``speech.spectrum.log_mel_spectrum`` makes it, T free (a second and more is
        what it was trained for). ValueError for another number of bands.
        """
        mel = batch["mel"]
        bands = self.config.spectrum.bands
        if mel.dim() != 3 or mel.shape[1] != bands:
            raise ValueError(f"mel is (B, {bands}, T), not {tuple(mel.shape)}")
        x = self.first((mel - _MIDDLE) / _SPREAD if not self.config.centred else _centre(mel))
        outputs, total = [], x
        for block in self.blocks:
            outputs.append(block(total))
            total = total + outputs[-1]
        x = relu(self.gather(torch.cat(outputs, dim=1)))  # (B, gathered, T / pace)
        mean, deviation = _statistics(x, torch.full_like(x, 1 / x.shape[-1]))
        whole = torch.cat([mean, deviation], dim=1)[..., None].expand(-1, -1, x.shape[-1])
        weights = self.attend(torch.cat([x, whole], dim=1)).softmax(dim=-1)
        pooled = torch.cat(_statistics(x, weights), dim=1)  # (B, 2 gathered)
        return {"embedding": normalize(self.embed(self.standard(pooled)), dim=1)}


#: Mean and deviation of the log-mel of speech at SPEECH_LEVEL, roughly, over all bands.
_MIDDLE, _SPREAD = -6.0, 2.0


def _centre(mel: Tensor) -> Tensor:
    return (mel - mel.mean(dim=-1, keepdim=True)) / _SPREAD


def _statistics(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation (B, C) over time of x (B, C, T) under weights that sum to one."""
    mean = (weights * x).sum(dim=-1)
    variance = (weights * (x - mean[..., None]) ** 2).sum(dim=-1)
    return mean, variance.clamp_min(_SMALLEST).sqrt()


def _layer(before: int, after: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Module:
    padding = dilation * (kernel // 2)
    convolution = nn.Conv1d(before, after, kernel, stride, padding, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm1d(after), nn.ReLU())


class _Block(nn.Module):
    """Res2 convolution between two dense layers, squeeze and excitation, residual."""

    def __init__(self, width: int, scales: int, squeezed: int, dilation: int) -> None:
        super().__init__()
        part = width // scales
        self.enter, self.leave = _layer(width, width, 1), _layer(width, width, 1)
        self.steps = nn.ModuleList(
            _layer(part, part, 3, dilation=dilation) for _ in range(scales - 1)
        )
        self.squeeze, self.excite = nn.Linear(width, squeezed), nn.Linear(squeezed, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        parts = list(self.enter(x).chunk(len(self.steps) + 1, dim=1))
        for number, step in enumerate(self.steps, start=1):
            heard = parts[number] if number == 1 else parts[number] + parts[number - 1]
            parts[number] = step(heard)
        y: Tensor = self.leave(torch.cat(parts, dim=1))
        gate: Tensor = self.excite(relu(self.squeeze(y.mean(dim=-1)))).sigmoid()
        return x + y * gate[..., None]


def example_batch(config: SpeakerConfig) -> dict[str, Tensor]:
    """Two windows of three seconds."""
    return {"mel": torch.zeros(2, config.spectrum.bands, 300)}
