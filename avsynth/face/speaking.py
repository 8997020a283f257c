"""Whose mouth moved with the sound: a score for each track.

The fast part of the mouth's opening (what a syllable moves) is correlated with the fast part of
the sound's level, at every lag within a quarter of a second. The slow parts are left out: two
people who take turns, or speak at once, share their pauses but not their syllables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.face.mouth_space import opening
from avsynth.face.store import TrackTable
from avsynth.face.track_info import TrackInfo
from avsynth.media import AudioChunk

Floats = NDArray[np.float64]

_GRID: Final = 0.04  # seconds between the compared samples
_SLOW: Final = 9  # samples whose weighted mean is the slow part that is taken away
_LAGS: Final = 6  # samples either way
_LAG_COST: Final = 0.08  # correlation that one sample of lag must be worth
_ACTIVE: Final = 0.012  # deviation of the fast opening, in eye distances, of a mouth that speaks
_SILENCE: Final = 40.0  # decibels below the loudest moment at which the level is cut off
_LEAST: Final = 12  # samples below which nothing can be said
_BLOCK: Final = 1000  # frames read at once


@dataclass(frozen=True, slots=True)
class SoundLevel:
    """Root mean square of a sound over time: ``values`` (n,) at ``rate`` Hz from ``start`` s."""

    values: NDArray[np.float32]
    rate: float
    start: float

    @classmethod
    def of(cls, chunks: Iterable[AudioChunk], rate: int = 100) -> SoundLevel:
        """Measure mono chunks that follow each other; four bytes a value are all that is kept."""
        parts: list[NDArray[np.float32]] = []
        rest = np.zeros(0, np.float32)
        start, step = 0.0, 1
        for chunk in chunks:
            if not parts and not len(rest):
                start, step = float(chunk.time), max(chunk.rate // rate, 1)
            samples = np.concatenate([rest, chunk.samples])
            whole = len(samples) // step * step
            squares = samples[:whole].reshape(-1, step).astype(np.float64) ** 2
            parts.append(np.sqrt(squares.mean(axis=1)).astype(np.float32))
            rest = samples[whole:]
        return cls(np.concatenate(parts) if parts else np.zeros(0, np.float32), float(rate), start)

    def decibels(self, times: Floats) -> Floats:
        """Level at ``times`` (m,) in seconds, silence outside the sound."""
        if not len(self.values):
            return np.zeros(len(times))
        smooth = np.convolve(self.values, np.ones(5) / 5, mode="same")
        level = 20 * np.log10(np.maximum(smooth, 1e-7))
        level = np.maximum(level, level.max() - _SILENCE)
        at = (times - self.start) * self.rate - 0.5
        quiet = float(level.min())
        return np.asarray(np.interp(at, np.arange(len(level)), level, left=quiet, right=quiet))


def speaking_score(times: ArrayLike, openings: ArrayLike, sound: SoundLevel) -> float:
    """How well a mouth's ``openings`` (n,) at ``times`` (n,) seconds go with a sound, 0..1.

    Openings are in eye distances. 0 where the track is too short to tell, or the mouth or the
    sound is still; about 0.4 for a speaker, 0.1 to 0.25 for somebody else over a few seconds.
    """
    at, values = np.asarray(times, np.float64), np.asarray(openings, np.float64)
    if len(at) < 2:
        return 0.0
    grid = np.arange(at[0], at[-1], _GRID)
    if len(grid) < _LEAST:
        return 0.0
    mouth = _fast(np.interp(grid, at, values))
    best = 0.0
    for lag in range(-_LAGS, _LAGS + 1):
        level = _fast(sound.decibels(grid + lag * _GRID))
        best = max(best, _correlation(mouth, level) - _LAG_COST * abs(lag))
    return best * min(1.0, float(mouth.std()) / _ACTIVE)


def score_tracks(table: TrackTable, times: ArrayLike, sound: SoundLevel) -> dict[int, float]:
    """``speaking_score`` of every track. ``times`` (frames,) seconds, by frame index."""
    at = np.asarray(times, np.float64)
    scores = {}
    for track in table.tracks:
        frames, openings = openings_of(table, track)
        scores[track.id] = speaking_score(at[frames], openings, sound)
    return scores


def openings_of(table: TrackTable, track: TrackInfo) -> tuple[NDArray[np.int64], Floats]:
    """Frame indices and mouth openings of a track; its points are never held all at once."""
    frames, openings = [], []
    for first in range(track.first, track.last + 1, _BLOCK):
        part = table.read(first, min(first + _BLOCK, track.last + 1), track.id)
        if len(part):
            frames.append(part.frames)
            openings.append(opening(part.points))
    return np.concatenate(frames), np.concatenate(openings)


def _fast(values: Floats) -> Floats:
    """``values`` less their weighted mean over ``_SLOW`` neighbours."""
    taps = np.hanning(_SLOW + 2)[1:-1]
    padded = np.pad(values, _SLOW // 2, mode="edge")
    return np.asarray(values - np.convolve(padded, taps / taps.sum(), mode="valid"))


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 1e-9 else 0.0
