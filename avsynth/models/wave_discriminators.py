"""Discriminators of sound: its samples folded at prime periods, and its spectra.

Sources: multi-period as in HiFi-GAN (Kong et al. 2020), multi-resolution as in UnivNet (Jang et al.
2021) and Vocos, over complex spectra as in EnCodec (Défossez et al. 2022); much narrower.
"""

from __future__ import annotations

import itertools

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from avsynth.models.discriminators import Judgement

_SLOPE = 0.1


class PeriodConfig(BaseModel):
    """Everything that is needed to build a ``PeriodDiscriminator``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    periods: tuple[int, ...] = Field((2, 3, 5, 7, 11), description="in samples")
    widths: tuple[int, ...] = Field((8, 16, 32, 64), description="of layers that stride by three")


class PeriodDiscriminator(nn.Module):
    """Judges samples (B, N) in -1..1 that lie a period apart, several periods beside one another.

    Logits (B, 1, places, period), one tensor a period.
    """

    def __init__(self, config: PeriodConfig) -> None:
        super().__init__()
        self.config = config
        self.judges = nn.ModuleList(
            _Convolutions((1, *config.widths), (5, 1), (3, 1)) for _ in config.periods
        )

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Judgement:
        """See the class. ValueError when there is a condition."""
        _refuse(condition)
        judged = []
        for period, judge in zip(self.config.periods, self.judges, strict=True):
            folded = nn.functional.pad(x, (0, -x.shape[1] % period))
            judged.append(judge(folded.view(x.shape[0], 1, -1, period)))
        return Judgement([each[-1] for each in judged], [each[:-1] for each in judged])


class ResolutionConfig(BaseModel):
    """Everything that is needed to build a ``ResolutionDiscriminator``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    windows: tuple[int, ...] = Field((1024, 512, 256), description="samples; hop a quarter")
    widths: tuple[int, ...] = Field((16, 16, 32), description="of layers that halve the bins")


class ResolutionDiscriminator(nn.Module):
    """Judges short-time spectra of samples (B, N) in -1..1, at several resolutions.

    A spectrum is seen as real and imaginary part, each as its square root with the sign kept, so
    that what is faint counts too. Logits (B, 1, frames, places), one tensor a resolution.
    """

    def __init__(self, config: ResolutionConfig) -> None:
        super().__init__()
        self.config = config
        self.judges = nn.ModuleList(
            _Convolutions((2, *config.widths), (3, 5), (1, 2)) for _ in config.windows
        )

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Judgement:
        """See the class. ValueError when there is a condition."""
        _refuse(condition)
        judged = []
        for size, judge in zip(self.config.windows, self.judges, strict=True):
            window = torch.hann_window(size, device=x.device)
            padded = nn.functional.pad(x, (size // 2, size // 2))
            frames = padded.unfold(-1, size, size // 4) * window
            spectra = torch.view_as_real(torch.fft.rfft(frames, norm="ortho")).permute(0, 3, 1, 2)
            loudness = (spectra.square().sum(dim=1, keepdim=True) + 1e-6) ** 0.25
            judged.append(judge(spectra / loudness))
        return Judgement([each[-1] for each in judged], [each[:-1] for each in judged])


class _Convolutions(nn.Module):
    """Strided layers ``widths`` wide, one more that does not stride, and a judge."""

    def __init__(
        self, widths: tuple[int, ...], kernel: tuple[int, int], stride: tuple[int, int]
    ) -> None:
        super().__init__()
        middle = (kernel[0] // 2, kernel[1] // 2)
        self.layers = nn.ModuleList(
            _normed(nn.Conv2d(a, b, kernel, stride, middle)) for a, b in itertools.pairwise(widths)
        )
        self.layers.append(_normed(nn.Conv2d(widths[-1], widths[-1], kernel, 1, middle)))
        self.judge = _normed(nn.Conv2d(widths[-1], 1, (3, 1), 1, (1, 0)))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Activations of every layer, the logits last."""
        seen = []
        for layer in self.layers:
            x = nn.functional.leaky_relu(layer(x), _SLOPE)
            seen.append(x)
        return [*seen, self.judge(x)]


def _normed(layer: nn.Conv2d) -> nn.Conv2d:
    """With weights that pass the size of their input on, and normalised."""
    nn.init.kaiming_normal_(layer.weight, _SLOPE)
    normed: nn.Conv2d = weight_norm(layer)
    return normed


def _refuse(condition: Tensor | None) -> None:
    if condition is not None:
        raise ValueError("this discriminator takes 0 condition values")


def example_sound(config: PeriodConfig | ResolutionConfig) -> dict[str, Tensor]:
    """Two half seconds at 16 kHz."""
    return {"x": torch.zeros(2, 8000)}
