"""Small generators that widen a slow signal to sound step by step, as GAN vocoders do.

What they leave in their sound is what matters here: images of the spectrum and ripples at the
rates in between, of transposed convolutions (HiFi-GAN, Kong et al. 2020; MelGAN, Kumar et al.
2019), of nearest or linear interpolation, or of sub-samples dealt out in turn (Pons et al.,
"Upsampling artifacts in neural audio synthesis", 2021). With ``heard="wave"`` the input is the
sound itself through mirrored strided convolutions: an autoencoder that is soon good, whose copies
differ by the artefacts and little else (as AutoGAN does for pictures, Zhang et al. 2019).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu
from torch.nn.utils.parametrizations import weight_norm

from avsynth.speech.spectrum import SpectrumConfig, log_mel_spectrum

_SLOPE = 0.1
_CENTRE, _SPREAD = -5.0, 2.5  # of log-mels of speech, roughly


class UpsamplerConfig(BaseModel):
    """Everything that is needed to build an ``Upsampler``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    heard: Literal["mel", "wave"] = "mel"
    mode: Literal["transposed", "nearest", "linear", "shuffle"] = "transposed"
    strides: tuple[int, ...] = Field((5, 4, 4, 2), description="their product is the hop")
    width: int = Field(256, gt=0, description="channels at the frame rate; halved at each stride")
    least: int = Field(16, gt=0, description="channels, at least")
    kernels: tuple[int, ...] = Field((3, 7), description="of the residual blocks; averaged")
    dilations: tuple[int, ...] = (1, 3)
    reach: int = Field(2, gt=0, description="length of an upsampling kernel, in strides")
    latent: int = Field(16, gt=0, description="channels between the halves of an autoencoder")
    bands: int = Field(80, gt=0)
    window: int = Field(640, gt=0, description="samples, of the mel")

    @property
    def hop(self) -> int:
        """Samples of a frame."""
        return math.prod(self.strides)

    @property
    def spectrum(self) -> SpectrumConfig:
        """What mel it takes."""
        return SpectrumConfig(window=self.window, hop=self.hop, bands=self.bands)


class Upsampler(nn.Module):
    """Samples (B, N) -> a copy of them (B, N), N a multiple of the hop."""

    def __init__(self, config: UpsamplerConfig) -> None:
        super().__init__()
        self.config = config
        widths = [max(config.least, config.width >> k) for k in range(len(config.strides) + 1)]
        self.listen: nn.Module = nn.Identity()
        heard = config.bands
        if config.heard == "wave":
            self.listen, heard = _encoder(config, widths), config.latent
        self.first = weight_norm(nn.Conv1d(heard, widths[0], 7, padding=3))
        self.wider = nn.ModuleList(
            _Widen(widths[k], widths[k + 1], stride, config)
            for k, stride in enumerate(config.strides)
        )
        self.blocks = nn.ModuleList(_Blocks(width, config) for width in widths[1:])
        self.last = nn.Conv1d(widths[-1], 1, 7, padding=3)

    def forward(self, sound: Tensor) -> Tensor:
        """See the class."""
        x = self.first(self._heard(sound))
        for widen, block in zip(self.wider, self.blocks, strict=True):
            x = block(widen(leaky_relu(x, _SLOPE)))
        made: Tensor = torch.tanh(self.last(leaky_relu(x, _SLOPE)))
        return made[:, 0].float()

    def _heard(self, sound: Tensor) -> Tensor:
        if self.config.heard == "wave":
            code: Tensor = self.listen(10 * sound[:, None])
            return code
        return (log_mel_spectrum(sound, self.config.spectrum) - _CENTRE) / _SPREAD


class _Widen(nn.Module):
    """(B, a, T) -> (B, b, T * stride)."""

    def __init__(self, a: int, b: int, stride: int, config: UpsamplerConfig) -> None:
        super().__init__()
        self.mode, self.stride = config.mode, stride
        if config.mode == "transposed":
            size = config.reach * stride
            self.layer: nn.Module = weight_norm(
                nn.ConvTranspose1d(
                    a, b, size, stride, (size - stride + 1) // 2, (size - stride) % 2
                )
            )
        elif config.mode == "shuffle":
            self.layer = weight_norm(nn.Conv1d(a, b * stride, 3, padding=1))
        else:
            self.layer = weight_norm(nn.Conv1d(a, b, 2 * stride + 1, padding=stride))

    def forward(self, x: Tensor) -> Tensor:
        if self.mode == "shuffle":
            x = self.layer(x)
            return x.unflatten(1, (-1, self.stride)).transpose(2, 3).flatten(2)
        if self.mode != "transposed":
            x = interpolate(x, scale_factor=self.stride, mode=self.mode)
        made: Tensor = self.layer(x)
        return made


class _Blocks(nn.Module):
    """Residual layers of several kernels side by side, averaged, as in HiFi-GAN."""

    def __init__(self, width: int, config: UpsamplerConfig) -> None:
        super().__init__()
        self.rows = nn.ModuleList(
            nn.ModuleList(
                weight_norm(nn.Conv1d(width, width, k, dilation=d, padding=d * (k // 2)))
                for d in config.dilations
            )
            for k in config.kernels
        )

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for row in self.rows:
            y = x
            for layer in row:  # type: ignore[attr-defined]
                y = y + layer(leaky_relu(y, _SLOPE))
            total = total + y
        return total / len(self.rows)


def _encoder(config: UpsamplerConfig, widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = [_sized(nn.Conv1d(1, widths[-1], 7, padding=3))]
    for k, stride in reversed(list(enumerate(config.strides))):
        step = nn.Conv1d(widths[k + 1], widths[k], 2 * stride + 1, stride, padding=stride)
        layers += [nn.LeakyReLU(_SLOPE), _sized(step)]
    last = _sized(nn.Conv1d(widths[0], config.latent, 3, padding=1))
    return nn.Sequential(*layers, nn.LeakyReLU(_SLOPE), last)


def _sized(layer: nn.Conv1d) -> nn.Conv1d:
    """With weights that pass the size of their input on, and normalised."""
    nn.init.kaiming_normal_(layer.weight, _SLOPE)
    normed: nn.Conv1d = weight_norm(layer)
    return normed
