"""What a judge is shown: a moment of a face or of a voice as a discriminator knew it in training.

A view turns cut mouths, whole faces, or a window of sound, into the batch that judges of that view
take.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Film = NDArray[np.uint8]
Single = NDArray[np.float32]
Batch = dict[str, Tensor]

#: Pictures of a film of mouths, and samples (a quarter of a second at 16 kHz) of a window of sound.
PICTURES = 3
WINDOW = 4_096
#: Side of a whole face for the adversary of portraits of nobody; see ``films.FACE`` for the other.
PORTRAIT = 96
_LEVEL = 0.07  # root mean square that a window is brought to
_QUIETEST = 1e-3  # -60 dB of full scale; quieter windows hold no voice
_FAINT = 0.05  # of the loudest window so far: what is fainter is a pause
_STEP = 1_600  # samples between two places where a window may begin
_SECOND = 16_000


def mouth_films(pictures: Film, maps: Film, starts: NDArray[np.intp] | list[int]) -> Batch:
    """Films of ``PICTURES`` mouths from each of ``starts`` on, and their maps as the condition.

    ``pictures``, ``maps`` uint8 (T, 64, 64, 3); ``x``, ``condition`` (N, 3, 3, 64, 64) in 0..1.
    """
    rows = np.asarray(starts)[:, None] + np.arange(PICTURES)
    return {"x": _planes(pictures[rows]), "condition": _planes(maps[rows])}


def mouth_pictures(batch: Batch) -> Batch:
    """The middle pictures alone of what ``mouth_films`` gave, (N, 3, 64, 64)."""
    return {name: value[:, PICTURES // 2] for name, value in batch.items()}


def faces(pictures: Film, drawn: Film) -> Batch:
    """Whole faces (N, S, S, 3), and what is drawn of them (N, 4, S, S), each 0..255, in 0..1."""
    condition = torch.from_numpy(np.ascontiguousarray(drawn)).float() / 255.0
    return {"x": _planes(pictures), "condition": condition}


def portraits(batch: Batch) -> Batch:
    """The pictures alone of what ``faces`` gave, ``PORTRAIT`` pixels a side."""
    small = torch.nn.functional.interpolate(
        batch["x"], (PORTRAIT, PORTRAIT), mode="bilinear", antialias=True, align_corners=False
    )
    return {"x": small}


def sound(windows: Single) -> Batch:
    """Windows (N, samples) brought to one level: ``x`` (N, samples)."""
    level = np.sqrt(np.square(windows, dtype=np.float64).mean(axis=1, keepdims=True))
    scaled = windows * (_LEVEL / np.maximum(level, _QUIETEST))
    return {"x": torch.from_numpy(scaled.astype(np.float32))}


def mel(batch: Batch) -> Batch:
    """The spectra of what ``sound`` gave, as the voice's discriminator sees them (N, 1, 80, T)."""
    from avsynth.speech.spectrum import SpectrumConfig, log_mel_spectrum
    from avsynth.training.voice import picture

    return {"x": picture(log_mel_spectrum(batch["x"], SpectrumConfig()))}


#: Name -> what it makes of what ``mouth_films``, ``faces`` or ``sound`` gave.
VIEWS = {
    "mouth film": lambda batch: batch,
    "mouth": mouth_pictures,
    "face": lambda batch: batch,
    "portrait": portraits,
    "sound": lambda batch: batch,
    "mel": mel,
}


@dataclass
class Listener:
    """Picks the loudest window of every second out of a stream of sound, in constant memory."""

    _rest: Single = field(default_factory=lambda: np.zeros(0, np.float32))
    _heard: int = 0
    _loudest: float = 0.0

    def push(self, samples: Single) -> Iterator[tuple[float, Single]]:
        """More samples (N,); yields when a window begins, in seconds, and the window itself."""
        self._rest = np.concatenate([self._rest, samples.astype(np.float32, copy=False)])
        while len(self._rest) >= _SECOND:
            yield from self._pick(self._rest[:_SECOND])
            self._rest = self._rest[_SECOND:]
            self._heard += _SECOND

    def flush(self) -> Iterator[tuple[float, Single]]:
        """What is left at the end, if it holds a window."""
        if len(self._rest) >= WINDOW:
            yield from self._pick(self._rest)
        self._rest = self._rest[:0]

    def _pick(self, second: Single) -> Iterator[tuple[float, Single]]:
        starts = np.arange(0, len(second) - WINDOW + 1, _STEP)
        total = np.concatenate([[0.0], np.cumsum(np.square(second, dtype=np.float64))])
        energy = total[starts + WINDOW] - total[starts]
        best = int(energy.argmax())
        level = float(np.sqrt(energy[best] / WINDOW))
        self._loudest = max(self._loudest, level)
        if level >= max(_QUIETEST, _FAINT * self._loudest):
            start = int(starts[best])
            yield (self._heard + start) / _SECOND, second[start : start + WINDOW].copy()


def _planes(pictures: Film) -> Tensor:
    """(..., H, W, C) of 0..255 -> (..., C, H, W) of 0..1."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(pictures, -1, -3))).float() / 255.0
