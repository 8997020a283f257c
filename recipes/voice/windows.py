"""Windows of the speech pack, as the voice network learns from them.

A speaker with longer or shorter vocal tract and higher or lower pitch is made by reading the
spectrum along a stretched frequency axis. The posterior hears a window stretched in one way, the
decoder is to make it stretched in another, and is told the voice that goes with that: so neither
the posterior can say whose voice it was, nor are there only 210 voices to learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsynth import weights
from avsynth.errors import WeightsError
from avsynth.models.speaker import SpeakerEncoder
from avsynth.models.voice import STACK, VoiceConfig, energy_of, speaker_vector
from avsynth.speech.activity import voice_activity
from avsynth.speech.pitch_track import PitchStatistics
from avsynth.speech.spectrum import FLOOR, mel_filters, spectrum
from avsynth.training.pack import Clip, Pack

Batch = dict[str, Tensor]
STEPS = 24  # warps an octave
_EDGE = 4  # spectrum steps cut off on either side of a window: there the ends are mirrored


class Windows:
    """Batches of windows of one split, with the statistics of every speaker under every warp."""

    def __init__(
        self, folder: Path, config: VoiceConfig, widest: int, speaker: str, split: str = "train"
    ) -> None:
        self.config, self.widest = config, widest
        names = ["sound", "pitch", *heard_arrays(config.front_end)]
        self.pack = Pack.open(folder, names)
        self.clips = [clip for clip in self.pack.index.clips if clip.split == split]
        self.banks = torch.stack(
            [stretched(mel_filters(config.spectrum), w) for w in range(-widest, widest + 1)]
        )
        statistics = [self._statistics(clip) for clip in self.clips]
        self.means = torch.stack([mean for mean, _ in statistics])  # (clips, warps, bands)
        self.stds = torch.stack([std for _, std in statistics])
        pitches = [PitchStatistics.of(self.pack.rows(clip, "pitch")) for clip in self.clips]
        self.pitches = torch.tensor([[p.mean, p.std] for p in pitches])
        self.embeddings = self._embeddings(speaker)

    @property
    def projection(self) -> tuple[Tensor, Tensor] | None:
        """Mean (F,) and directions (F, P) of the content, None where it is taken as it is."""
        names = heard_arrays(self.config.front_end)[1:]
        if not names:
            return None
        mean, directions = (torch.from_numpy(self.pack.arrays[name]) for name in names)
        return mean, directions

    @property
    def voices(self) -> Tensor:
        """Vectors of all speakers unwarped, (clips, S)."""
        clips = torch.arange(len(self.clips))
        return self.speakers(clips, torch.zeros_like(clips))

    def speakers(self, clips: Tensor, warps: Tensor) -> Tensor:
        """What the decoder is told of clips' voices under warps (in half semitones): (B, S)."""
        at = warps + self.widest
        pitch = self.pitches[clips].clone()
        pitch[:, 0] += warps * (np.log(2) / STEPS)
        return speaker_vector(
            self.embeddings[clips, at], self.means[clips, at], self.stds[clips, at], pitch
        )

    def batches(
        self, size: int, steps: int, seed: int, done: int, target: int, content: int
    ) -> Iterator[Batch]:
        """Endless random batches after the first ``done``; windows of ``steps`` network steps."""
        number = done
        lengths = np.array([clip.rows for clip in self.clips], float)
        while True:
            number += 1
            random = np.random.default_rng((seed, number))
            clips = random.choice(len(self.clips), size, p=lengths / lengths.sum())
            starts = np.array([self._start(self.clips[c], steps, random) for c in clips])
            aims, heard = (
                random.integers(-target, target + 1, size),
                random.integers(-content, content + 1, size),
            )
            yield self.batch(clips, starts, steps, aims, heard)

    def batch(
        self, clips: NDArray[np.int64], starts: NDArray[np.int64], steps: int,
        aims: NDArray[np.int64], heard: NDArray[np.int64],
    ) -> Batch:  # fmt: skip
        """Windows of ``steps`` from rows ``starts`` of ``clips``, warped."""
        rows = steps * STACK
        pairs = list(zip((self.clips[c] for c in clips), starts.tolist(), strict=True))
        sounds = [self._sound(clip, start, rows) for clip, start in pairs]
        pitch = np.stack([self._rows(clip, "pitch", start, rows) for clip, start in pairs])
        flat = spectrum(torch.from_numpy(np.stack(sounds)), self.config.spectrum).abs()
        flat = flat[..., _EDGE : _EDGE + rows]
        which, to, by = torch.from_numpy(clips), torch.from_numpy(aims), torch.from_numpy(heard)
        truth, mel = self._mel(flat, to), self._mel(flat, by)
        stretch = (to * (np.log(2) / STEPS)).exp()[:, None]
        return {
            "content": self._content(pairs, mel, which, by, rows),
            "pitch": torch.from_numpy(pitch) * stretch,
            "energy": energy_of(mel),
            "speaker": self.speakers(which, to),
            "truth": truth,
            "clip": which,
            "aim": to,
        }

    def _content(
        self, pairs: list[tuple[Clip, int]], mel: Tensor, clips: Tensor, warps: Tensor, rows: int
    ) -> Tensor:
        """What the posterior hears, projected: (B, T, P)."""
        if self.config.front_end != "mel":
            return torch.from_numpy(self._heard(pairs, warps, rows // STACK))
        at = warps + self.widest
        own = (mel - self.means[clips, at][..., None]) / self.stds[clips, at][..., None]
        return own.transpose(1, 2).unflatten(1, (-1, STACK)).flatten(2)

    def _heard(
        self, pairs: list[tuple[Clip, int]], warps: Tensor, steps: int
    ) -> NDArray[np.float32]:
        """Rows of the nearest warp that was prepared, two rows of 10 ms a step."""
        table = self.pack.arrays[self.config.front_end]  # (copies, rows // 2, F): see listen.py
        copies = table.shape[0]
        found = []
        for (clip, start), warp in zip(pairs, warps.tolist(), strict=True):
            copy = round((warp / self.widest + 1) / 2 * (copies - 1))
            low = (clip.start + start) // STACK
            found.append(table[copy, low : low + steps])
        return np.stack(found).astype(np.float32)

    def _mel(self, flat: Tensor, warps: Tensor) -> Tensor:
        """Magnitudes (B, bins, T) -> log-mel (B, bands, T), each under its warp."""
        banks = self.banks[warps + self.widest]
        return (banks.transpose(1, 2) @ flat).clamp_min(FLOOR).log()

    def _start(self, clip: Clip, steps: int, random: np.random.Generator) -> int:
        room = clip.rows - steps * STACK - 2 * _EDGE
        start = _EDGE + (int(random.integers(0, room)) if room > 0 else 0)
        return start + (clip.start + start) % STACK  # rows of whole network steps

    def _rows(self, clip: Clip, name: str, start: int, rows: int) -> NDArray[np.float32]:
        """Rows of a clip, what lies beyond its ends as zeros."""
        part = self.pack.rows(clip, name)[max(start, 0) : start + rows].astype(np.float32)
        before = max(-start, 0)
        shape = [(before, rows - before - len(part))] + [(0, 0)] * (part.ndim - 1)
        return np.pad(part, shape)

    def _sound(self, clip: Clip, start: int, rows: int) -> NDArray[np.float32]:
        sound = self._rows(clip, "sound", start - _EDGE, rows + 2 * _EDGE)
        return sound.reshape(-1) / np.float32(32767)

    def _statistics(self, clip: Clip) -> tuple[Tensor, Tensor]:
        """Mean and spread of active frames' log-mel under every warp, (warps, bands) each."""
        sound = self._sound(clip, 0, clip.rows)
        flat = spectrum(torch.from_numpy(sound)[None], self.config.spectrum).abs()
        flat = flat[0, :, _EDGE : _EDGE + clip.rows]
        active = torch.from_numpy(voice_activity(sound, 100)[_EDGE : _EDGE + clip.rows] > 0.5)
        mel = (self.banks.transpose(1, 2) @ flat[:, active]).clamp_min(FLOOR).log()
        return mel.mean(dim=2), mel.std(dim=2)

    @torch.inference_mode()
    def _embeddings(self, name: str) -> Tensor:
        """Of all clips under all warps, (clips, warps, E)."""
        shape = (len(self.clips), len(self.banks), self.config.embedding)
        if not self.config.embedding:
            return torch.zeros(shape)
        source = weights.read(name)
        if not isinstance(source.network, SpeakerEncoder):
            raise WeightsError("not a speaker encoder", source.path)
        result = torch.zeros(shape)
        for number, clip in enumerate(self.clips):
            sound = torch.from_numpy(self._sound(clip, 0, clip.rows))[None]
            flat = spectrum(sound, self.config.spectrum).abs()
            mel = (self.banks.transpose(1, 2) @ flat[0]).clamp_min(FLOOR).log()
            pieces = mel.split(300, dim=2)
            points = [
                source.network({"mel": piece})["embedding"]
                for piece in pieces
                if piece.shape[2] >= 150 or len(pieces) == 1
            ]
            result[number] = torch.nn.functional.normalize(torch.stack(points).mean(dim=0), dim=-1)
        return result.clone()


def heard_arrays(front_end: str) -> list[str]:
    """Names of the arrays that listen.py adds for a front end; none for "mel"."""
    return [] if front_end == "mel" else [front_end + end for end in ("", "_mean", "_directions")]


def stretched(bank: Tensor, warp: int) -> Tensor:
    """Mel filters (bins, bands) that read a spectrum stretched by ``warp`` half semitones.

    Bands whose frequencies are not there (a spectrum that was squeezed ends early) read the
    highest that is.
    """
    scale = 2 ** (warp / STEPS)
    place = torch.arange(len(bank), dtype=torch.float32) * scale
    low = place.floor().long().clamp_max(len(bank) - 2)
    rest = (place - low)[:, None]
    inside = (place <= len(bank) - 1)[:, None]
    read = (bank[low] * (1 - rest) + bank[low + 1] * rest) * inside * scale
    whole = read.sum(dim=0) > 0.6 * bank.sum(dim=0)
    last = int(whole.nonzero().max())
    read[:, last + 1 :] = read[:, last : last + 1]
    return read
