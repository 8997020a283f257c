"""Voices of nobody: a distribution over what makes a voice, fitted to many people's.

A voice is one vector: the speaker encoder's embedding, mean and spread of the log-mel spectrum,
pitch. The vectors of the training speakers, each kind of number scaled alike, span a space of
principal components in which they are about Gaussian; a point drawn there is a voice whose parts
fit together, since deep voices have other spectra and embeddings than high ones. Fitting:
``recipes/voice/space.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from avsynth.models.voice_print import Voice
from avsynth.speech.pitch_track import PitchStatistics

Doubles = NDArray[np.float64]

_LEAST_STD = 1e-3
_AT_ONCE = 256  # voices that are drawn together


class VoiceSpaceConfig(BaseModel):
    """Everything that is needed to build a ``VoiceSpace``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    embedding: int = Field(default=128, gt=0, description="numbers of the speaker embedding")
    bands: int = Field(default=80, gt=0, description="of the spectrum")
    components: int = Field(default=64, gt=0, description="dimensions of the space")

    @property
    def features(self) -> int:
        """Numbers of a voice: embedding, spectrum (mean, log spread), pitch (three)."""
        return self.embedding + 2 * self.bands + 3


class VoiceSpace(nn.Module):
    """From standard normal points to voices: affine, then each part into its range."""

    mean: Tensor  # (features,)
    basis: Tensor  # (features, components), scaled so that coordinates have variance one

    def __init__(self, config: VoiceSpaceConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(config.features))
        self.register_buffer("basis", torch.zeros(config.features, config.components))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """``latent`` (B, components) -> parts of voices.

        Returns ``embedding`` (B, D) of length one, ``spectrum_mean`` and ``spectrum_std``
        (B, bands), ``pitch`` (B, 3): mean and spread of log Hz, share of voiced steps.
        """
        whole = self.mean + batch["latent"] @ self.basis.T
        config = self.config
        sizes = [config.embedding, config.bands, config.bands, 3]
        embedding, mean, log_std, pitch = torch.split(whole, sizes, dim=1)
        return {
            "embedding": normalize(embedding, dim=1),
            "spectrum_mean": mean,
            "spectrum_std": log_std.exp(),
            "pitch": torch.stack([pitch[:, 0], pitch[:, 1].exp(), pitch[:, 2].sigmoid()], dim=1),
        }


def vector(voice: Voice) -> Doubles:
    """The numbers (features,) of a voice in the order that ``VoiceSpace`` takes them apart."""
    pitch = voice.pitch
    share = min(max(pitch.voiced, 0.01), 0.99)
    numbers = [pitch.mean, math.log(pitch.std), math.log(share / (1 - share))]
    log_std = np.log(np.maximum(voice.spectrum_std, _LEAST_STD))
    return np.concatenate([voice.embedding, voice.spectrum_mean, log_std, numbers])


def fit(voices: Sequence[Voice], components: int, shrinkage: float) -> VoiceSpace:
    """The space of ``voices``, of as many ``components``.

    Each of the four kinds of numbers is scaled to unit mean variance first, so that none decides
    alone. ``shrinkage`` (0..1) moves the variances along the components towards their mean: few
    voices make the large ones too large and the small ones too small.
    """
    vectors = np.stack([vector(voice) for voice in voices])
    config = VoiceSpaceConfig(
        embedding=len(voices[0].embedding), bands=len(voices[0].spectrum_mean),
        components=components,
    )  # fmt: skip
    scale = scale_of(vectors, config)
    mean = vectors.mean(axis=0)
    _, singular, axes = np.linalg.svd((vectors - mean) / scale, full_matrices=False)
    variance = singular[:components] ** 2 / (len(vectors) - 1)
    variance = (1 - shrinkage) * variance + shrinkage * variance.mean()
    space = VoiceSpace(config)
    basis = scale[:, None] * axes[:components].T * np.sqrt(variance)
    space.mean.copy_(torch.from_numpy(mean))
    space.basis.copy_(torch.from_numpy(basis))
    return space


def scale_of(vectors: Doubles, config: VoiceSpaceConfig) -> Doubles:
    """What each number is divided by (features,): alike within embedding and spectrum."""
    variance = vectors.var(axis=0)
    ends = np.cumsum([config.embedding, config.bands, config.bands])
    parts = [np.full(len(part), part.mean()) for part in np.split(variance, ends)[:3]]
    scale: Doubles = np.sqrt(np.concatenate([*parts, variance[ends[-1] :]]))
    return scale


def draws(space: Any, config: VoiceSpaceConfig, seed: int, encoder: str) -> Iterator[Voice]:
    """Voices of nobody, one after the other without end, the same ones for the same ``seed``.

    ``space`` is a ``VoiceSpace`` or a loaded model of one; ``encoder`` the sha256 of the speaker
    encoder that its embeddings are of.
    """
    generator = np.random.default_rng(seed)
    while True:
        latent = generator.standard_normal((_AT_ONCE, config.components)).astype(np.float32)
        parts = space({"latent": torch.from_numpy(latent)})
        embedding, mean, std, pitch = (
            parts[name].numpy() for name in ("embedding", "spectrum_mean", "spectrum_std", "pitch")
        )
        for row in range(_AT_ONCE):
            yield Voice(
                embedding=embedding[row],
                spectrum_mean=mean[row],
                spectrum_std=std[row],
                pitch=PitchStatistics(*(float(value) for value in pitch[row])),
                seconds=0.0,
                spread=0.0,
                synthetic=True,
                encoder=encoder,
            )


def example_batch(config: VoiceSpaceConfig) -> dict[str, Tensor]:
    """Two points."""
    return {"latent": torch.zeros(2, config.components)}
