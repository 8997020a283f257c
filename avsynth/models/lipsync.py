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
from torch.nn.functional import grid_sample

from avsynth.models.blocks import Corrector, Narrow, places, soften, to_size

#: Channels of ``maps``: where the face may change, the lips, the inside of the mouth.
MAPS = 3


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


class LipsyncNetwork(Corrector):
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
        super().__init__(
            3 + MAPS, config.widths, config.depth, config.latent,
            # Begins as the classical renderer, which is kept.
            (torch.zeros(5), torch.cat([torch.full((4,), 3.0), torch.zeros(12)])),
        )  # fmt: skip
        self.config = config

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See the class."""
        picture = batch["picture"]
        coarse, fine = self.fields(
            torch.cat([picture * 2.0 - 1.0, batch["maps"] * 2.0 - 1.0], dim=1),
            batch.get("latent"),
        )
        return {
            "flow": torch.tanh(coarse[:, :2]) * self.config.reach,
            "shade": torch.tanh(coarse[:, 2:]) * 0.5,
            "keep": torch.sigmoid(fine[:, :1]),
            # Without its detail, so that what is sharp is sooner kept than painted.
            "paint": soften(picture) - picture + fine[:, 1:],
        }


class Posterior(nn.Module):
    """The vae variant's encoder, needed in training alone: a latent of the true picture.

    ``(picture, maps, truth) -> mean and logarithm of the variance``, (N, L, S/16, S/16) each.
    """

    def __init__(self, config: LipsyncConfig) -> None:
        super().__init__()
        self.narrow = Narrow(3 + MAPS + 3, config.widths)
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
        to_size(made[name].to(picture.dtype), height, width)
        for name in ("flow", "shade", "keep", "paint")
    )
    grid = places(height, width, picture) + flow.permute(0, 2, 3, 1) * scale
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
