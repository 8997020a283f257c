"""The shape of a face apart from its texture, as fields that gradients can pass through.

A *texture* is a portrait whose face has been moved to the mean shape: pixel x of it shows what the
portrait has at x + F(x). The field F is linear in a few numbers, the modes of shape: an active
appearance model (Cootes et al. 2001) whose mesh has been drawn into smooth fields once and for all.
The way back inverts F by fixed-point iteration (Chen et al. 2008), so both ways are differentiable.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate

_ROUNDS = 4  # of the fixed point: fields are smooth, and a fourth round moves nothing by 0.1 px


class ShapeWarp(nn.Module):
    """``modes`` of shape as fields; ``fields`` (K, 2, G, G) are x and y, in halves of a side.

    A value of 1 is one standard deviation of the mode among the people it was measured on.
    """

    fields: Tensor

    def __init__(self, modes: int, grid: int) -> None:
        super().__init__()
        self.register_buffer("fields", torch.zeros(modes, 2, grid, grid))

    def displacement(self, shape: Tensor, side: int) -> Tensor:
        """F of shapes (N, K): (N, 2, side, side), in halves of a side."""
        # Sums and no product of matrices: under autocast that would round to a quarter pixel.
        coarse = (shape[:, :, None, None, None] * self.fields).sum(dim=1)
        return interpolate(coarse, size=(side, side), mode="bilinear", align_corners=False)

    def to_texture(self, portrait: Tensor, shape: Tensor) -> Tensor:
        """Portraits (N, C, S, S) whose faces have ``shape`` (N, K), moved to the mean shape."""
        field = self.displacement(shape, portrait.shape[-1])
        return _sample(portrait, field)

    def to_portrait(self, texture: Tensor, shape: Tensor) -> Tensor:
        """The inverse of ``to_texture``: faces of the mean shape given ``shape``."""
        field = self.displacement(shape, texture.shape[-1])
        back = -field
        for _ in range(_ROUNDS - 1):
            back = -_sample(field, back)
        return _sample(texture, back)


def _sample(picture: Tensor, field: Tensor) -> Tensor:
    """``picture`` at x + ``field``; edges are repeated."""
    middles = [
        (torch.arange(side, dtype=field.dtype, device=field.device) + 0.5) * (2.0 / side) - 1.0
        for side in picture.shape[-2:]
    ]
    y, x = torch.meshgrid(*middles, indexing="ij")
    places = torch.stack([x, y]) + field
    return grid_sample(
        picture, places.permute(0, 2, 3, 1), padding_mode="border", align_corners=False
    )
