"""Batches of pairs: a fake and the recording it belongs to, the same stretch, equally disturbed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from prepare import basis
from torch import Tensor

from avsynth.errors import UsageError
from avsynth.training.sound_corpus import SoundItem, read_items
from avsynth.training.sound_disturbance import clip, equalise, low_pass, noise, room

Floats = NDArray[np.float32]
RATE = 16_000
_CHEAP = (room, equalise, noise, clip, low_pass)
#: Families that are left out together: conversions sound through the vocoder.
RELATED = {"vocoder": ("vocoder", "conversion"), "signal": ("signal", "pulses")}


def without(family: str) -> tuple[str, ...]:
    """The families that a training without ``family`` does not see."""
    return RELATED.get(family, (family,)) if family else ()


class Pairs:
    """The prepared views of one split."""

    def __init__(self, folder: Path, split: str, left_out: Collection[str] = ()) -> None:
        self._views = np.load(folder / "views.npy", mmap_mode="r")
        items = [item for item in read_items(folder) if item.split == split]
        self.items = [item for item in items if item.family not in left_out]
        self._real = {item.name: item for item in items if item.label == "real"}
        self._fakes: dict[str, dict[str, list[SoundItem]]] = {}
        self._of: dict[str, list[SoundItem]] = {}
        for item in self.items:
            if item.label == "fake" and basis(item) in self._real:
                self._fakes.setdefault(item.family, {}).setdefault(item.system, []).append(item)
                if item.original:
                    self._of.setdefault(item.original, []).append(item)
        if not self._fakes:
            raise UsageError(f"the views have no fake of the split {split!r}")

    @property
    def families(self) -> list[str]:
        """Those of the fakes."""
        return sorted(self._fakes)

    def sound(self, item: SoundItem, draw: int) -> Floats:
        """Samples (N,) of an item, disturbed unless ``draw`` is 0."""
        steps = self._views[draw, item.start : item.start + item.samples]
        return np.asarray(steps, np.float32) / np.float32(32768)

    def batch(self, count: int, length: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Real (count, length) and fake (count, length): families, their systems, then items are
        drawn evenly."""
        real, fake = [], []
        for _ in range(count):
            systems = self._fakes[str(rng.choice(self.families))]
            chosen = systems[str(rng.choice(sorted(systems)))]
            item = chosen[int(rng.integers(len(chosen)))]
            others = self._of.get(basis(item), [item])
            other = others[int(rng.integers(len(others)))]
            draw = int(rng.integers(len(self._views)))
            trio = [self.sound(each, draw) for each in (self._real[basis(item)], item, other)]
            both = mixed(*_cut(trio, length, rng), rng)
            real.append(both[0])
            fake.append(both[1])
        return torch.from_numpy(np.stack(real)), torch.from_numpy(np.stack(fake))


def _cut(
    sounds: Sequence[Floats], length: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """The same stretch of three; what is too short is repeated."""
    start = int(rng.integers(max(1, min(map(len, sounds)) - length + 1)))
    real, fake, other = (np.resize(each[start : start + length], length) for each in sounds)
    return real, fake, other


def mixed(
    real: Floats, fake: Floats, other: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """The pair; at times some bands or moments of the fake are those of the recording or of an
    ``other`` fake of it, or its magnitudes alone or its phases alone are the fake's: any part must
    be enough to tell. Both may be disturbed a little more, alike, and both be upside down."""
    fake, other = (_as_loud(each, real) for each in (fake, other))
    kind = rng.random()
    if kind < 0.4:
        fake = _banded(fake, real if kind < 0.25 else other, rng)
    elif kind < 0.5:
        fake = _halved(fake, real, rng)
    elif kind < 0.6:
        start, stop = np.sort(rng.integers(0, len(real), 2))
        if stop - start < 0.7 * len(real):
            fake[start:stop] = real[start:stop]
    for change in _CHEAP:
        if rng.random() < 0.12:
            seed = int(rng.integers(1 << 31))
            real, fake = (change(each, np.random.default_rng(seed)) for each in (real, fake))
    sign = np.float32(rng.choice([-1.0, 1.0]))
    return real * sign, fake * sign


def _as_loud(sound: Floats, real: Floats) -> Floats:
    level = np.sqrt((real**2).mean() / ((sound**2).mean() + 1e-12))
    return sound * np.float32(min(level, 100.0))


def _banded(fake: Floats, rest: Floats, rng: np.random.Generator) -> Floats:
    """Below or above some frequency, or in a band or around it, ``rest`` instead."""
    spectra = np.fft.rfft(rest), np.fft.rfft(fake)
    edges = np.sort(rng.uniform(0.03, 1.0, 2) * len(spectra[0])).astype(int)
    inside = np.zeros(len(spectra[0]), bool)
    inside[edges[0] : edges[1] if rng.random() < 0.5 else None] = True
    if rng.random() < 0.5:
        inside = ~inside
    return np.fft.irfft(np.where(inside, *spectra), len(fake)).astype(np.float32)


def _halved(fake: Floats, real: Floats, rng: np.random.Generator) -> Floats:
    """Magnitudes of the one and phases of the other."""
    size = int(rng.choice([256, 512, 1024]))
    taper = torch.hann_window(size)
    spectra = [
        torch.stft(torch.from_numpy(each), size, size // 4, window=taper, return_complex=True)
        for each in ((fake, real) if rng.random() < 0.5 else (real, fake))
    ]
    joined = torch.polar(spectra[0].abs(), spectra[1].angle())
    made = torch.istft(joined, size, size // 4, window=taper, length=len(fake))
    return np.asarray(made.numpy(), np.float32)
