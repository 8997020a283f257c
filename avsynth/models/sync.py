"""The sync expert: does this mouth say what is heard? Picture against sound, 0.2 s at a time.

Two small networks put a short film of a mouth and the sound of the same moment on the unit sphere;
in sync they lie near each other (Chung and Zisserman, "Out of time: automated lip sync in the
wild", 2016). It stands in the generator's training loop as a loss, so it is cheap and
differentiable in the film. Training: ``recipes/sync_expert``; scores: ``metrics/picture_sync.py``.
"""

from __future__ import annotations

import math

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, normalize, pad

from avsynth.models.discriminators import Judgement
from avsynth.speech.mel import BANDS, STEPS_PER_SECOND

RATE = 25
#: Mel steps of one picture.
STEPS = STEPS_PER_SECOND // RATE
_GREY = (0.299, 0.587, 0.114)
_LARGEST_SCALE = 50.0


class SyncConfig(BaseModel):
    """Everything that is needed to build a ``SyncExpert``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    frames: int = Field(5, gt=0, description="pictures of a film, 25 a second")
    size: int = Field(64, gt=0, description="side of the lower face's square, pixels")
    crop: int = Field(40, gt=0, description="side of its middle, where the mouth is, pixels")
    colour: bool = Field(False, description="red, green and blue; otherwise grey")
    looks: tuple[int, ...] = Field((32, 48, 64, 96, 96), description="channels of picture layers")
    strides: tuple[int, ...] = Field((2, 2, 1, 2, 1), description="of the picture layers")
    context: int = Field(10, ge=0, description="mel steps heard before and after the film")
    hears: tuple[int, ...] = Field((128, 128, 128, 128), description="channels of sound layers")
    paces: tuple[int, ...] = Field((1, 2, 1, 2), description="strides of the sound layers")
    embedding: int = Field(128, gt=0)
    dropout: float = Field(0.2, ge=0, lt=1)

    @model_validator(mode="after")
    def _fits(self) -> SyncConfig:
        if self.crop > self.size:
            raise ValueError(f"crop {self.crop} is larger than size {self.size}")
        if (len(self.looks), len(self.hears)) != (len(self.strides), len(self.paces)):
            raise ValueError("each layer of looks needs one of strides, each of hears one of paces")
        return self

    @property
    def steps(self) -> int:
        """Mel steps that go with a film."""
        return STEPS * self.frames + 2 * self.context


class SyncExpert(nn.Module):
    """A discriminator of pairs: logits [(N, 1)], the cosine of the two embeddings times a scale.

    High is in sync. A film is (N, T, 3, S, S) in 0..1, S at least 64, of the square that
    ``face.lower_crop`` cuts; every film's brightness and contrast are set to one standard. The
    condition is ``speech.mel.log_mel``, (N, 80, ``config.steps``): the film's moment and
    ``config.context`` steps before and after it.
    """

    def __init__(self, config: SyncConfig) -> None:
        super().__init__()
        self.config = config
        colours = 3 if config.colour else 1
        shown = (colours * config.frames, *config.looks)  # the first layer sees all movement
        kernels = (5, *[3] * (len(config.looks) - 1))
        self.looking = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, k, stride, k // 2, bias=False), nn.BatchNorm2d(b))
            for a, b, stride, k in zip(shown, config.looks, config.strides, kernels, strict=False)
        )
        heard = (BANDS, *config.hears)
        self.hearing = nn.ModuleList(
            nn.Sequential(nn.Conv1d(a, b, 5, pace, 2, bias=False), nn.BatchNorm1d(b))
            for a, b, pace in zip(heard, config.hears, config.paces, strict=False)
        )
        side = _shrunk(config.crop, config.strides)
        self.drop = nn.Dropout(config.dropout)
        self.to_look = nn.Linear(config.looks[-1] * side * side, config.embedding)
        self.to_hear = nn.Linear(
            config.hears[-1] * _shrunk(config.steps, config.paces), config.embedding
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    @property
    def scale(self) -> Tensor:
        """What the cosine is multiplied with, positive."""
        return self.log_scale.exp().clamp(max=_LARGEST_SCALE)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Judgement:
        """See the class. ValueError without a condition, or for other sizes than the config's."""
        if condition is None:
            raise ValueError("a sync expert judges a film against its sound: condition is missing")
        looked, seen = self._look(x)
        listened, sounds = self._hear(condition)
        cosine = (looked * listened).sum(dim=1, keepdim=True)
        return Judgement([self.scale * cosine], [[*seen, *sounds]])

    def look(self, film: Tensor) -> Tensor:
        """Films (N, T, 3, S, S) in 0..1 -> unit vectors (N, E)."""
        return self._look(film)[0]

    def hear(self, mel: Tensor) -> Tensor:
        """Log-mel windows (N, 80, ``config.steps``) -> unit vectors (N, E)."""
        return self._hear(mel)[0]

    def _look(self, film: Tensor) -> tuple[Tensor, list[Tensor]]:
        if film.dim() != 5 or film.shape[1:3] != (self.config.frames, 3):
            raise ValueError(
                f"a film is (N, {self.config.frames}, 3, S, S), not {tuple(film.shape)}"
            )
        x, seen = self._standard(film).flatten(1, 2), []  # (N, C T, h, w)
        for layer in self.looking:
            x = gelu(layer(x))
            seen.append(x)
        return normalize(self.to_look(self.drop(x.flatten(1))), dim=1), seen

    def _hear(self, mel: Tensor) -> tuple[Tensor, list[Tensor]]:
        if mel.dim() != 3 or mel.shape[1:] != (BANDS, self.config.steps):
            raise ValueError(
                f"the sound is (N, {BANDS}, {self.config.steps}), not {tuple(mel.shape)}"
            )
        x, sounds = mel, []
        for layer in self.hearing:
            x = gelu(layer(x))
            sounds.append(x)
        return normalize(self.to_hear(self.drop(x.flatten(1))), dim=1), sounds

    def _standard(self, film: Tensor) -> Tensor:
        """The mouth part, grey or in colour, mean 0 and deviation about 1: (N, C, T, h, w)."""
        size, crop = self.config.size, self.config.crop
        if film.shape[-1] != size:
            flat = interpolate(film.flatten(0, 1), (size, size), mode="bilinear", antialias=True)
            film = flat.reshape(*film.shape[:3], size, size)
        start = (size - crop) // 2
        mouth = film[..., start : start + crop, start : start + crop].transpose(1, 2)
        if not self.config.colour:
            weights = film.new_tensor(_GREY).view(1, 3, 1, 1, 1)
            mouth = (mouth * weights).sum(dim=1, keepdim=True)
        mean = mouth.mean(dim=(2, 3, 4), keepdim=True)
        deviation = mouth.std(dim=(1, 2, 3, 4), keepdim=True)
        return (mouth - mean) / (deviation + 0.02)


def _shrunk(length: int, strides: tuple[int, ...]) -> int:
    for stride in strides:
        length = -(-length // stride)
    return length


def film_windows(film: Tensor, frames: int) -> Tensor:
    """Every film of ``frames`` pictures in (T, ...): (T - frames + 1, frames, ...), a view."""
    return film.unfold(0, frames, 1).movedim(-1, 1)


def sound_windows(mel: Tensor, count: int, config: SyncConfig) -> Tensor:
    """The sound of films 0 .. count - 1: mel (80, M) -> (count, 80, ``config.steps``).

    Step ``STEPS`` k of ``mel`` is the first of picture k; beyond the ends their steps are held.
    """
    wanted = (count - 1) * STEPS + STEPS * config.frames + config.context
    padded = pad(mel[None], (config.context, max(0, wanted - mel.shape[1])), mode="replicate")[0]
    return padded.unfold(1, config.steps, STEPS)[:, :count].transpose(0, 1)


def example_films(config: SyncConfig) -> dict[str, Tensor]:
    """Two films and their sound."""
    return {
        "x": torch.zeros(2, config.frames, 3, config.size, config.size),
        "condition": torch.zeros(2, BANDS, config.steps),
    }
