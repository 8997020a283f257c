"""What the networks that correct a moved picture are made of, and how their fields are applied."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu, pixel_shuffle

_SLOPE = 0.1
COARSE = 4  # pixels of the square to one of flow and shade


class Residual(nn.Module):
    """Two convolutions beside a way through; begins as nothing but the way through."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        y: Tensor = self.second(leaky_relu(self.first(leaky_relu(x, _SLOPE)), _SLOPE))
        return x + y


class Narrow(nn.Module):
    """Four convolutions that halve: from the square to a sixteenth of it."""

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        all_widths = (channels, *widths)
        self.steps = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1)
            for a, b in zip(all_widths, widths, strict=False)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """All four, fine to coarse."""
        seen = []
        for step in self.steps:
            x = leaky_relu(step(x), _SLOPE)
            seen.append(x)
        return seen


class Corrector(nn.Module):
    """Narrow, think, widen: a picture of S pixels -> five fields at a quarter and four at S.

    Args:
        channels: of the picture, maps included.
        widths: channels at a half, a quarter, an eighth, a sixteenth.
        depth: residual blocks at the narrowest layer.
        latent: channels of a latent (N, L, S/16, S/16) that may be added there; 0: none.
        calm: what the fields begin at, of (5,) and (16,) values: the fine ones are made four
            pixels at once.
    """

    def __init__(
        self, channels: int, widths: tuple[int, int, int, int], depth: int, latent: int,
        calm: tuple[Tensor, Tensor],
    ) -> None:  # fmt: skip
        super().__init__()
        half, quarter, eighth, deepest = widths
        self.narrow = Narrow(channels, widths)
        self.imagine = nn.Conv2d(latent, deepest, 1) if latent else None
        self.deep = nn.Sequential(*(Residual(deepest) for _ in range(depth)))
        self.widen8 = nn.Conv2d(deepest + eighth, eighth, 1)
        self.work8 = Residual(eighth)
        self.widen4 = nn.Conv2d(eighth + quarter, quarter, 1)
        self.work4 = Residual(quarter)
        self.coarse = nn.Conv2d(quarter, 2 + 3, 3, padding=1)
        self.widen2 = nn.Conv2d(quarter + half, half, 1)
        self.work2 = Residual(half)
        self.fine = nn.Conv2d(half, 4 * 4, 3, padding=1)
        _calm(self.coarse, calm[0])
        _calm(self.fine, calm[1])

    def fields(self, x: Tensor, latent: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Coarse (N, 5, S/4, S/4) and fine (N, 4, S, S) fields of (N, C, S, S)."""
        seen2, seen4, seen8, x = self.narrow(x)
        if self.imagine is not None and latent is not None:
            x = x + self.imagine(latent)
        x = self.deep(x)
        x = self.work8(self.widen8(torch.cat([double(x), seen8], dim=1)))
        x = self.work4(self.widen4(torch.cat([double(x), seen4], dim=1)))
        coarse = self.coarse(leaky_relu(x, _SLOPE))
        x = self.work2(self.widen2(torch.cat([double(x), seen2], dim=1)))
        return coarse, pixel_shuffle(self.fine(leaky_relu(x, _SLOPE)), 2)


def _calm(head: nn.Conv2d, bias: Tensor) -> None:
    """Start a head near a constant answer."""
    nn.init.normal_(head.weight, std=1e-3)
    head.bias = nn.Parameter(bias)


def double(x: Tensor) -> Tensor:
    """Twice the size, (N, C, H, W)."""
    return interpolate(x, scale_factor=2.0, mode="nearest")


def soften(picture: Tensor) -> Tensor:
    """A picture (N, C, H, W) without its finest detail."""
    return interpolate(avg_pool2d(picture, 2), scale_factor=2.0, mode="bilinear")


def to_size(x: Tensor, height: int, width: int) -> Tensor:
    """A field (N, C, h, w) at another size of the same square."""
    if x.shape[-2:] == (height, width):
        return x
    if x.shape[-1] > width:
        return avg_pool2d(x, x.shape[-1] // width)
    return interpolate(x, size=(height, width), mode="bilinear", align_corners=False)


def places(height: int, width: int, like: Tensor) -> Tensor:
    """Where each pixel is, (1, H, W, 2), in the units of ``grid_sample``."""
    x = (torch.arange(width, device=like.device, dtype=like.dtype) * 2.0 + 1.0) / width - 1.0
    y = (torch.arange(height, device=like.device, dtype=like.dtype) * 2.0 + 1.0) / height - 1.0
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)[None]
