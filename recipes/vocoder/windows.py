"""The speech pack -> windows of mel, pitch, phase and sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsynth.errors import UsageError
from avsynth.models.vocoder import VocoderConfig
from avsynth.speech.excitation import hold, phases
from avsynth.speech.spectrum import log_mel_spectrum
from avsynth.training.pack import Clip, Pack

Batch = dict[str, Tensor]
_AROUND = 3.0  # periods of the lowest voice within which the fundamental's phase is measured
_LOWEST = 60.0  # Hz


class Windows:
    """Random windows of the training speakers' utterances, and the held-out ones whole."""

    def __init__(self, folder: Path, config: VocoderConfig, frames: int, purpose: str) -> None:
        self._pack = Pack.open(folder, ["sound", "pitch"])
        self._config, self._frames = config, frames
        if self._pack.arrays["sound"].shape[1] != config.hop:
            raise UsageError("the pack's rows are not as long as the network's hop")
        allowed = [
            clip
            for clip in self._pack.index.clips
            if purpose == "research" or clip.purpose == "commercial"
        ]
        self.clips = [c for c in allowed if c.split == "train" and c.rows > frames]
        self.held_out = [c for c in allowed if c.split == "dev"]
        if not self.clips or not self.held_out:
            raise UsageError("the pack has no sound to train on, or none to validate on")
        self._mel = [self._spectrum(clip) for clip in self.clips]
        self._phase = [self._locked(clip) for clip in self.clips]

    def batch(self, count: int, generator: np.random.Generator, locked: bool) -> Batch:
        """Mel (B, bands, T), pitch (B, T), sound (B, T * hop), phase in cycles (B, T * hop).

        Utterances are drawn by their length. ``locked`` pulses are in phase with the fundamental
        of the sound, others begin anywhere.
        """
        weight = np.array([clip.rows for clip in self.clips], np.float64)
        parts: dict[str, list[Tensor]] = {"mel": [], "pitch": [], "sound": [], "start": []}
        for number in generator.choice(len(weight), count, p=weight / weight.sum()):
            clip = self.clips[number]
            first = int(generator.integers(clip.rows - self._frames + 1))
            rows = slice(first, first + self._frames)
            parts["mel"].append(self._mel[number][:, rows])
            parts["pitch"].append(torch.from_numpy(self._pack.rows(clip, "pitch")[rows].copy()))
            parts["sound"].append(torch.from_numpy(sound(self._pack, clip, rows)))
            start = self._phase[number][rows]
            parts["start"].append(start if locked else start * 0 + generator.random())
        made = {name: torch.stack(values) for name, values in parts.items()}
        return made | {"seed": torch.tensor(int(generator.integers(2**31)))}

    def utterance(self, clip: Clip, longest: int = 600) -> tuple[Batch, NDArray[np.float32]]:
        """A held-out utterance, at most ``longest`` frames: what the network hears, and truth."""
        rows = slice(0, longest)
        real = sound(self._pack, clip, rows)
        mel = log_mel_spectrum(torch.from_numpy(real)[None], self._config.spectrum)
        pitch = torch.from_numpy(self._pack.rows(clip, "pitch")[rows].copy())[None]
        return {"mel": mel, "pitch": pitch}, real

    def _spectrum(self, clip: Clip) -> Tensor:
        whole = torch.from_numpy(sound(self._pack, clip, slice(None)))
        return log_mel_spectrum(whole, self._config.spectrum)

    def _locked(self, clip: Clip) -> Tensor:
        """Phase in cycles (T,) of the real fundamental at every frame."""
        config = self._config
        real = torch.from_numpy(sound(self._pack, clip, slice(None)))
        pitch = torch.from_numpy(self._pack.rows(clip, "pitch").copy())[None]
        held = hold(pitch, config.hold)
        phase, _, voicing = phases(torch.cat([held, held[:, -1:]], 1), config.hop, config.rate)
        turned = real * voicing[0] * torch.polar(voicing[0] * 0 + 1, -2 * torch.pi * phase[0])
        half = round(_AROUND * config.rate / _LOWEST / 2)
        taper = torch.hann_window(2 * half + 1, periodic=False, dtype=turned.real.dtype)
        beyond = torch.nn.functional.pad(torch.view_as_real(turned).T, (half, half))
        around = beyond.unfold(1, 2 * half + 1, config.hop) @ taper  # (2, T)
        offset = torch.atan2(around[1], around[0]) / (2 * torch.pi)
        return (phase[0, :: config.hop] + offset) % 1.0


def sound(pack: Pack, clip: Clip, rows: slice) -> NDArray[np.float32]:
    """Samples (N,) of some rows of a clip."""
    stored = pack.rows(clip, "sound")[rows].reshape(-1)
    return np.asarray(stored, np.float32) / np.float32(32767.0)
