"""Log-mel spectrum and pitch -> filters that turn pulses and noise into a voice.

Backbone and head as in Vocos (Siuzdak, "Vocos: closing the gap between time-domain and Fourier-
based neural vocoders", 2023): ConvNeXt blocks at the frame rate, no upsampling, an inverse STFT at
the end. Vocos makes up the phase of every bin; here it comes from a pulse train at the pitch and
from noise (harmonic-plus-noise, as in NSF and HiFTNet), and the network says per frame and bin how
loud each of the two is and by how much to turn the pulses' phase. The levels start from the mel
itself, so that an untrained network speaks already. See ``avsynth.models.synthesis``.
"""

from __future__ import annotations

import math

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from avsynth.speech.spectrum import SpectrumConfig, band_centres, mel_filters

_LOUDEST = 6.0  # natural log of the largest gain: nothing explodes on spectra never seen
_CENTRE, _SPREAD = -5.0, 2.5  # of log-mels of speech, roughly
_OCTAVE = 150.0  # Hz: the pitch that counts as 0


class VocoderConfig(BaseModel):
    """Everything that is needed to build a ``Vocoder``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: int = Field(16_000, gt=0, description="samples a second")
    window: int = Field(640, gt=0, description="samples; also the length of the transform")
    hop: int = Field(160, gt=0, description="samples from frame to frame")
    bands: int = Field(80, gt=0, description="of the mel")
    hidden: int = Field(192, gt=0)
    expansion: int = Field(3, gt=0, description="times hidden, inside a block")
    layers: int = Field(8, gt=0)
    kernel: int = Field(7, gt=0, description="frames that a block sees; odd")
    source: bool = Field(True, description="pulses and noise; off: plain Vocos")
    hold: int = Field(2, ge=0, description="frames by which voiced stretches are lengthened")

    @model_validator(mode="after")
    def _overlaps(self) -> VocoderConfig:
        if self.window % (2 * self.hop) or self.window < 4 * self.hop:
            raise ValueError("the window must be an even number of hops, at least four")
        return self

    @property
    def bins(self) -> int:
        """Bins of a frame's spectrum."""
        return self.window // 2 + 1

    @property
    def reach(self) -> int:
        """Frames before and after one that the network hears for it."""
        return (self.layers + 1) * (self.kernel // 2)

    @property
    def spectrum(self) -> SpectrumConfig:
        """What mel it takes."""
        return SpectrumConfig(rate=self.rate, window=self.window, hop=self.hop, bands=self.bands)


class Vocoder(nn.Module):
    """Mel (B, bands, T) and pitch (B, T) in Hz, 0 unvoiced -> filters, each (B, T, bins).

    ``gain`` and ``noise`` are natural logs of what the spectra of pulses and of noise (mean square
    1) are multiplied by, ``phase`` is in radians. Without ``source``, ``gain`` is the log magnitude
    of the sound's own spectrum and ``phase`` its phase, and there is no ``noise``.
    """

    below: Tensor
    share: Tensor
    offset: Tensor

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        self.config = config
        for name, value in zip(("below", "share", "offset"), envelope(config), strict=True):
            self.register_buffer(name, value, persistent=False)
        width = config.hidden
        self.embed = nn.Conv1d(config.bands + 2, width, config.kernel, padding=config.kernel // 2)
        self.normalise = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.last = nn.LayerNorm(width)
        self.head = nn.Linear(width, config.bins * (3 if config.source else 2))
        nn.init.trunc_normal_(self.embed.weight, std=0.05)
        nn.init.normal_(self.head.weight, std=0.002 if config.source else 0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """See the class."""
        mel, pitch = batch["mel"], batch["pitch"]
        voiced = (pitch > 0).to(mel.dtype)
        height = torch.log(pitch.clamp_min(1.0) / _OCTAVE) * voiced
        x = torch.cat([(mel - _CENTRE) / _SPREAD, torch.stack([2 * height, voiced], 1)], dim=1)
        x = self.normalise(self.embed(x).transpose(1, 2))
        for block in self.blocks:
            x = block(x)
        parts = self.head(self.last(x)).float().chunk(3 if self.config.source else 2, dim=-1)
        # Element by element: as a matrix product it would be rounded to bfloat16 under autocast.
        bands = mel.float().transpose(1, 2)
        low, high = bands[..., self.below], bands[..., self.below + 1]
        level = low + (high - low) * self.share + self.offset
        filters = {"gain": (level + parts[0]).clamp_max(_LOUDEST), "phase": parts[1]}
        if self.config.source:
            filters["noise"] = (level + parts[2]).clamp_max(_LOUDEST)
        return filters


class _Block(nn.Module):
    """ConvNeXt in one dimension (Liu et al. 2022), on (B, T, C)."""

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        width, inner = config.hidden, config.hidden * config.expansion
        self.across = nn.Conv1d(
            width, width, config.kernel, padding=config.kernel // 2, groups=width
        )
        self.normalise = nn.LayerNorm(width)
        self.widen = nn.Linear(width, inner)
        self.narrow = nn.Linear(inner, width)
        self.scale = nn.Parameter(torch.full((width,), 1.0 / config.layers))
        for layer in (self.across, self.widen, self.narrow):
            nn.init.trunc_normal_(layer.weight, std=0.05)

    def forward(self, x: Tensor) -> Tensor:
        y = self.normalise(self.across(x.transpose(1, 2)).transpose(1, 2))
        result: Tensor = x + self.scale * self.narrow(nn.functional.gelu(self.widen(y)))
        return result


def envelope(config: VocoderConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Log-mel -> log of a source-filter gain: three tensors (bins,).

    Each bin takes the levels of a band and of the next one, in proportion: the band's number, the
    share of the next, and what is added. That takes out the filters' own gain and the typical size
    of white noise of mean square 1 under the window (without ``source``: the filters' gain alone).
    """
    filters = mel_filters(config.spectrum).double()  # (bins, bands)
    frequencies = torch.arange(config.bins, dtype=torch.float64)
    weight = filters.sum(dim=0)
    centres = band_centres(config.spectrum)
    below = torch.searchsorted(centres, frequencies).clamp(1, config.bands - 1) - 1
    low, high = centres[below], centres[below + 1]
    share = ((frequencies - low) / (high - low)).clamp(0, 1)
    gain = weight.log()
    offset = -(gain[below] + (gain[below + 1] - gain[below]) * share)
    if config.source:
        power = torch.hann_window(config.window, dtype=torch.float64).square().sum()
        offset = offset - 0.5 * math.log(float(power) * math.pi / 4)
    return below, share.float(), offset.float()


def example_batch(config: VocoderConfig) -> dict[str, Tensor]:
    """Two seconds of a vowel at 120 Hz that is one band's hum."""
    frames = 2 * config.rate // config.hop
    return {
        "mel": torch.full((1, config.bands, frames), _CENTRE),
        "pitch": torch.full((1, frames), 120.0),
    }
