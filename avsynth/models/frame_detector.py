"""The frame detector: does this crop of a face hold repainted pixels, and where?

EfficientNet-Lite0 (Tan and Le 2019; the "lite" variant of its authors: no squeeze-and-excitation,
ReLU6) up to a sixteenth of the picture. What follows there tells things apart, not textures, and
would halve the map once more. The blocks are written out here, so that what is shipped needs no
package; ``recipes/visual_detector`` fills them with its ImageNet weights before training. Beside
it, a few dense convolutions see the picture's high frequencies alone: grain, blur and the marks of
resampling, which networks for things pass over (Fridrich and Kodovsky 2012, Zhou et al. 2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import pad

Pictures = NDArray[np.uint8]

#: Stages: expansion, channels, blocks, stride, kernel.
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
)
_STEM = 32
_DEEPEST = _STAGES[-1][1]
_STRIDE = 16
_MEAN, _DEVIATION = 127.0 / 255.0, 128.0 / 255.0  # of the input that ImageNet was shown as
_LOUD = 6.0  # by which high frequencies are made as large as colours
_SHARP = 2.0  # how strongly the places that look altered are looked at


class FrameDetectorConfig(BaseModel):
    """Everything that is needed to build a ``FrameDetector``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(160, gt=0, multiple_of=_STRIDE, description="side of the view, pixels")
    head: int = Field(64, gt=0, description="channels of the heads")
    grain: tuple[int, int, int, int] = Field(
        (24, 48, 64, 64), description="channels of the high frequencies at a half to a sixteenth"
    )
    dropout: float = Field(0.2, ge=0, lt=1)


class FrameDetector(nn.Module):
    """``{"picture"} -> {"logit", "map"}``.

    In: ``picture`` (N, 3, S, S), 0..1, the ``view`` of a face. Out: ``logit`` (N, 1), high where
    pixels were repainted, and ``map`` (N, 1, S/16, S/16), a logit for each place.
    """

    def __init__(self, config: FrameDetectorConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = _Convolution(3, _STEM, 3, stride=2)
        blocks, width = [], _STEM
        for expansion, channels, count, stride, kernel in _STAGES:
            for number in range(count):
                step = stride if number == 0 else 1
                blocks.append(_Block(width, channels, expansion, kernel, step))
                width = channels
        self.blocks = nn.Sequential(*blocks)
        self.grain = _grain(config.grain)
        both = _DEEPEST + config.grain[-1]
        self.shared = nn.Sequential(nn.Conv2d(both, config.head, 1), nn.ReLU6())
        self.place = nn.Conv2d(config.head, 1, 1)
        self.dropout = nn.Dropout(config.dropout)
        self.judge = nn.Linear(2 * config.head, 1)

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See the class."""
        picture = batch["picture"]
        x = (picture - _MEAN) / _DEVIATION
        things, grain = self.blocks(self.stem(x)), self.grain(high_frequencies(picture))
        seen = self.shared(torch.cat([things, grain], dim=1))
        places = self.place(seen)
        weights = torch.softmax(_SHARP * places.flatten(2).float(), dim=-1).to(seen.dtype)
        looked_at = (seen.flatten(2) * weights).sum(dim=-1)
        pooled = torch.cat([seen.mean(dim=(2, 3)), looked_at], dim=1)
        return {"logit": self.judge(self.dropout(pooled)), "map": places}

    def trunk(self) -> list[nn.Module]:
        """Convolutions and normalisations of the trunk, in the order of EfficientNet-Lite0."""
        layers = nn.ModuleList([self.stem, self.blocks]).modules()
        return [layer for layer in layers if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]


def high_frequencies(picture: Tensor) -> Tensor:
    """What a blur over three pixels takes away from pictures (N, C, H, W), made louder."""
    across = (picture[..., :-2] + 2.0 * picture[..., 1:-1] + picture[..., 2:]) / 4.0
    soft = (across[..., :-2, :] + 2.0 * across[..., 1:-1, :] + across[..., 2:, :]) / 4.0
    return pad(_LOUD * (picture[..., 1:-1, 1:-1] - soft), (1, 1, 1, 1))


def _grain(widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in zip((3, *widths), widths, strict=False):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


class _Convolution(nn.Module):
    """Convolution, normalisation, ReLU6; padded at the end first, as TensorFlow pads."""

    def __init__(
        self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1,
        active: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        extra = kernel - stride
        self.around = (extra // 2, extra - extra // 2)
        even = self.around[0] == self.around[1]
        padding = self.around[0] if even else 0
        self.convolution = nn.Conv2d(
            before, after, kernel, stride, padding, groups=groups, bias=False
        )
        self.normalise = nn.BatchNorm2d(after, eps=1e-3, momentum=0.01)
        self.active = active
        self.even = even

    def forward(self, x: Tensor) -> Tensor:
        if not self.even:
            x = pad(x, self.around * 2)
        y = cast(Tensor, self.normalise(self.convolution(x)))
        return nn.functional.relu6(y) if self.active else y


class _Block(nn.Module):
    """Inverted bottleneck."""

    def __init__(self, before: int, after: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = before * expansion
        self.steps = nn.Sequential(
            *([_Convolution(before, wide, 1)] if expansion > 1 else []),
            _Convolution(wide, wide, kernel, stride, groups=wide),
            _Convolution(wide, after, 1, active=False),
        )
        self.skip = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        y = cast(Tensor, self.steps(x))
        return x + y if self.skip else y


#: Side of the aligned crop that a view is cut from, and the view's first row and column in it.
CROP, TOP, LEFT = 224, 48, 32


def view(crops: Pictures, size: int = 160) -> Pictures:
    """The part of aligned crops (..., 224, 224, C) that is looked at: from the eyes to the chin.

    The rest of a crop, hair and wall, would cost as much again and is hardly ever repainted.
    ``crops`` are as ``avsynth.face.crops`` cuts them at its own span and drop.
    """
    return crops[..., TOP : TOP + size, LEFT : LEFT + size, :]


def to_batch(views: Pictures) -> dict[str, Tensor]:
    """The network's input, from views uint8 (N, S, S, 3)."""
    first = np.ascontiguousarray(views.transpose(0, 3, 1, 2))
    return {"picture": torch.from_numpy(first).float().div_(255.0)}


def example_batch(config: FrameDetectorConfig) -> dict[str, Tensor]:
    """Two crops."""
    return {"picture": torch.full((2, 3, config.size, config.size), 0.5)}
