"""What a vocoder's sound is compared with the truth by, beside its adversaries."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from avsynth.speech.spectrum import SpectrumConfig, mel_filters

_FLOOR = 1e-3  # of magnitudes: about what 16-bit rounding leaves under a long window
_LEAST = 5  # bands


def spectra(made: Tensor, truth: Tensor, rate: int, windows: tuple[int, ...]) -> dict[str, Tensor]:
    """Distances of short-time spectra of sounds (B, N), averaged over ``windows`` (samples).

    "mel": L1 of log mels, with as many bands as a window can tell apart (as in the Descript Audio
    Codec, Kumar et al. 2023); "bins": L1 of log magnitudes and the relative error of magnitudes
    (Yamamoto et al. 2020) of every bin. The hop is a quarter of the window.
    """
    mel, bins = [], []
    for window in windows:
        fake, real = (_magnitudes(x, window) for x in (made, truth))
        filters = _filters(rate, window).to(made.device)
        mel.append((torch.log(fake @ filters + _FLOOR) - torch.log(real @ filters + _FLOOR)).abs())
        loudness = (fake.clamp_min(_FLOOR).log() - real.clamp_min(_FLOOR).log()).abs().mean()
        relative = (fake - real).norm(dim=(1, 2)) / real.norm(dim=(1, 2)).clamp_min(1.0)
        bins.append(loudness + relative.mean())
    return {
        "mel": torch.stack([each.mean() for each in mel]).mean(),
        "bins": torch.stack(bins).mean(),
    }


def _magnitudes(sound: Tensor, window: int) -> Tensor:
    """(B, N) -> (B, frames, bins), differentiable at 0."""
    hann = torch.hann_window(window, device=sound.device)
    padded = torch.nn.functional.pad(sound, (window // 2, window // 2))
    spectrum = torch.fft.rfft(padded.unfold(-1, window, window // 4) * hann)
    power: Tensor = spectrum.real.square() + spectrum.imag.square()
    return (power + 1e-9).sqrt()


@cache
def _filters(rate: int, window: int) -> Tensor:
    """Mel filters (bins, bands), each summing to 1: an average of magnitudes."""
    bands = max(_LEAST, window // 8)
    filters = mel_filters(SpectrumConfig(rate=rate, window=window, hop=window // 4, bands=bands))
    return filters / filters.sum(dim=0, keepdim=True).clamp_min(1e-9)
