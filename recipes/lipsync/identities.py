"""Pseudo-identities: a few dozen faces become thousands. One draw holds for a whole window.

Colour, light, mirror and shape are changed alike in truth, reconstructions and maps, so the task
stays what it was while the person is another.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from avsynth.training.recolour import Colours, uniform

_BEND = 0.05  # of the square, the longest displacement
_ZOOM = 0.15  # logarithm
_TURN = 0.2  # radians


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
    recolour = Colours(windows, moved["truth"].shape[-1], generator)
    return {n: v if n == "maps" else recolour(v) for n, v in moved.items()}


def _grid(windows: int, side: int, generator: torch.Generator) -> Tensor:
    """Where each pixel of the other person comes from, (B, S, S, 2)."""
    angle = uniform((windows,), generator) * _TURN
    zoom = torch.exp(uniform((windows,), generator) * _ZOOM)
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
    bend = uniform((windows, 2, 4, 4), generator) * _BEND
    smooth = interpolate(bend, size=(side, side), mode="bicubic", align_corners=True)
    return grid + smooth.permute(0, 2, 3, 1)
