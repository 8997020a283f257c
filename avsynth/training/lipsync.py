"""What a lip-sync generator's pictures are compared by; the recipe and ``adapt`` train with it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad

_BESIDE = 15  # pixels: the lips' surroundings that count as mouth
_PATCH = 8  # pixels: within them detail may lie anywhere
_MOUTH_WEIGHT = 4.0  # of the mouth over the rest of the face


def mouth(maps: Tensor) -> Tensor:
    """The lips and what lies beside them, (N, 1, S, S), of maps (N, 3, S, S)."""
    wide = max_pool2d(maps[:, 1:2], (_BESIDE, 1), stride=1, padding=(_BESIDE // 2, 0))
    return max_pool2d(wide, (1, _BESIDE), stride=1, padding=(0, _BESIDE // 2))


def attention(maps: Tensor) -> Tensor:
    """How much each pixel (N, 1, S, S) counts, of maps (N, 3, S, S): mean 1 over the face."""
    weight = maps[:, :1] * (1.0 + (_MOUTH_WEIGHT - 1.0) * mouth(maps))
    return weight / (weight.mean(dim=(1, 2, 3), keepdim=True) + 1e-6)


def pictures(made: Tensor, truth: Tensor, weight: Tensor, levels: int = 3) -> Tensor:
    """L1 over a pyramid of halved pictures, (N, 3, S, S), weighted (N, 1, S, S)."""
    total = torch.zeros((), device=made.device)
    for level in range(levels):
        if level:
            made, truth, weight = (avg_pool2d(x, 2) for x in (made, truth, weight))
        total = total + (weight * (made - truth).abs()).mean()
    return total / levels


def edges(made: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """L1 of the differences between neighbours, across and down."""
    error = made - truth
    across = (error[..., :, 1:] - error[..., :, :-1]).abs() * weight[..., :, 1:]
    down = (error[..., 1:, :] - error[..., :-1, :]).abs() * weight[..., 1:, :]
    return across.mean() + down.mean()


def flicker(made: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """L1 of the change from picture to picture, films (B, T, 3, S, S), weight (B, T, 1, S, S)."""
    error = made - truth
    return ((error[:, 1:] - error[:, :-1]).abs() * weight[:, 1:]).mean()


def detail(made: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """L1 of how much fine detail there is, wherever in 8 x 8 pixels it lies.

    Distances alone are smallest for a blur where the truth is uncertain; this asks for as much
    grain as the truth has, without saying where.
    """
    amounts = [avg_pool2d(_laplacian(x).abs(), _PATCH, stride=_PATCH // 2) for x in (made, truth)]
    coarse = avg_pool2d(weight, _PATCH, stride=_PATCH // 2)
    return (coarse * (amounts[0] - amounts[1]).abs()).mean()


def _laplacian(x: Tensor) -> Tensor:
    """Of the mean of the channels, (N, 1, S, S), edges repeated."""
    grey = pad(x.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    around = grey[..., :-2, 1:-1] + grey[..., 2:, 1:-1] + grey[..., 1:-1, :-2] + grey[..., 1:-1, 2:]
    return 4.0 * grey[..., 1:-1, 1:-1] - around
