"""Is a voice synthetic? Two views of its sound, and a network on each.

The *spectrum* branch sees logarithmic magnitudes of all linear frequencies, of 32 ms windows, each
frequency without its mean over time, so that microphone, room and codec say little. The *wave*
branch begins with filters on the samples themselves whose outputs are taken every millisecond:
there, pulses of the glottis are apart, and whether the phases of the bands belong together shows
(cf. SincNet, Ravanelli and Bengio 2018; RawNet2, Tak et al. 2021). Both are convolutions that
answer everywhere and are averaged: what they answer where is the map. Training:
``recipes/audio_detector``; use: ``detectors/audio.py``.
"""

from __future__ import annotations

import math

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, pad, relu

RATE = 16_000
_DEEPEST = 9.2  # natural logarithm of magnitudes: 80 dB below the loudest nothing is looked at


class SoundDetectorConfig(BaseModel):
    """Everything that is needed to build a ``SoundDetector``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window: int = Field(512, gt=0, description="samples, of the spectrum")
    hop: int = Field(160, gt=0, description="samples")
    widths: tuple[int, ...] = Field((12, 24, 40, 72), description="channels; each halves the map")
    filters: int = Field(48, gt=0, description="on the samples")
    taps: int = Field(96, gt=0, description="samples of a filter")
    pace: int = Field(16, gt=0, description="samples between outputs of the filters")
    wave_widths: tuple[int, ...] = Field((64, 80, 96), description="channels; each halves the rate")

    trust: float = Field(0.75, ge=0, le=1, description="weight of the wave branch; rest: spectrum")

    @property
    def bins(self) -> int:
        """Frequencies of the spectrum; the offset is left out."""
        return self.window // 2


class SoundDetector(nn.Module):
    """``spectrum`` (B, 1, bins, T) and ``sound`` (B, N), as ``views`` makes them, to logits.

    Returns ``logit`` (B,), the weighted mean of both branches, positive for synthetic;
    ``spectrum_logit`` and ``wave_logit`` (B,); ``map`` (B, f, t), the spectrum branch's answers by
    frequency (low first) and time; ``wave_map`` (B, s), the wave branch's over time.
    """

    def __init__(self, config: SoundDetectorConfig) -> None:
        super().__init__()
        self.config = config
        self.spectrum = _SpectrumBranch(config)
        self.wave = _WaveBranch(config)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """See the class."""
        places, moments = self.spectrum(batch["spectrum"]), self.wave(batch["sound"])
        spectrum_logit, wave_logit = places.mean(dim=(1, 2)), moments.mean(dim=1)
        return {
            "logit": spectrum_logit + self.config.trust * (wave_logit - spectrum_logit),
            "spectrum_logit": spectrum_logit,
            "wave_logit": wave_logit,
            "map": places,
            "wave_map": moments,
        }


def views(sound: Tensor, config: SoundDetectorConfig) -> dict[str, Tensor]:
    """Samples (B, N) at 16 kHz of any loudness -> what ``SoundDetector`` takes."""
    sound = sound - sound.mean(dim=1, keepdim=True)
    sound = sound / (sound.square().mean(dim=1, keepdim=True).sqrt() + 1e-5)
    taper = torch.hann_window(config.window, device=sound.device)
    frames = sound.unfold(1, config.window, config.hop) * taper
    magnitudes = torch.fft.rfft(frames, dim=-1).abs()[..., 1:].transpose(1, 2)
    logs = torch.log(magnitudes + 1e-4)
    logs = torch.maximum(logs, logs.amax(dim=(1, 2), keepdim=True) - _DEEPEST)
    logs = (logs - logs.mean(dim=2, keepdim=True)) / 2
    sharp = sound - 0.95 * pad(sound, (1, 0))[:, :-1]
    return {"spectrum": logs[:, None], "sound": sharp}


class _SpectrumBranch(nn.Module):
    """(B, 1, F, T) -> (B, F / 16, T / 16), for four widths."""

    def __init__(self, config: SoundDetectorConfig) -> None:
        super().__init__()
        first, *widths = config.widths
        self.first = nn.Sequential(
            nn.Conv2d(2, first, 5, 2, 2, bias=False), nn.BatchNorm2d(first), nn.ReLU()
        )
        blocks, width = [], first
        for wider in widths:
            blocks += [_Block(width, wider, 2)]
            width = wider
        self.blocks = nn.Sequential(*blocks, _Block(width, width, 1))
        self.drop = nn.Dropout(0.2)
        self.judge = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        place = torch.linspace(-1, 1, x.shape[2], device=x.device, dtype=x.dtype)
        x = torch.cat([x, (x[:, :1] * 0) + place[None, None, :, None]], dim=1)
        judged: Tensor = self.judge(self.drop(self.blocks(self.first(x))))
        return judged[:, 0]


class _Block(nn.Module):
    """Two convolutions and a way around them (He et al. 2016)."""

    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(a, b, 3, stride, 1, bias=False)
        self.two = nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(b), nn.BatchNorm2d(b)])
        self.around: nn.Module = nn.Identity()
        if stride != 1 or a != b:
            self.around = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True), nn.Conv2d(a, b, 1, bias=False),
                nn.BatchNorm2d(b),
            )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        y = relu(self.norms[0](self.one(x)))
        return relu(self.around(x) + self.norms[1](self.two(y)))


class _WaveBranch(nn.Module):
    """(B, N) -> (B, N / 128), for three widths and a pace of 16."""

    def __init__(self, config: SoundDetectorConfig) -> None:
        super().__init__()
        self.config = config
        self.listen = nn.Conv1d(
            1, 2 * config.filters, config.taps, config.pace, config.taps // 2, bias=False
        )
        with torch.no_grad():
            self.listen.weight.copy_(gabor(config.filters, config.taps)[:, None])
        layers: list[nn.Module] = []
        width = config.filters
        for wider in config.wave_widths:
            layers += [_layer(width, wider, 5, 2), _Dilated(wider, 2)]
            width = wider
        self.layers = nn.Sequential(nn.BatchNorm1d(config.filters), *layers, _Dilated(width, 4))
        self.drop = nn.Dropout(0.2)
        self.judge = nn.Conv1d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        even, odd = self.listen(x[:, None]).chunk(2, dim=1)
        level = torch.log(even.float().square() + odd.float().square() + 1e-4)
        level = level - level.mean(dim=2, keepdim=True)
        judged: Tensor = self.judge(self.drop(self.layers(level)))
        return judged[:, 0]


class _Dilated(nn.Module):
    """A residual layer along time."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.layer = _layer(width, width, 3, 1, dilation)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = x + self.layer(x)
        return made


