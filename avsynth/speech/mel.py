"""Log-mel spectra on tensors, by torchaudio: the input of every speech network here."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from avsynth.speech.torchaudio_loader import load_torchaudio

SAMPLE_RATE = 16_000
BANDS = 80
HOP = 160
WINDOW = 400
STEPS_PER_SECOND = SAMPLE_RATE // HOP


@functools.cache
def _filters(device: str) -> tuple[Tensor, Tensor]:
    functional = load_torchaudio().functional
    bank = functional.melscale_fbanks(
        WINDOW // 2 + 1, 0.0, SAMPLE_RATE / 2, BANDS, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
    )
    return bank.to(device), torch.hann_window(WINDOW, device=device)


def log_mel(samples: Tensor) -> Tensor:
    """Whisper's mel spectrum: 16 kHz samples (..., N) -> (..., 80, N // 160), around -1..1.5.

    Power spectrum of 25 ms Hann windows every 10 ms (step k is centred on sample 160 k), 80 Slaney
    mel bands, log10, clipped 8 below the loudest value, then (x + 4) / 4. From Radford et al.,
    "Robust Speech Recognition via Large-Scale Weak Supervision", 2022. At least 400 samples.
    """
    bank, window = _filters(str(samples.device))
    spectrum = torch.stft(samples, WINDOW, HOP, window=window, return_complex=True)
    power = spectrum[..., :-1].abs() ** 2
    mel = (power.transpose(-1, -2) @ bank).transpose(-1, -2)
    logarithm = mel.clamp_min(1e-10).log10()
    loudest = logarithm.amax(dim=(-1, -2), keepdim=True)
    return (torch.maximum(logarithm, loudest - 8.0) + 4.0) / 4.0
