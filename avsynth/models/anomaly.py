"""What real pictures look like: a variational autoencoder that has never seen a fake.

A picture is a luma crop of a face, or the logarithm of a spectrogram. Its likelihood is Gaussian
in the Haar wavelet domain: the decoder says for every cell of 8 x 8 pixels what it expects, and in
each of ten bands (three scales of three directions, and what is left) how far reality may be from
that. The wavelets are orthonormal, so this is a density of the pixels, and fine structure counts
as what it is instead of drowning in the coarse. What the decoder cannot know (the grain of a
camera, the noise of breath) it describes by its variance, and a fake that is *smoother* than the
decoder expects is as suspicious as one that is rougher: see ``models/typicality.py``.

Sources: Kingma and Welling 2014 (VAE); learned variances as in Rybkin et al., "Simple and
effective VAE training with calibrated decoders", 2021; typicality rather than likelihood as in
Nalisnick et al., "Detecting out-of-distribution inputs to deep generative models using
typicality", 2019.
"""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import (
    avg_pool2d,
    interpolate,
    pixel_shuffle,
    pixel_unshuffle,
    silu,
    softplus,
)

#: Pixels to a side of a cell, and of the square that one place of the latent picture stands for.
CELL, COARSE = 8, 16
#: Bands of the likelihood: of each scale changes along a row, down a column, and both; the rest.
BANDS = (
    "1 across", "1 down", "1 both", "2 across", "2 down", "2 both", "3 across", "3 down", "3 both",
    "mean",
)  # fmt: skip
_PATCH = 4  # pixels to a side of what the first layer sees as one place
_SMALLEST = -9.0  # log variance
_LARGEST = (-4.0, 1.0)  # the same, in the beginning of training and after: the coarse is no noise


