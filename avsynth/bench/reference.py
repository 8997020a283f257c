"""A network to compare speeds with: an encoder-decoder of the size and layout of Wav2Lip.

Layout as published by Prajwal et al. 2020 (A Lip Sync Expert Is All You Need); the weights are
random, for only its speed is of interest.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

# Rows of (channels, kernel, stride, padding, residual blocks after it).
_FACE = (
    (16, 7, 1, 3, 0), (32, 3, 2, 1, 2), (64, 3, 2, 1, 3), (128, 3, 2, 1, 2), (256, 3, 2, 1, 2),
    (512, 3, 2, 1, 1), (512, 3, 1, 0, 0),
)  # fmt: skip
_SOUND: tuple[tuple[int, int, tuple[int, int], int, int], ...] = (
    (32, 3, (1, 1), 1, 2), (64, 3, (3, 1), 1, 2), (128, 3, (3, 3), 1, 2), (256, 3, (3, 2), 1, 1),
    (512, 3, (1, 1), 0, 0), (512, 1, (1, 1), 0, 0),
)  # fmt: skip
# Rows of (channels, residual blocks after it); each doubles the side, but for the first.
_BACK = ((512, 1), (512, 2), (384, 2), (256, 2), (128, 2), (64, 2))


class _Convolution(nn.Module):
    """Convolution, batch normalisation, and a rectifier; with ``residual`` the input is added."""

    def __init__(self, convolution: nn.Module, width: int, residual: bool = False) -> None:
        super().__init__()
        self.block = nn.Sequential(convolution, nn.BatchNorm2d(width))
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return torch.relu(y + x if self.residual else y)


def _residuals(width: int, count: int) -> list[nn.Module]:
    return [_Convolution(nn.Conv2d(width, width, 3, 1, 1), width, True) for _ in range(count)]


class ReferenceNetwork(nn.Module):
    """``{"mel": (N, 1, 80, 16), "faces": (N, 6, 96, 96)} -> {"picture": (N, 3, 96, 96)}``."""

    def __init__(self) -> None:
        super().__init__()
        face: list[nn.Module] = []
        widths = [6]
        for width, kernel, stride, padding, more in _FACE:
            first = _Convolution(nn.Conv2d(widths[-1], width, kernel, stride, padding), width)
            face.append(nn.Sequential(first, *_residuals(width, more)))
            widths.append(width)
        face[-1].append(_Convolution(nn.Conv2d(512, 512, 1), 512))  # type: ignore[operator]
        self.face = nn.ModuleList(face)
        sound: list[nn.Module] = []
        before = 1
        for width, kernel, strides, padding, more in _SOUND:
            sound.append(_Convolution(nn.Conv2d(before, width, kernel, strides, padding), width))
            sound += _residuals(width, more)
            before = width
        self.sound = nn.Sequential(*sound)
        back: list[nn.Module] = [_Convolution(nn.Conv2d(512, 512, 1), 512)]
        before = 512
        for number, ((width, more), skipped) in enumerate(zip(_BACK, widths[:0:-1], strict=False)):
            steps = (3, 1, 0, 0) if number == 0 else (3, 2, 1, 1)
            wider = _Convolution(nn.ConvTranspose2d(before + skipped, width, *steps), width)
            back.append(nn.Sequential(wider, *_residuals(width, more)))
            before = width
        self.back = nn.ModuleList(back)
        self.out = nn.Sequential(
            _Convolution(nn.Conv2d(before + widths[1], 32, 3, 1, 1), 32), nn.Conv2d(32, 3, 1)
        )

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See the class."""
        seen, x = [], batch["faces"]
        for block in self.face:
            x = block(x)
            seen.append(x)
        y = self.sound(batch["mel"])
        for block in self.back:
            y = torch.cat([block(y), seen.pop()], dim=1)
        return {"picture": torch.sigmoid(self.out(y))}


def reference_batch(count: int = 1) -> dict[str, Tensor]:
    """``count`` faces with their sound."""
    return {"mel": torch.zeros(count, 1, 80, 16), "faces": torch.zeros(count, 6, 96, 96)}
