"""Pseudo-identities: a few dozen faces become thousands. One draw holds for a whole window.

Colour, light, mirror and shape are changed alike in truth, reconstructions and maps, so the task
stays what it was while the person is another.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

_COLOUR = 0.12  # of the mixing of channels
_GAIN = 0.25  # logarithm
_GAMMA = 0.25  # logarithm
_LIGHT = 0.25  # of a slope of light across the face
_BEND = 0.05  # of the square, the longest displacement
_ZOOM = 0.15  # logarithm
_TURN = 0.2  # radians
_SOFT = 0.15  # how often a window is seen out of focus


def disguise(batch: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    """Another person: ``truth``, ``picture`` and ``maps`` (B, T, C, S, S), 0..1, changed alike."""
    windows, frames = batch["truth"].shape[:2]
    grid = _grid(windows, batch["truth"].shape[-1], generator).repeat_interleave(frames, dim=0)
    moved = {
        name: grid_sample(value.flatten(0, 1), grid, padding_mode="border", align_corners=False)
        .unflatten(0, (windows, frames))
        .clamp(0.0, 1.0)
        for name, value in batch.items()
    }
    recolour = _Colours(windows, moved["truth"].shape[-1], generator)
    return {n: v if n == "maps" else recolour(v) for n, v in moved.items()}


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator) * 2.0 - 1.0


def _grid(windows: int, side: int, generator: torch.Generator) -> Tensor:
    """Where each pixel of the other person comes from, (B, S, S, 2)."""
    angle = _uniform((windows,), generator) * _TURN
    zoom = torch.exp(_uniform((windows,), generator) * _ZOOM)
    mirror = torch.where(torch.rand(windows, generator=generator) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    nothing = torch.zeros(windows)
    affine = torch.stack(
        [
            torch.stack([cos * mirror, -sin, nothing], -1),
            torch.stack([sin * mirror, cos, nothing], -1),
        ],
        dim=1,
    )
    size = [windows, 1, side, side]
    grid = torch.nn.functional.affine_grid(affine, size, align_corners=False)
    bend = _uniform((windows, 2, 4, 4), generator) * _BEND
    smooth = interpolate(bend, size=(side, side), mode="bicubic", align_corners=True)
    return grid + smooth.permute(0, 2, 3, 1)


class _Colours:
    """One draw of colour, light and focus a window."""

    def __init__(self, windows: int, side: int, generator: torch.Generator) -> None:
        gain = torch.exp(_uniform((windows, 1, 1), generator) * _GAIN)
        mix = torch.eye(3) + _uniform((windows, 3, 3), generator) * _COLOUR
        self.mix = mix / mix.sum(dim=-1, keepdim=True) * gain
        self.gamma = torch.exp(_uniform((windows, 1, 1, 1, 1), generator) * _GAMMA)
        slope = _uniform((windows, 2, 1, 1), generator) * _LIGHT
        line = torch.linspace(-1, 1, side)
        self.light = 1.0 + slope[:, :1] * line + slope[:, 1:] * line[:, None]
        self.soft = torch.rand(windows, 1, 1, 1, 1, generator=generator) < _SOFT

    def __call__(self, film: Tensor) -> Tensor:
        """(B, T, 3, S, S), 0..1."""
        windows, frames = film.shape[:2]
        mixed = torch.einsum("bdc,btchw->btdhw", self.mix, film)
        lit = (mixed * self.light[:, None]).clamp(1e-4, 1.0) ** self.gamma
        flat = lit.flatten(0, 1)
        small = interpolate(flat, scale_factor=0.6, mode="bilinear", antialias=True)
        blurred = interpolate(small, size=flat.shape[-2:], mode="bilinear", align_corners=False)
        return torch.where(self.soft, blurred.unflatten(0, (windows, frames)), lit)
