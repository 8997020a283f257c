"""What is unlike any real face or voice, by networks that have never seen or heard a fake.

See ``avsynth/models/anomaly.py`` and ``typicality.py``. A score is how far a file is from what is
usual among real ones, in standard deviations: it has the polarity of a log-likelihood ratio, and
becomes one by the calibration of ``detectors.fusion``.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from avsynth.face.track import TrackedFace
from avsynth.media import AudioChunk, MediaInfo
from avsynth.models.anomaly_scorer import AnomalyScorer
from avsynth.models.anomaly_views import (
    FACE_SIDE,
    SOUND_HOP,
    SOUND_WINDOW,
    decibels,
    face_picture,
    sound_picture,
    spoken,
)
from avsynth.weights.registry import load
from detectors.base import (
    SOUND_RATE,
    Evidence,
    Interval,
    MarkedFrame,
    MarkedSound,
    Subject,
    abstention,
)
from detectors.looks import Burst, Look

FACE_WEIGHTS, VOICE_WEIGHTS = "anomaly-face-small", "anomaly-voice-small"
_SHOWN = 4  # marked frames or sounds
_STANDS_OUT = 3.0  # standard deviations from which a moment is named
_NOTE = "Trained on real material alone: it tells what is unusual, not how it was made."
Marked = TypeVar("Marked", MarkedFrame, MarkedSound)


class _Sum:
    """The mean of feature vectors as they come; what is unknown (NaN) does not count."""

    def __init__(self, size: int) -> None:
        self.windows = 0
        self._total, self._known = np.zeros(size), np.zeros(size)

    def add(self, feature: NDArray[np.float32]) -> None:
        self.windows += 1
        self._total += np.nan_to_num(feature)
        self._known += np.isfinite(feature)

    def mean(self) -> NDArray[np.float64]:
        known = self._known > 0
        return np.where(known, self._total / np.maximum(self._known, 1), np.nan)


class FaceAnomaly:
    """How unlike real faces a face is: two pictures of every burst, the lower half above all."""

    name = "face-anomaly"
    subject: Subject = "face"

    def __init__(self, weights: str = FACE_WEIGHTS) -> None:
        self._scorer = _scorer(weights)
        self._weights = weights
        self._forget()

    def _forget(self) -> None:
        self._tracks: dict[int, _Sum] = {}
        self._found: list[tuple[float, float, int, float]] = []  # time, score, track, stretch
        self._worst: list[MarkedFrame] = []

    def start(self, info: MediaInfo) -> None:
        """Begin a file; forget the last one."""
        self._forget()

    def update_faces(self, burst: Burst) -> None:
        """Look at the middle of a burst."""
        for track, seen in burst.tracks():
            self._look(burst, track, _middle(seen))

    def _look(self, burst: Burst, track: int, seen: Sequence[tuple[Look, TrackedFace]]) -> None:
        crops = [look.crop(face, FACE_SIDE)[1] for look, face in seen]
        found = self._scorer.measure(np.stack([face_picture(crop) for crop in crops]))
        score = self._scorer.density.score(found.features)
        self._tracks.setdefault(track, _Sum(len(found.features))).add(found.features)
        self._found.append((burst.time, score, track, burst.stands_for))
        self._worst = _worst(
            [*self._worst, MarkedFrame(seen[0][0].time, track, score, crops[0], found.heat)]
        )

    def update_audio(self, chunk: AudioChunk) -> None:
        """Faces make no sound."""

    def finish(self) -> Evidence:
        """The most unusual face of those that were seen more than once (or at all)."""
        if not self._found:
            return abstention(self.name, self.subject, "no face was seen")
        lasting = [s for s in self._tracks.values() if s.windows > 1] or [*self._tracks.values()]
        density = self._scorer.density
        spans = [(t - length / 2, t + length / 2, s) for t, s, _, length in self._found]
        return Evidence(
            self.name,
            max(density.score(s.mean(), s.windows) for s in lasting),
            np.array([each[0] for each in self._found]),
            np.array([each[1] for each in self._found], np.float32),
            where=_stretches(spans),
            seen=float(len(self._found)),
            trained_on=self._scorer.data,
            notes=(_NOTE,),
            subject=self.subject,
            tracks=np.array([each[2] for each in self._found], np.int32),
            frames=tuple(self._worst),
            weights={self._weights: self._scorer.sha256},
        )


class VoiceAnomaly:
    """How unlike real speech a voice is, second by second and as a whole."""

    name = "voice-anomaly"
    subject: Subject = "voice"

    def __init__(self, weights: str = VOICE_WEIGHTS) -> None:
        self._scorer = _scorer(weights)
        self._weights = weights
        self._forget()

    def _forget(self) -> None:
        self._sum = _Sum(len(self._scorer.layout))
        self._found: list[tuple[float, float]] = []  # start, score
        self._worst: list[MarkedSound] = []
        self._waiting = np.zeros(0, np.float32)
        self._time: float | None = None  # of the first waiting sample

    def start(self, info: MediaInfo) -> None:
        """Begin a file; forget the last one."""
        self._forget()

    def update_faces(self, burst: Burst) -> None:
        """Voices have no face."""

    def update_audio(self, chunk: AudioChunk) -> None:
        """Hear sound in order, ``SOUND_RATE`` mono."""
        if self._time is None:
            self._time = float(chunk.time)
        self._waiting = np.concatenate([self._waiting, chunk.samples])
        while len(self._waiting) >= SOUND_WINDOW:
            self._hear(self._waiting[:SOUND_WINDOW], self._time)
            self._waiting = self._waiting[SOUND_HOP:]
            self._time += SOUND_HOP / SOUND_RATE

    def _hear(self, window: NDArray[np.float32], start: float) -> None:
        if not spoken(window):
            return
        found = self._scorer.measure(sound_picture(window)[None])
        score = self._scorer.density.score(found.features)
        self._sum.add(found.features)
        self._found.append((start, score))
        if len(self._worst) < _SHOWN or score > self._worst[-1].score:
            stop = start + SOUND_WINDOW / SOUND_RATE
            marked = MarkedSound(start, stop, score, decibels(window), found.heat)
            self._worst = _worst([*self._worst, marked])

    def finish(self) -> Evidence:
        """From the mean of everything that was heard: what is odd all along weighs most."""
        if not self._found:
            return abstention(self.name, self.subject, "less than a second of speech")
        length = SOUND_HOP / SOUND_RATE
        return Evidence(
            self.name,
            self._scorer.density.score(self._sum.mean(), self._sum.windows),
            np.array([start + length / 2 for start, _ in self._found]),
            np.array([score for _, score in self._found], np.float32),
            where=_stretches([(start, start + length, score) for start, score in self._found]),
            seen=self._sum.windows * length,
            trained_on=self._scorer.data,
            notes=(_NOTE,),
            subject=self.subject,
            sounds=tuple(self._worst),
            weights={self._weights: self._scorer.sha256},
        )


@functools.cache
def _scorer(weights: str) -> AnomalyScorer:
    return AnomalyScorer(load(weights))


def _middle(seen: Sequence[tuple[Look, TrackedFace]]) -> Sequence[tuple[Look, TrackedFace]]:
    """The two looks in the middle, or one where they do not follow each other."""
    first = max(0, len(seen) // 2 - 1)
    pair = seen[first : first + 2]
    return pair if len(pair) < 2 or pair[1][0].index == pair[0][0].index + 1 else pair[:1]


def _worst(marked: list[Marked]) -> list[Marked]:
    return sorted(marked, key=lambda each: -each.score)[:_SHOWN]


def _stretches(scored: Sequence[tuple[float, float, float]]) -> tuple[Interval, ...]:
    """Moments (start, stop, score) that stand out, those that touch joined, in order."""
    found: list[Interval] = []
    for start, stop, score in sorted(scored):
        if score < _STANDS_OUT:
            continue
        if found and start <= found[-1].stop + 1e-6:
            last = found.pop()
            start, stop, score = last.start, max(stop, last.stop), max(score, last.score)
        found.append(Interval(start, stop, score))
    return tuple(found)
