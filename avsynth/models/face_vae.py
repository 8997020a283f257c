"""Portraits from a few numbers: a decoder, and an encoder where there is one.

The decoder of a VAE, the generator of a GAN and that of a VAE-GAN are one and the same network, so
that the three can be compared at equal size (``recipes/gan_vs_vae``); what judges the latter two is
a ``PatchDiscriminator``. With ``modes`` the decoder paints the texture of a face in the mean shape
and says which shape to give it (``ShapeWarp``): features stay sharp with little data.

Sources: VAE, Kingma and Welling 2014; VAE-GAN, Larsen et al. 2016; a latent that sets mean and
spread of the channels of every layer, StyleGAN (Karras et al. 2019); pictures that are summed over
resolutions, StyleGAN 2 (2020).
"""

from __future__ import annotations

import itertools
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from avsynth.models.face_shape import ShapeWarp

_Place = Literal["first", "", "last"]

_SLOPE = 0.2
_FARTHEST = 3.0  # standard deviations of a mode of shape
_WIDEST = 8.0  # logarithm of a variance


class FacesConfig(BaseModel):
    """Everything that is needed to build a ``FaceVae``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(64, gt=0, description="side of the pictures, halved between widths")
    latent: int = Field(64, gt=0)
    encoder: tuple[int, ...] = Field((32, 64, 96, 128), description="widths; none: no encoder")
    decoder: tuple[int, ...] = Field((96, 96, 64, 40, 24), description="widths, smallest first")
    modes: int = Field(0, ge=0, description="of shape; 0: pictures are painted in place")
    grid: int = Field(32, gt=0, description="side of the fields of the modes")


class FaceVae(nn.Module):
    """Standard normal numbers (N, L) -> portraits (N, 3, S, S) in 0..1, and portraits -> latents.

    A VAE's prior is what its latents were pulled towards, not where they are. ``settle`` fits a
    Gaussian to where they are once training is over (Ghosh et al. 2020); until then it is N(0, 1).
    """

    centre: Tensor
    factor: Tensor

    def __init__(self, config: FacesConfig) -> None:
        super().__init__()
        if config.size % 2 ** max(len(config.encoder), len(config.decoder) - 1):
            raise ValueError(f"{config.size} px cannot be halved as often as there are widths")
        self.config = config
        self.encoder = FaceEncoder(config) if config.encoder else None
        self.decoder = FaceDecoder(config)
        self.warp = ShapeWarp(config.modes, config.grid) if config.modes else None
        self.register_buffer("centre", torch.zeros(config.latent))
        self.register_buffer("factor", torch.eye(config.latent))

    def settle(self, mean: Tensor, covariance: Tensor) -> None:
        """Draw latents from N(mean (L,), covariance (L, L)) from now on."""
        self.centre.copy_(mean)
        self.factor.copy_(torch.linalg.cholesky(covariance))

    def drawn(self, normal: Tensor) -> Tensor:
        """Latents (N, L) for standard normal numbers (N, L)."""
        return self.centre + normal @ self.factor.T

    def encode(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (N, L) of the posterior. ValueError without an encoder."""
        if self.encoder is None:
            raise ValueError("the generator of a GAN has no encoder")
        mean, variance = self.encoder(picture * 2.0 - 1.0).float().chunk(2, dim=1)
        return mean, variance.clamp(-_WIDEST, _WIDEST)

    def decode(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Portraits (N, 3, S, S), and the numbers (N, K) of their shapes (K = 0 without modes)."""
        texture, shape = self.decoder(latent)
        texture, shape = torch.sigmoid(texture.float()), shape.float()
        if self.warp is None:
            return texture, shape
        shape = _FARTHEST * torch.tanh(shape / _FARTHEST)
        return self.warp.to_portrait(texture, shape), shape

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """``latent`` (N, L) of a standard normal -> ``picture`` (N, 3, S, S) in 0..1."""
        return {"picture": self.decode(self.drawn(batch["latent"]))[0]}


class FaceEncoder(nn.Module):
    """Pictures (N, 3, S, S) in -1..1 -> (N, 2 L): means, then log-variances."""

    def __init__(self, config: FacesConfig) -> None:
        super().__init__()
        widths = (3, *config.encoder)
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(widths)
        )
        self.deep = nn.Conv2d(widths[-1], widths[-1] // 2, 3, padding=1)
        for layer in (*self.layers, self.deep):
            nn.init.kaiming_normal_(layer.weight, _SLOPE)
        left = config.size // 2 ** len(config.encoder)
        self.out = nn.Linear(widths[-1] // 2 * left * left, 2 * config.latent)

    def forward(self, picture: Tensor) -> Tensor:
        """See the class."""
        x = picture
        for layer in (*self.layers, self.deep):
            x = leaky_relu(layer(x), _SLOPE)
        out: Tensor = self.out(x.flatten(1))
        return out


class FaceDecoder(nn.Module):
    """Latents (N, L) -> a picture (N, 3, S, S) before its sigmoid, and K numbers of shape."""

    def __init__(self, config: FacesConfig) -> None:
        super().__init__()
        first = config.decoder[0]
        self._side = config.size // 2 ** (len(config.decoder) - 1)
        self.begin = nn.Linear(config.latent, first * self._side**2)
        self.shape = nn.Linear(config.latent, config.modes) if config.modes else None
        widths = (first, *config.decoder)
        last = len(config.decoder) - 1
        places: dict[int, _Place] = {0: "first", last: "last"}
        self.blocks = nn.ModuleList(
            _Block(a, b, config.latent, places.get(number, ""))
            for number, (a, b) in enumerate(itertools.pairwise(widths))
        )

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        x = self.begin(latent).unflatten(1, (-1, self._side, self._side))
        x = x.contiguous(memory_format=torch.channels_last)
        picture: Tensor | None = None
        for block in self.blocks:
            x, painted = block(x, latent)
            if picture is not None:
                painted = painted + interpolate(
                    picture, scale_factor=2, mode="bilinear", align_corners=False
                )
            picture = painted
        assert picture is not None
        return picture, latent[:, :0] if self.shape is None else self.shape(latent)


class _Block(nn.Module):
    """Doubles the picture (the first block does not) and says what it paints."""

    def __init__(self, given: int, width: int, latent: int, place: _Place) -> None:
        super().__init__()
        # The largest picture costs as much as all others: one layer must do there.
        widths = (given, width) if place == "last" else (given, width, width)
        layers = [nn.Conv2d(a, b, 3, padding=1) for a, b in itertools.pairwise(widths)]
        self.layers, self.doubles = nn.ModuleList(layers), place != "first"
        styles = [nn.Linear(latent, 2 * width) for _ in layers]
        self.styles = nn.ModuleList(styles)
        self.paint = nn.Conv2d(width, 3, 3, padding=1)
        for style in styles:
            nn.init.normal_(style.weight, std=latent**-0.5 / 4)

    def forward(self, x: Tensor, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, width, h, w), and a picture (N, 3, h, w) to be added."""
        if self.doubles:  # and no transposed convolution: it paints chequers
            x = interpolate(x, scale_factor=2, mode="nearest")
        for layer, style in zip(self.layers, self.styles, strict=True):
            x = layer(x)
            # Instance normalisation and style in one multiplication: memory is the bottleneck.
            mean = x.mean(dim=(2, 3), keepdim=True)
            square = x.square().mean(dim=(2, 3), keepdim=True)
            scale, shift = style(latent)[..., None, None].chunk(2, dim=1)
            scale = (1.0 + scale) * torch.rsqrt((square - mean * mean).clamp_min(0.0) + 1e-4)
            x = leaky_relu(x * scale + (shift - mean * scale), _SLOPE)
        return x, self.paint(x)


def example_batch(config: FacesConfig) -> dict[str, Tensor]:
    """Two latents."""
    return {"latent": torch.zeros(2, config.latent)}
