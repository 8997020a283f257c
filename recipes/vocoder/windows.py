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
Floats = NDArray[np.float32]
_PHASE = 0.05  # seconds within which the fundamental's phase is measured: 3 periods of 60 Hz
_LONGEST = 600  # frames of an utterance to validate on


class Windows:
    """Random windows of the training speakers' utterances, and the held-out ones."""

    def __init__(self, folder: Path, config: VocoderConfig, frames: int, purpose: str) -> None:
        self._pack = Pack.open(folder, ["sound", "pitch"])
        self._config, self._frames = config, frames
        if (
            self._pack.index.rate * config.hop != config.rate
            or self._pack.arrays["sound"].shape[1] != config.hop
        ):
            raise UsageError(f"the pack's rows are not {config.hop} samples at {config.rate} Hz")
        allowed = [
            clip
            for clip in self._pack.index.clips
            if purpose == "research" or clip.purpose == "commercial"
        ]
        self.clips = [c for c in allowed if c.split == "train" and c.rows >= frames]
        self.held_out = [c for c in allowed if c.split == "dev"]
        if not self.clips or not self.held_out:
            raise UsageError("the pack has no sound to train on, or none to validate on")
        rows = np.array([clip.rows for clip in self.clips], np.float64)
        self._often = rows / rows.sum()
        # Beyond both ends of a window: what its outermost spectra and phases are measured in.
        self._around = -(-max(config.window, round(_PHASE * config.rate)) // config.hop)

    def batch(self, count: int, generator: np.random.Generator, locked: bool) -> Batch:
        """Mel (B, bands, T), pitch (B, T), sound (B, T * hop), and ``start`` (B, T), the phase in
        cycles that the pulses have at each frame.

        Utterances are drawn by their length. ``locked`` pulses are in phase with the fundamental of
        the sound, others begin anywhere.
        """
        sounds, pitches = [], []
        for number in generator.choice(len(self.clips), count, p=self._often):
            first = int(generator.integers(self.clips[number].rows - self._frames + 1))
            sound, pitch = self._rows(self.clips[number], first, self._frames, self._around)
            sounds.append(torch.from_numpy(sound))
            pitches.append(torch.from_numpy(pitch))
        wide, pitch = torch.stack(sounds), torch.stack(pitches)
        inner = slice(self._around, self._around + self._frames)
        start = fundamental_phase(wide, pitch, self._config)
        if not locked:
            start = start * 0 + torch.from_numpy(generator.random((count, 1)))
        samples = slice(inner.start * self._config.hop, inner.stop * self._config.hop)
        return {
            "mel": log_mel_spectrum(wide, self._config.spectrum)[..., inner],
            "pitch": pitch[:, inner],
            "sound": wide[:, samples],
            "start": start[:, inner],
            "seed": torch.tensor(int(generator.integers(2**31))),
        }

    def utterance(self, clip: Clip) -> tuple[Batch, Tensor]:
        """The beginning of a held-out utterance: what the network hears, and the truth (1, N)."""
        sound, pitch = self._rows(clip, 0, min(clip.rows, _LONGEST), 0)
        real = torch.from_numpy(sound)[None]
        mel = log_mel_spectrum(real, self._config.spectrum)
        return {"mel": mel, "pitch": torch.from_numpy(pitch)[None]}, real

    def _rows(self, clip: Clip, first: int, count: int, around: int) -> tuple[Floats, Floats]:
        """Samples and pitch of rows and of ``around`` more at both ends, silent where none are."""
        start, stop = max(0, first - around), min(clip.rows, first + count + around)
        missing = start - (first - around), first + count + around - stop
        sound = self._pack.rows(clip, "sound")[start:stop].astype(np.float32) / np.float32(32767)
        pitch = self._pack.rows(clip, "pitch")[start:stop].astype(np.float32)
        return np.pad(sound, (missing, (0, 0))).reshape(-1), np.pad(pitch, missing)


def fundamental_phase(sound: Tensor, pitch: Tensor, config: VocoderConfig) -> Tensor:
    """Phase in cycles (B, T) of the fundamental of sound (B, T * hop) at its frames.

    By turning the sound back by the pitch track (B, T) and averaging what stands still. Pulses with
    these phases coincide with those of the voice, so that losses can teach the network its phases:
    among pulses that begin anywhere only their distances can be compared.
    """
    held = hold(pitch, config.hold)
    held = torch.cat([held, held[:, -1:]], dim=1)
    phase, _, voicing = phases(held, config.hop, config.rate)
    half = round(_PHASE * config.rate / 2)
    taper = torch.hann_window(2 * half + 1, periodic=False, dtype=phase.dtype)
    parts = []
    for turn in (torch.cos, torch.sin):
        still = sound * voicing * turn(-2 * torch.pi * phase)
        padded = torch.nn.functional.pad(still, (half, half))
        parts.append(padded.unfold(1, 2 * half + 1, config.hop) @ taper)
    offset = torch.atan2(parts[1], parts[0]) / (2 * torch.pi)
    return (phase[:, :: config.hop] + offset) % 1.0
