"""The log-mel spectrum that voices are made in and from: natural logarithm, no normalisation."""

from __future__ import annotations

import functools
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from avsynth.speech.torchaudio_loader import load_torchaudio

FLOOR = 1e-5  # magnitude; -100 dB of a full-scale step


class SpectrumConfig(BaseModel):
    """Which spectrum: samples a second, samples of a window and of a step, mel bands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: Annotated[int, Field(gt=0)] = 16_000
    window: Annotated[int, Field(gt=0, description="of the Fourier transform too; even")] = 640
    hop: Annotated[int, Field(gt=0)] = 160
    bands: Annotated[int, Field(gt=0)] = 80

    @property
    def bins(self) -> int:
        """Frequencies of the linear spectrum, 0 Hz and half the rate included."""
        return self.window // 2 + 1


@functools.cache
def mel_filters(config: SpectrumConfig, device: str = "cpu") -> Tensor:
    """Slaney's triangular filters up to half the rate: (bins, bands)."""
    functional = load_torchaudio().functional
    bank: Tensor = functional.melscale_fbanks(
        config.bins, 0.0, config.rate / 2, config.bands, config.rate,
        norm="slaney", mel_scale="slaney",
    )  # fmt: skip
    return bank.to(device)


def band_centres(config: SpectrumConfig) -> Tensor:
    """Where each mel filter's weight is centred, in bins: (bands,) float64."""
    filters = mel_filters(config).double()
    return torch.arange(config.bins, dtype=torch.float64) @ filters / filters.sum(dim=0)


@functools.cache
def window(config: SpectrumConfig, device: str = "cpu") -> Tensor:
    """The Hann window (window,)."""
    return torch.hann_window(config.window, device=device)


def spectrum(samples: Tensor, config: SpectrumConfig) -> Tensor:
    """Complex spectrum: samples (B, N) -> (B, bins, N // hop); step k is centred on sample k hop.

    N at least window // 2 + 1; the ends are mirrored.
    """
    taper = window(config, str(samples.device))
    steps = samples.shape[-1] // config.hop
    full = torch.stft(samples, config.window, config.hop, window=taper, return_complex=True)
    return full[..., :steps]


def log_mel_spectrum(samples: Tensor, config: SpectrumConfig) -> Tensor:
    """Natural logarithm of mel magnitudes: samples (..., N) -> (..., bands, N // hop).

    Magnitudes below ``FLOOR`` count as that (-11.5). N at least window // 2 + 1.
    """
    flat = spectrum(samples.reshape(-1, samples.shape[-1]), config).abs()
    mel = (flat.transpose(-1, -2) @ mel_filters(config, str(samples.device))).transpose(-1, -2)
    return mel.clamp_min(FLOOR).log().reshape(*samples.shape[:-1], *mel.shape[-2:])
