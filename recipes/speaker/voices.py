"""Voices to learn: the speakers of a pack, and the same sped up and slowed down as new speakers.

A voice played faster has a higher pitch and shorter resonances: somebody else's throat. Few
speakers become several times as many (Yamamoto et al., "Speaker augmentation and bandwidth
extension for deep speaker embedding", 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsynth.speech.spectrum import SpectrumConfig, log_mel_spectrum
from avsynth.training.pack import Clip, Pack

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """One utterance: samples (N,) at SPEECH_LEVEL."""

    clip: Clip
    samples: Floats

    @property
    def person(self) -> str:
        """Who speaks."""
        return self.clip.person

    def mel(self, spectrum: SpectrumConfig, speed: float = 1.0) -> Tensor:
        """Log-mel (N // hop, bands), half precision, of it played at ``speed``."""
        samples = torch.from_numpy(played(self.samples, speed))
        return log_mel_spectrum(samples, spectrum).T.half()


class Voices:
    """Random crops of random voices; a voice is a speaker at one speed.

    ``rows`` (all frames, bands) holds everything on the device, so that a batch is one lookup.
    """

    def __init__(
        self, spoken: Sequence[Recording], speeds: Sequence[float], spectrum: SpectrumConfig,
        device: str,
    ) -> None:  # fmt: skip
        people = sorted({recording.person for recording in spoken})
        self.count = len(people) * len(speeds)
        self._of_voice: list[list[tuple[int, int]]] = [[] for _ in range(self.count)]
        mels, start = [], 0
        for number, speed in enumerate(speeds):
            for recording in spoken:
                mel = recording.mel(spectrum, speed)
                voice = number * len(people) + people.index(recording.person)
                self._of_voice[voice].append((start, len(mel)))
                start += len(mel)
                mels.append(mel)
        self.rows = torch.cat(mels).to(device)

    def batch(
        self, voices: int, crops: int, frames: int, random: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Mel (voices * crops, bands, frames), crops of a voice in a row; numbers of the voices."""
        chosen = random.choice(self.count, voices, replace=voices > self.count)
        rows = np.stack([self._crop(v, frames, random) for v in chosen for _ in range(crops)])
        mel = self.rows[torch.from_numpy(rows).to(self.rows.device)].float().transpose(1, 2)
        return mel, torch.from_numpy(chosen.repeat(crops)).to(self.rows.device)

    def _crop(self, voice: int, frames: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Rows of one crop; an utterance that is too short is repeated."""
        own = self._of_voice[voice]
        lengths = np.array([length for _, length in own], np.float64)
        start, length = own[random.choice(len(own), p=lengths / lengths.sum())]
        first = int(random.integers(max(1, length - frames + 1)))
        return start + (first + np.arange(frames)) % length


def recordings(pack: Pack, split: str) -> list[Recording]:
    """The utterances of a split."""
    return [
        Recording(clip, pack.rows(clip, "sound").reshape(-1).astype(np.float32) / 32768)
        for clip in pack.index.clips
        if clip.split == split
    ]


def played(samples: Floats, speed: float) -> Floats:
    """Samples (N,) -> (N / speed, to 160): pitch and resonances ``speed`` times as high."""
    if speed == 1:
        return samples
    length = round(len(samples) / speed / 160) * 160  # small factors make a fast transform
    spectrum = np.fft.rfft(samples)
    # ``irfft`` cuts what lies above the new Nyquist frequency, or fills it with nothing.
    return np.asarray(np.fft.irfft(spectrum, length) * (length / len(samples)), np.float32)