class AnomalyConfig(BaseModel):
    """Everything that is needed to build an ``AnomalyVae``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    height: int = Field(224, gt=0, multiple_of=COARSE)
    width: int = Field(224, gt=0, multiple_of=COARSE, description="of a picture in training")
    aligned: bool = Field(True, description="columns have a meaning of their own; rows always do")
    widths: tuple[int, int, int] = Field((16, 32, 64), description="at 1/4, 1/8, 1/16")
    latent: int = Field(8, gt=0, description="values of a place of the latent picture")


class AnomalyVae(nn.Module):
    """Pictures -> what is unusual about them, cell by cell.

    ``{"picture": (B, 1, H, W)}`` of mean about 0 and spread about 1 -> ``picture`` (B, 1, H, W),
    the reconstruction from the posterior's mean; ``energy`` and ``size`` (B, 10, H/8, W/8), mean
    square and mean size of the wavelet coefficients of what it misses; ``variance``, the same
    shape, logarithm of the expected mean square; ``divergence`` (B, latent, H/16, W/16), nats from
    the posterior to N(0, 1).
    """

    def __init__(self, config: AnomalyConfig) -> None:
        super().__init__()
        self.config = config
        fine, middle, coarse = config.widths
        pixels = _PATCH**2
        self.first = nn.Conv2d(pixels + 2, fine, 3, padding=1)
        self.down1 = nn.Conv2d(fine, middle, 3, stride=2, padding=1)
        self.encode1 = _Block(middle)
        self.down2 = nn.Conv2d(middle, coarse, 3, stride=2, padding=1)
        self.encode2 = _Block(coarse)
        self.posterior = nn.Conv2d(coarse, 2 * config.latent, 1)
        self.prior = nn.Conv2d(config.latent + 2, coarse, 3, padding=1)
        self.decode2 = _Block(coarse)
        self.up2 = nn.Conv2d(coarse, middle, 1)
        self.decode1 = _Block(middle)
        self.up1 = nn.Conv2d(middle, fine, 1)
        self.last = nn.Conv2d(fine, pixels, 3, padding=1)
        self.spread = nn.Conv2d(middle, len(BANDS), 1)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """See the class."""
        picture = batch["picture"]
        mean, log_variance = self.encode(picture)
        made, spread = self.decode(mean)
        coefficients = haar(picture - made)
        return {
            "picture": made,
            "energy": pooled([c**2 for c in coefficients]),
            "size": pooled([c.abs() for c in coefficients]),
            "variance": spread,
            "divergence": divergence(mean, log_variance),
        }

    def encode(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (B, 1, H, W) -> mean and log variance (B, latent, H/16, W/16)."""
        x = pixel_unshuffle(picture, _PATCH)
        x = silu(self.first(torch.cat([x, self._where(x)], dim=1)))
        x = self.encode1(self.down1(x))
        mean, log_variance = self.posterior(self.encode2(self.down2(x))).chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 6)

    def decode(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Latent (B, latent, h, w) -> pictures (B, 1, 16 h, 16 w), variances (B, 10, 2 h, 2 w)."""
        x = self.decode2(self.prior(torch.cat([latent, self._where(latent)], dim=1)))
        x = self.decode1(interpolate(self.up2(x), scale_factor=2.0))
        spread = _at_most(self.spread(silu(x)).clamp(min=_SMALLEST), _LARGEST[1])
        x = silu(interpolate(self.up1(x), scale_factor=2.0))
        return pixel_shuffle(self.last(x), _PATCH), spread

    def loss(self, picture: Tensor, noise: Tensor, weight: float = 1.0) -> dict[str, Tensor]:
        """Negative ELBO, nats a pixel: ``likelihood`` (the error's part), ``divergence``, ``loss``.

        ``noise`` (B, latent, H/16, W/16) is standard normal; ``weight`` is that of the divergence,
        which grows to 1 in training. So does the largest variance: where everything may be noise
        from the first step on, nothing is ever explained.
        """
        mean, log_variance = self.encode(picture)
        made, spread = self.decode(mean + noise * (log_variance / 2).exp())
        low, high = _LARGEST
        spread = _at_most(spread, low + (high - low) * weight)
        error = negative_likelihood(pooled([c**2 for c in haar(picture - made)]), spread)
        nats = divergence(mean, log_variance).sum(dim=1).mean() / COARSE**2
        return {"likelihood": error, "divergence": nats, "loss": error + weight * nats}

    def _where(self, x: Tensor) -> Tensor:
        """Two planes (B, 2, h, w): row and, where columns have a meaning, column, from -1 to 1."""
        rows, columns = x.shape[-2:]
        down = torch.linspace(-1, 1, rows, dtype=x.dtype, device=x.device)[:, None]
        across = torch.linspace(-1, 1, columns, dtype=x.dtype, device=x.device)[None]
        planes = [down.expand(rows, columns), across.expand(rows, columns) * self.config.aligned]
        return torch.stack(planes).expand(x.shape[0], 2, rows, columns)


class _Block(nn.Module):
    """Two convolutions around which the input passes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(width, width, 3, padding=1)
        self.two = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.two.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, W, h, w) -> the same."""
        changed: Tensor = self.two(silu(self.one(silu(x))))
        return x + changed


def _at_most(x: Tensor, limit: float) -> Tensor:
    """Softly, so that what is at the limit can still learn."""
    return limit - softplus(limit - x)


def haar(picture: Tensor) -> list[Tensor]:
    """Orthonormal Haar wavelets: (B, 1, H, W) -> bands (B, 1, h, w) in the order of ``BANDS``."""
    found = []
    for _ in range(3):
        a, b, c, d = pixel_unshuffle(picture, 2).chunk(4, dim=1)
        found += [(a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2]
        picture = (a + b + c + d) / 2
    return [*found, picture]


def pooled(bands: list[Tensor]) -> Tensor:
    """Means over cells: bands of ``haar`` -> (B, 10, H/8, W/8)."""
    small = bands[-1].shape[-1]
    return torch.cat([avg_pool2d(band, band.shape[-1] // small) for band in bands], dim=1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """From N(mean, variance) to N(0, 1), nats, of each value."""
    return (mean**2 + log_variance.exp() - 1 - log_variance) / 2


def negative_likelihood(energy: Tensor, variance: Tensor) -> Tensor:
    """Nats a pixel, less a constant: ``energy``, and ``variance`` expected, (B, 10, h, w)."""
    counts = torch.tensor([16.0] * 3 + [4.0] * 3 + [1.0] * 4, device=energy.device)
    nats = (energy * (-variance).exp() + variance).mean(dim=(0, 2, 3)) / 2
    return (nats * counts).sum() / CELL**2


def example_batch(config: AnomalyConfig) -> dict[str, Tensor]:
    """A batch of typical size."""
    return {"picture": torch.zeros(2, 1, config.height, config.width)}
