"""The lip-sync generator: it corrects a mouth that was warped out of the person's own pixels.

The classical renderer moves retrieved references by landmarks; what it cannot know is left to this
network: a residual flow, a shade (seams, light), and paint for what no reference showed (teeth,
tongue), under an occlusion that says where pixels are kept. Flow and shade are smooth and work at
any resolution, so a small network serves a large face, whose detail stays the person's own.

Occlusion and flow as in Siarohin et al. 2019 (first-order motion); the variational variant as in
Kingma and Welling 2014, conditional.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, grid_sample, interpolate, leaky_relu, pixel_shuffle

#: Channels of ``maps``: where the face may change, the lips, the inside of the mouth.
MAPS = 3
_SLOPE = 0.1
_COARSE = 4  # pixels of the square to one of flow and shade
_DEEPEST = 16  # pixels of the square to one of the narrowest layer


class LipsyncConfig(BaseModel):
    """Everything that is needed to build a ``LipsyncNetwork``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(128, gt=0, multiple_of=16, description="side of the square, pixels")
    widths: tuple[int, int, int, int] = Field(
        (16, 32, 64, 96), description="channels at a half, a quarter, an eighth, a sixteenth"
    )
    depth: int = Field(2, gt=0, description="residual blocks at the narrowest layer")
    reach: float = Field(6.0, gt=0, description="longest flow, pixels of the square")
    latent: int = Field(8, ge=0, description="channels of the latent; used by the vae variant")
    variant: Literal["gan", "vae"] = "gan"


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(leaky_relu(self.first(leaky_relu(x, _SLOPE)), _SLOPE))
        return x + y


class _Narrow(nn.Module):
    """Four convolutions that halve: from the square to a sixteenth of it."""

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        all_widths = (channels, *widths)
        self.steps = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1)
            for a, b in zip(all_widths, widths, strict=False)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        seen = []
        for step in self.steps:
            x = leaky_relu(step(x), _SLOPE)
            seen.append(x)
        return seen


