"""Files that are the same, or nearly: hashes of bytes, of pictures and of sound.

Pictures: signs of the differences between neighbours in a 17 x 16 grey picture (256 bits), of four
frames at fixed places of the file. Sound: signs of differences of band energies in time and
frequency (Haitsma and Kalker, "A highly robust audio fingerprinting system", 2002), 32 bits a step.
Both survive re-encoding, scaling and small changes of level; sound may also be shifted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Picture = NDArray[np.uint8]

_GRID = 16
_LEAST_CONTRAST = 4.0  # standard deviation below which a picture has no features to compare
_MOST_BITS = 26  # of 256 that may differ on average
_BAND_BITS = 16
_RATE = 5_500  # of the sound that is compared
_WINDOW, _HOP = 2048, 176  # 0.37 s, 32 ms
_BANDS = 33
_LOW, _HIGH = 300.0, 2000.0
_MOST_STEPS = 940  # 30 s
_COMMON = 50  # a feature in more files than this tells nothing
_MOST_ERRORS = 0.3  # share of bits that may differ in sound that is the same (there: 0.35)
_LEAST_STEPS = 30  # one second that both have
_OFFSETS = 3  # tried of a pair, the most voted for first


@dataclass(frozen=True, slots=True)
class Alike:
    """Two files, by their places in what was searched, and how alike they are, 0..1."""

    first: int
    second: int
    what: str
    likeness: float


def picture_hash(picture: Picture) -> str:
    """64 hexadecimal digits for a picture uint8 (H, W, 3); empty for one without features."""
    import cv2

    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_GRID + 1, _GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
    if float(small.std()) < _LEAST_CONTRAST:
        return ""
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()


def sound_hash(samples: Samples, rate: int) -> str:
    """8 hexadecimal digits a step of 32 ms of mono sound, at most 30 s; empty for silence."""
    import soxr

    sound = soxr.resample(np.asarray(samples[: 31 * rate], np.float32), rate, _RATE)
    if len(sound) < _WINDOW + _HOP or float(np.abs(sound).max()) < 1e-4:
        return ""
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP][: _MOST_STEPS + 1]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2
    edges = np.geomspace(_LOW, _HIGH, _BANDS + 1) * _WINDOW / _RATE
    energy = np.add.reduceat(power, edges.astype(int), axis=1)[:, :_BANDS]
    across = energy[:, :-1] - energy[:, 1:]
    return np.packbits(across[1:] - across[:-1] > 0, axis=1).tobytes().hex()


def alike_pictures(hashes: Sequence[Sequence[str]]) -> list[Alike]:
    """Pairs of files of which the frames, in order, differ in few bits."""
    bits = [[np.frombuffer(bytes.fromhex(h), np.uint8) for h in of if h] for of in hashes]
    keys, owners = [], []
    for owner, frames in enumerate(bits):
        for place, frame in enumerate(frames):
            words = frame.view(np.uint16).astype(np.int64)
            keys.append(words + (np.arange(len(words)) << 16) + (place << 24))
            owners.append(np.full(len(words), owner))
    found = []
    for first, second in sorted(_sharing(keys, owners)):
        likeness = _picture_likeness(bits[first], bits[second])
        if likeness >= 1 - _MOST_BITS / 256:
            found.append(Alike(first, second, "pictures", likeness))
    return found


def alike_sounds(hashes: Sequence[str]) -> list[Alike]:
    """Pairs of files whose steps, at some offset in time, differ in few bits."""
    steps = [np.frombuffer(bytes.fromhex(each), ">u4") for each in hashes]
    keys = [np.asarray(each, np.int64) for each in steps]
    owners = [np.full(len(each), owner) for owner, each in enumerate(steps)]
    found = []
    for first, second in sorted(_sharing(keys, owners)):
        likeness = _sound_likeness(keys[first], keys[second])
        if likeness > 0:
            found.append(Alike(first, second, "sound", likeness))
    return found


def _picture_likeness(
    first: Sequence[NDArray[np.uint8]], second: Sequence[NDArray[np.uint8]]
) -> float:
    """Share of equal bits, 0 where the number of frames differs."""
    if len(first) != len(second):
        return 0.0
    differing = np.unpackbits(np.stack(first) ^ np.stack(second)).mean()
    return 1 - float(differing)


def _sound_likeness(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Share of equal bits at the best offset; 0 where they are too few to mean anything."""
    order = np.argsort(second, kind="stable")
    begin = np.searchsorted(second[order], first, "left")
    end = np.searchsorted(second[order], first, "right")
    few = np.minimum(end - begin, _COMMON)
    at = np.repeat(np.arange(len(first)), few)
    nth = np.arange(len(at)) - np.repeat(np.cumsum(few) - few, few)
    offsets, votes = np.unique(order[np.repeat(begin, few) + nth] - at, return_counts=True)
    tried = offsets[np.argsort(-votes, kind="stable")[:_OFFSETS]].tolist()
    return max((_equal_bits(first, second, offset) for offset in tried), default=0.0)


def _equal_bits(first: NDArray[np.int64], second: NDArray[np.int64], offset: int) -> float:
    start, stop = max(0, -offset), min(len(first), len(second) - offset)
    if stop - start < _LEAST_STEPS:
        return 0.0
    differing = first[start:stop] ^ second[start + offset : stop + offset]
    errors = np.unpackbits(differing.astype(">u4").view(np.uint8)).mean()
    return 1 - float(errors) if errors <= _MOST_ERRORS else 0.0


def _sharing(
    keys: Sequence[NDArray[np.int64]], owners: Sequence[NDArray[np.int64]]
) -> Iterator[tuple[int, int]]:
    """Pairs of owners that share at least two keys which are not common to many."""
    if not sum(map(len, keys)):
        return
    every, of = np.concatenate(keys), np.concatenate(owners)
    pairs = np.unique(np.stack([every, of], axis=1), axis=0)
    starts = np.flatnonzero(np.diff(pairs[:, 0], prepend=pairs[0, 0] - 1))
    counts: dict[tuple[int, int], int] = {}
    for begin, end in zip(starts, [*starts[1:], len(pairs)], strict=True):
        if 1 < end - begin <= _COMMON:
            members = pairs[begin:end, 1].tolist()
            for place, first in enumerate(members):
                for second in members[place + 1 :]:
                    counts[first, second] = counts.get((first, second), 0) + 1
    yield from (pair for pair, count in counts.items() if count > 1)
