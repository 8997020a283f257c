"""Other colours, other light: a few dozen faces look like thousands."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

_COLOUR = 0.12  # of the mixing of channels
_GAIN = 0.25  # logarithm
_GAMMA = 0.25  # logarithm
_LIGHT = 0.25  # of a slope of light across the face
_SOFT = 0.15  # how often a window is seen out of focus


def uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Evenly between -1 and 1."""
    return torch.rand(shape, generator=generator) * 2.0 - 1.0


class Colours:
    """One draw of colour, light and focus for each of ``windows``, pictures of ``side`` pixels."""

    def __init__(self, windows: int, side: int, generator: torch.Generator) -> None:
        gain = torch.exp(uniform((windows, 1, 1), generator) * _GAIN)
        mix = torch.eye(3) + uniform((windows, 3, 3), generator) * _COLOUR
        self.mix = mix / mix.sum(dim=-1, keepdim=True) * gain
        self.gamma = torch.exp(uniform((windows, 1, 1, 1, 1), generator) * _GAMMA)
        slope = uniform((windows, 2, 1, 1), generator) * _LIGHT
        line = torch.linspace(-1, 1, side)
        self.light = 1.0 + slope[:, :1] * line + slope[:, 1:] * line[:, None]
        self.soft = torch.rand(windows, 1, 1, 1, 1, generator=generator) < _SOFT

    def __call__(self, film: Tensor) -> Tensor:
        """Films (B, T, 3, S, S), 0..1, each in its window's colours."""
        mixed = torch.einsum("bdc,btchw->btdhw", self.mix, film)
        lit = (mixed * self.light[:, None]).clamp(1e-4, 1.0) ** self.gamma
        flat = lit.flatten(0, 1)
        small = interpolate(flat, scale_factor=0.6, mode="bilinear", antialias=True)
        blurred = interpolate(small, size=flat.shape[-2:], mode="bilinear", align_corners=False)
        return torch.where(self.soft, blurred.reshape(lit.shape), lit)
