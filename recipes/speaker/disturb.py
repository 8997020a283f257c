"""The same voice by another microphone, in another room, beside noise: on log-mel spectra.

Natural logarithms of magnitudes, as ``speech.spectrum`` makes them. A change of gain is a factor
of the powers; sounds that do not know of each other add their powers. All draws come from one
generator on the processor, so that every device sees the same.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import conv1d, pad

from avsynth.speech.spectrum import FLOOR

_TAIL = 48  # frames of an echo


def disturb(mel: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """Spectra (B, bands, T) -> the same shape; each changed in its own way."""
    power = (2 * mel).exp()
    power = _room(power, generator, 0.4 * strength)
    power = power * _equaliser(power, generator, strength)
    power = power + _others(power, generator, 0.3 * strength)
    power = power + _noise(power, generator, 0.5 * strength)
    power = power * _band_limit(power, generator, 0.5 * strength)
    return power.clamp_min(FLOOR**2).log() / 2


def mask(mel: Tensor, generator: torch.Generator, longest: int = 25, widest: int = 8) -> Tensor:
    """A stretch of time and some bands are replaced by their means: spectra (B, bands, T)."""
    for axis, most in ((2, longest), (1, widest)):
        size = mel.shape[axis]
        width = _uniform(mel, generator, 0, most + 1).floor()
        start = (_uniform(mel, generator, 0, 1) * (size - width)).floor()
        place = torch.arange(size, device=mel.device).view((1, 1, -1) if axis == 2 else (1, -1, 1))
        hidden = (place >= start) & (place < start + width)
        mel = torch.where(hidden, mel.mean(dim=axis, keepdim=True), mel)
    return mel


def _uniform(mel: Tensor, generator: torch.Generator, low: float, high: float) -> Tensor:
    """One number (B, 1, 1) for each spectrum."""
    return (low + (high - low) * torch.rand(len(mel), 1, 1, generator=generator)).to(mel.device)


def _sometimes(power: Tensor, generator: torch.Generator, chance: float) -> Tensor:
    """One or zero (B, 1, 1) for each spectrum."""
    return (_uniform(power, generator, 0, 1) < chance).to(power.dtype)


def _gain(decibels: Tensor) -> Tensor:
    return torch.exp(decibels * (math.log(10) / 10))


def _equaliser(power: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """Factors (B, bands, 1): a level, a tilt and slow waves over the bands, about 5 dB."""
    waves = torch.arange(6)
    place = torch.linspace(0, math.pi, power.shape[1])
    sizes = strength * torch.tensor([2.0, 4.0, 3.0, 2.5, 2.0, 1.5])  # dB
    draws = torch.randn(len(power), 6, generator=generator) * sizes
    return _gain(draws @ torch.cos(waves[:, None] * place))[..., None].to(power.device)


def _room(power: Tensor, generator: torch.Generator, chance: float) -> Tensor:
    """With echoes that die away by 60 dB in 0.15 to 0.6 s, 3 to 15 dB weaker than the voice."""
    decay = _uniform(power, generator, 15, 60)
    echo = _gain(-60 * torch.arange(1, _TAIL + 1, device=power.device) / decay)  # (B, 1, _TAIL)
    echo = _gain(-_uniform(power, generator, 3, 15)) * echo / echo.sum(dim=-1, keepdim=True)
    echo = echo * _sometimes(power, generator, chance)
    kernel = pad(echo.flip(-1), (0, 1), value=1.0)
    # One spectrum is one channel, its bands are the batch: each has an echo of its own.
    late = conv1d(pad(power, (_TAIL, 0)).transpose(0, 1), kernel, groups=len(power))
    return late.transpose(0, 1)


def _others(power: Tensor, generator: torch.Generator, chance: float) -> Tensor:
    """Another voice of the batch in the background, 8 to 25 dB down."""
    other = power.roll(len(power) // 2 + 1, dims=0)
    weaker = _gain(-_uniform(power, generator, 8, 25))
    return other * weaker * _sometimes(power, generator, chance)


def _noise(power: Tensor, generator: torch.Generator, chance: float) -> Tensor:
    """A hiss or a hum 8 to 40 dB below the loudest band, tilted, that hardly varies."""
    loudest = power.mean(dim=-1, keepdim=True).amax(dim=1, keepdim=True)
    slope = torch.linspace(-0.5, 0.5, power.shape[1], device=power.device)[None, :, None]
    below = _uniform(power, generator, 8, 40) + slope * _uniform(power, generator, -10, 25)
    ripple = (1 + 0.5 * torch.randn(power.shape, generator=generator)).abs().to(power.device)
    return loudest * _gain(-below) * ripple * _sometimes(power, generator, chance)


def _band_limit(power: Tensor, generator: torch.Generator, chance: float) -> Tensor:
    """Factors (B, bands, 1): nothing above some band, as codecs and resampling leave it."""
    bands = power.shape[1]
    highest = _uniform(power, generator, 0.72 * bands, bands)
    above = (torch.arange(bands, device=power.device)[None, :, None] - highest).clamp_min(0)
    return _gain(-13 * above * _sometimes(power, generator, chance))