def _layer(a: int, b: int, kernel: int, stride: int, dilation: int = 1) -> nn.Sequential:
    around = dilation * (kernel // 2)
    convolution = nn.Conv1d(a, b, kernel, stride, around, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm1d(b), nn.ReLU())


def gabor(filters: int, taps: int) -> Tensor:
    """Pairs of filters, a quarter of a period apart, at even steps up to 8 kHz: (2 filters, taps).

    The first half of the rows are the cosines.
    """
    centre = (torch.arange(filters) + 0.5) * (RATE / 2 / filters)
    time = (torch.arange(taps) - (taps - 1) / 2) / RATE
    turn = 2 * math.pi * centre[:, None] * time
    taper = torch.hann_window(taps, periodic=False) ** 2
    pairs = torch.cat([torch.cos(turn), torch.sin(turn)]) * taper
    size: Tensor = pairs.square().sum(dim=1, keepdim=True).sqrt()
    return pairs / size


def smooth(moments: Tensor, width: int) -> Tensor:
    """Answers over time (B, s) averaged over ``width`` (odd) neighbours."""
    averaged: Tensor = avg_pool1d(moments[:, None], width, 1, width // 2, count_include_pad=False)
    return averaged[:, 0]


def example_batch(config: SoundDetectorConfig) -> dict[str, Tensor]:
    """Three seconds of noise, as ``views`` makes it."""
    noise = torch.randn(1, 3 * RATE, generator=torch.Generator().manual_seed(0))
    return views(noise, config)
