"""Squares cut out of pictures, or films, around what is drawn in them."""

from __future__ import annotations

import torch
from torch import Tensor


def places_of(drawn: Tensor, side: int) -> list[tuple[int, int]]:
    """The upper left corners (y, x) of squares of ``side`` around what is drawn (N, S, S)."""
    total = drawn.sum(dim=(1, 2)) + 1e-6
    line = torch.arange(drawn.shape[-1], device=drawn.device, dtype=drawn.dtype)
    room = drawn.shape[-1] - side

    def low(along: int) -> list[int]:
        middle = (drawn.sum(dim=along) * line).sum(dim=1) / total
        return [round(min(max(float(m) - side / 2, 0), room)) for m in middle]

    return list(zip(low(2), low(1), strict=True))


def cut(pictures: Tensor, corners: list[tuple[int, int]], side: int) -> Tensor:
    """Squares (N, ..., side, side) out of pictures, or films, (N, ..., S, S)."""
    return torch.stack(
        [
            picture[..., y : y + side, x : x + side]
            for picture, (y, x) in zip(pictures, corners, strict=True)
        ]
    )
