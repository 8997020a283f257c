"""Batches of pairs: a fake and the recording it belongs to, the same stretch, equally disturbed."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from prepare import basis
from torch import Tensor

from avsynth.errors import UsageError
from avsynth.training.sound_corpus import SoundItem, read_items

RATE = 16_000
#: Families that are left out together: conversions sound through the vocoder.
RELATED = {"vocoder": ("vocoder", "conversion")}


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
        for item in self.items:
            if item.label == "fake" and basis(item) in self._real:
                self._fakes.setdefault(item.family, {}).setdefault(item.system, []).append(item)
        if not self._fakes:
            raise UsageError(f"the views have no fake of the split {split!r}")

    @property
    def families(self) -> list[str]:
        """Those of the fakes."""
        return sorted(self._fakes)

    def sound(self, item: SoundItem, draw: int) -> NDArray[np.float32]:
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
            draw = int(rng.integers(len(self._views)))
            pair = self.sound(self._real[basis(item)], draw), self.sound(item, draw)
            both = mixed(*_cut(*pair, length, rng), rng)
            real.append(both[0])
            fake.append(both[1])
        return torch.from_numpy(np.stack(real)), torch.from_numpy(np.stack(fake))


def _cut(
    real: NDArray[np.float32], fake: NDArray[np.float32], length: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    shortest = min(len(real), len(fake))
    start = int(rng.integers(max(1, shortest - length + 1)))
    parts = [np.resize(each[start : start + length], length) for each in (real, fake)]
    return parts[0], parts[1]


def mixed(
    real: NDArray[np.float32], fake: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The pair, at times with some bands or moments of the fake replaced by those of the recording
    (any part must be enough to tell), both at times with a narrower band, both upside down."""
    level = np.sqrt((real**2).mean() / ((fake**2).mean() + 1e-12))
    fake = fake * np.float32(min(level, 100.0))
    kind = rng.random()
    if kind < 0.3:
        spectra = np.fft.rfft(real), np.fft.rfft(fake)
        bins = len(spectra[0])
        edges = np.sort(rng.uniform(0.03, 1.0, 2) * bins).astype(int)
        keep = np.zeros(bins, bool)
        keep[: edges[0]] = kind < 0.12
        keep[edges[0] :] = 0.12 <= kind < 0.2
        keep[edges[0] : edges[1]] |= kind >= 0.2
        fake = np.fft.irfft(np.where(keep, spectra[0], spectra[1]), len(real)).astype(np.float32)
    elif kind < 0.4:
        start, stop = np.sort(rng.integers(0, len(real), 2))
        if stop - start < 0.7 * len(real):
            fake = fake.copy()
            fake[start:stop] = real[start:stop]
    if rng.random() < 0.15:
        edge = int(rng.uniform(0.42, 0.98) * (len(real) // 2))
        real, fake = (_below(each, edge) for each in (real, fake))
    sign = np.float32(rng.choice([-1.0, 1.0]))
    return real * sign, fake * sign


def _below(sound: NDArray[np.float32], edge: int) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(sound)
    spectrum[edge:] = 0
    return np.fft.irfft(spectrum, len(sound)).astype(np.float32)
