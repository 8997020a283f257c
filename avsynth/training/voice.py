"""Losses of the voice network, on log-mel spectra (B, bands, T) in units of the voice's spread."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_SILENT, _RANGE = -11.5, 14.0  # the log-mel spectrum as a picture in 0..1


def spectra(made: Tensor, truth: Tensor, spread: Tensor) -> Tensor:
    """L1 distance in units of ``spread`` (B, bands)."""
    return ((made - truth).abs() / spread[..., None]).mean()


def motion(made: Tensor, truth: Tensor, spread: Tensor) -> Tensor:
    """L1 of the change from step to step, in the same units."""
    error = made - truth
    return ((error[..., 1:] - error[..., :-1]).abs() / spread[..., None]).mean()


def picture(mel: Tensor) -> Tensor:
    """Log-mel (B, bands, T) as what a patch discriminator judges, (B, 1, bands, T) in 0..1."""
    return ((mel - _SILENT) / _RANGE).clamp(0.0, 1.2)[:, None]


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return -gradients[0]


def reverse(x: Tensor) -> Tensor:
    """The same values, gradients with the other sign (Ganin and Lempitsky 2015)."""
    result: Tensor = _Reversal.apply(x)  # type: ignore[no-untyped-call]
    return result


class SpeakerAdversary(nn.Module):
    """Reads the speaker off the latent, (B, T, L) -> logits (B, speakers)."""

    def __init__(self, latent: int, speakers: int, width: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(latent, width, 5, padding=2), nn.LeakyReLU(0.2),
            nn.Conv1d(width, width, 5, padding=2), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.judge = nn.Linear(2 * width, speakers)

    def forward(self, latent: Tensor) -> Tensor:
        """See the class."""
        x = self.layers(latent.transpose(1, 2))
        logits: Tensor = self.judge(torch.cat([x.mean(dim=2), x.std(dim=2)], dim=1))
        return logits
