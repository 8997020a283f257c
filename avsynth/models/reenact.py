"""The reenactment generator: it corrects a portrait that a mesh has set in motion.

Landmarks move a mesh over the whole head (``face.head_mesh``), which gives dense motion. What it
cannot know is left to this network: a residual flow, a shade (light), and paint for what no pixel
of the source shows (teeth, eyes, lids, what a head has uncovered) under an occlusion. Flow and
shade are smooth and work at any resolution, so a small network serves a large portrait, whose
detail stays the person's own.

Dense motion and occlusion as in Siarohin et al. 2019 (first-order motion), with landmarks in place
of learned keypoints. Where nothing moves the network has no say: a still face stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate, max_pool2d

from avsynth.face.portrait_square import DRAWN
from avsynth.models.blocks import COARSE, Corrector, places, soften, to_size

_CHANNELS = 3 + 3 + 2 + DRAWN
_FLOW_UNIT = 16.0  # pixels of the square to one of the network's
_MOVED = 0.4  # pixels of motion that let the network in
_INSIDE = slice(2, 3)  # of the drawings: the inside of the mouth
_AROUND = 9  # coarse pixels around it that count


class ReenactConfig(BaseModel):
    """Everything that is needed to build a ``ReenactNetwork``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(192, gt=0, multiple_of=16, description="side of the square, pixels")
    widths: tuple[int, int, int, int] = Field(
        (16, 32, 64, 96), description="channels at a half, a quarter, an eighth, a sixteenth"
    )
    depth: int = Field(1, gt=0, description="residual blocks at the narrowest layer")
    reach: float = Field(8.0, gt=0, description="longest residual flow, pixels of the square")


class ReenactNetwork(Corrector):
    """``{"source", "warped", "hollow", "flow", "drawn"} -> {"flow", "added"}``.

    In, squares of S pixels: ``source`` (N, 3, S, S), the still portrait, 0..1; ``warped``
    (N, 3, S, S), moved by the mesh, 0..1; ``hollow`` (N, 3, S, S), what that lacks inside a mouth
    that was shut, see ``face.hollow``; ``flow`` (N, 2, S, S), the mesh's motion: where each pixel
    comes from relative to its place (x, y), pixels; ``drawn`` (N, DRAWN, S, S), the wanted face,
    0..1, see ``face.portrait_square``.
    Out: ``flow`` (N, 2, S/4, S/4), the residual, pixels of the square; ``added`` (N, 3, S, S), how
    colours change: shade, paint, and the loss of detail under an occlusion. ``compose``
    puts them together.
    """

    def __init__(self, config: ReenactConfig) -> None:
        super().__init__(
            _CHANNELS, config.widths, config.depth, 0,
            # Begins as the mesh alone, whose pixels are kept.
            (torch.zeros(5), torch.cat([torch.full((4,), -4.0), torch.zeros(12)])),
        )  # fmt: skip
        self.config = config

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See the class."""
        flow, hollow = batch["flow"], batch["hollow"]
        moved = batch["warped"] + hollow
        coarse, fine = self.fields(
            torch.cat(
                [
                    batch["source"] * 2.0 - 1.0, moved * 2.0 - 1.0, flow / _FLOW_UNIT,
                    batch["drawn"] * 2.0 - 1.0,
                ],
                dim=1,
            )
        )  # fmt: skip
        say = _moving(flow)
        shade = torch.tanh(coarse[:, 2:]) * 0.5
        # Detail is lost only where something hides it; paint is not held back by that, or it would
        # take long to be learned at all.
        occluded = torch.sigmoid(fine[:, :1])
        paint = occluded * (soften(moved) - moved) + fine[:, 1:]
        # In a mouth only light and dark: its colours are the person's own, not those of a few
        # others' teeth in another light.
        colour = _large(shade) + paint
        grey = colour.mean(dim=1, keepdim=True)
        colour = colour + batch["drawn"][:, _INSIDE] * (grey - colour)
        return {
            "flow": torch.tanh(coarse[:, :2]) * (self.config.reach * say),
            "added": hollow + _large(say) * colour,
        }


def _large(x: Tensor) -> Tensor:
    """From the coarse fields' size to the square's."""
    return interpolate(x, scale_factor=float(COARSE), mode="bilinear")


def _moving(flow: Tensor) -> Tensor:
    """How much say the network has, 0 where and around where nothing moves: (N, 1, S/4, S/4)."""
    length = avg_pool2d(flow.abs().sum(dim=1, keepdim=True), COARSE)
    near = max_pool2d(length, _AROUND, stride=1, padding=_AROUND // 2)
    smooth = avg_pool2d(near, 3, stride=1, padding=1, count_include_pad=False)
    return 1.0 - torch.exp(smooth / -_MOVED)


def compose(source: Tensor, flow: Tensor, mask: Tensor, made: Mapping[str, Tensor]) -> Tensor:
    """The finished portrait (N, 3, H, W), at any resolution H, W of the same square.

    Args:
        source: (N, 3, H, W), the still portrait, 0..1.
        flow: (N, 2, S, S), the mesh's motion, pixels of the square of S.
        mask: (N, 1, H, W), 0 where the source is to stay.
        made: what the network made of them.
    """
    height, width = source.shape[-2:]
    side = flow.shape[-1]
    unit = 2.0 / side
    residual = to_size(made["flow"], side, side)
    there = places(side, side, flow) + residual.permute(0, 2, 3, 1) * unit
    # One sampling for both motions: twice would blur twice.
    carried = grid_sample(flow, there, padding_mode="border", align_corners=False)
    motion = to_size(residual + carried, height, width)
    grid = places(height, width, source) + motion.permute(0, 2, 3, 1) * unit
    # Cubic: a linear one would blur, and a network that is told to be near would learn to use that.
    moved = grid_sample(source, grid, "bicubic", padding_mode="border", align_corners=False)
    result = moved + to_size(made["added"], height, width)
    return source + mask * (result.clamp(0.0, 1.0) - source)


def example_batch(config: ReenactConfig) -> dict[str, Tensor]:
    """One square, as at work."""
    side = config.size
    channels = {"source": 3, "warped": 3, "hollow": 3, "flow": 2, "drawn": DRAWN}
    return {name: torch.zeros(1, count, side, side) for name, count in channels.items()}