class LipsyncNetwork(nn.Module):
    """``{"picture", "maps"} -> {"flow", "shade", "keep", "paint"}`` on squares of S pixels.

    In: ``picture`` (N, 3, S, S), the frame with the classically moved mouth, 0..1; ``maps``
    (N, MAPS, S, S), 0..1; and, for the vae variant in training, ``latent`` (N, L, S/16, S/16),
    whose mean, zero, is used without it.
    Out: ``flow`` (N, 2, S/4, S/4), in pixels of the square, where each pixel comes from relative
    to its place (x, y); ``shade`` (N, 3, S/4, S/4), added; ``keep`` (N, 1, S, S), the share of
    moved pixels; ``paint`` (N, 3, S, S), how the colour of the rest changes. ``compose`` puts them
    together.
    """

    def __init__(self, config: LipsyncConfig) -> None:
        super().__init__()
        self.config = config
        half, quarter, eighth, deepest = config.widths
        self.narrow = _Narrow(3 + MAPS, config.widths)
        self.imagine = nn.Conv2d(config.latent, deepest, 1) if config.latent else None
        self.deep = nn.Sequential(*(_Residual(deepest) for _ in range(config.depth)))
        self.widen8 = nn.Conv2d(deepest + eighth, eighth, 1)
        self.work8 = _Residual(eighth)
        self.widen4 = nn.Conv2d(eighth + quarter, quarter, 1)
        self.work4 = _Residual(quarter)
        self.coarse = nn.Conv2d(quarter, 2 + 3, 3, padding=1)
        self.widen2 = nn.Conv2d(quarter + half, half, 1)
        self.work2 = _Residual(half)
        self.fine = nn.Conv2d(half, 4 * 4, 3, padding=1)
        _calm(self.coarse, torch.zeros(5))  # begins as the classical renderer, which is kept
        _calm(self.fine, torch.cat([torch.full((4,), 3.0), torch.zeros(12)]))

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See the class."""
        picture = batch["picture"]
        seen2, seen4, seen8, x = self.narrow(
            torch.cat([picture * 2.0 - 1.0, batch["maps"] * 2.0 - 1.0], dim=1)
        )
        if self.imagine is not None and "latent" in batch:
            x = x + self.imagine(batch["latent"])
        x = self.deep(x)
        x = self.work8(self.widen8(torch.cat([_double(x), seen8], dim=1)))
        x = self.work4(self.widen4(torch.cat([_double(x), seen4], dim=1)))
        coarse = self.coarse(leaky_relu(x, _SLOPE))
        x = self.work2(self.widen2(torch.cat([_double(x), seen2], dim=1)))
        fine = pixel_shuffle(self.fine(leaky_relu(x, _SLOPE)), 2)
        # Without its detail, so that what is sharp is sooner kept than painted.
        soft = interpolate(avg_pool2d(picture, 2), scale_factor=2.0, mode="bilinear")
        return {
            "flow": torch.tanh(coarse[:, :2]) * self.config.reach,
            "shade": torch.tanh(coarse[:, 2:]) * 0.5,
            "keep": torch.sigmoid(fine[:, :1]),
            "paint": soft - picture + fine[:, 1:],
        }


class Posterior(nn.Module):
    """The vae variant's encoder, needed in training alone: a latent of the true picture.

    ``(picture, maps, truth) -> mean and logarithm of the variance``, (N, L, S/16, S/16) each.
    """

    def __init__(self, config: LipsyncConfig) -> None:
        super().__init__()
        self.narrow = _Narrow(3 + MAPS + 3, config.widths)
        self.leave = nn.Conv2d(config.widths[-1], 2 * config.latent, 1)

    def forward(self, picture: Tensor, maps: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        seen = self.narrow(torch.cat([picture, maps, truth], dim=1) * 2.0 - 1.0)
        mean, variance = self.leave(seen[-1]).chunk(2, dim=1)
        return mean, variance.clamp(-8.0, 4.0)


def compose(picture: Tensor, frame: Tensor, mask: Tensor, made: Mapping[str, Tensor]) -> Tensor:
    """The finished picture (N, 3, H, W), at any resolution H, W of the same square.

    Args:
        picture: (N, 3, H, W), with the classically moved mouth, 0..1.
        frame: (N, 3, H, W), the frame itself, shown where ``mask`` (N, 1, H, W) is 0.
        mask: 0..1.
        made: what the network made of them.
    """
    height, width = picture.shape[-2:]
    side = made["keep"].shape[-1]
    scale = torch.tensor([2.0 / side, 2.0 / side], device=picture.device, dtype=picture.dtype)
    flow, shade, keep, paint = (
        _to_size(made[name].to(picture.dtype), height, width)
        for name in ("flow", "shade", "keep", "paint")
    )
    grid = _places(height, width, picture) + flow.permute(0, 2, 3, 1) * scale
    # Cubic: a linear one would blur, and a network that is told to be near would learn to use that.
    moved = grid_sample(picture, grid, "bicubic", padding_mode="border", align_corners=False)
    inside = keep * moved + (1.0 - keep) * (picture + paint) + shade
    return frame + mask * (inside.clamp(0.0, 1.0) - frame)


def example_batch(config: LipsyncConfig) -> dict[str, Tensor]:
    """One square, as at work."""
    side = config.size
    return {
        "picture": torch.zeros(1, 3, side, side),
        "maps": torch.zeros(1, MAPS, side, side),
    }


def _calm(head: nn.Conv2d, bias: Tensor) -> None:
    """Start a head near a constant answer."""
    nn.init.normal_(head.weight, std=1e-3)
    head.bias = nn.Parameter(bias)


def _double(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2.0, mode="nearest")


def _to_size(x: Tensor, height: int, width: int) -> Tensor:
    if x.shape[-2:] == (height, width):
        return x
    if x.shape[-1] > width:
        return avg_pool2d(x, x.shape[-1] // width)
    return interpolate(x, size=(height, width), mode="bilinear", align_corners=False)


def _places(height: int, width: int, like: Tensor) -> Tensor:
    """Where each pixel is, (1, H, W, 2), in the units of ``grid_sample``."""
    x = (torch.arange(width, device=like.device, dtype=like.dtype) * 2.0 + 1.0) / width - 1.0
    y = (torch.arange(height, device=like.device, dtype=like.dtype) * 2.0 + 1.0) / height - 1.0
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)[None]
