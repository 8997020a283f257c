"""What every detector is fed, and what it returns.

Scores are log-likelihood ratios (natural logarithm) everywhere: positive means synthetic, 0 means
no evidence. A detector's own ``finish`` gives a raw logit of that polarity; ``detectors.fusion``
turns it into a ratio with what was fitted on generators that the detector had not seen, and only
such evidence reaches a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from avsynth.media import AudioChunk, MediaInfo
from detectors.looks import Burst

#: What a detector's evidence is about: a face, the voice, their agreement, or the file itself.
Subject = Literal["face", "voice", "sync", "file"]

#: Samples a second of the sound that all detectors hear.
SOUND_RATE = 16_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of the file, in seconds, with the score that made it stand out."""

    start: float
    stop: float
    score: float


@dataclass(frozen=True, slots=True)
class MarkedFrame:
    """A face that stands out, and where in it.

    ``time`` seconds; ``track`` the face's track; ``score`` a log-likelihood ratio; ``picture``
    uint8 (H, W, 3), the aligned crop; ``heat`` float32 (h, w), 0..1, of any size, or None where a
    detector cannot say where.
    """

    time: float
    track: int
    score: float
    picture: NDArray[np.uint8]
    heat: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class MarkedSound:
    """A stretch of sound that stands out, and where in it.

    ``start``, ``stop`` seconds; ``score`` a log-likelihood ratio; ``spectrogram`` float32
    (bands, steps), decibels, low bands first; ``heat`` float32 (b, s), 0..1, of any size, or None.
    """

    start: float
    stop: float
    score: float
    spectrogram: NDArray[np.float32]
    heat: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Evidence:
    """What one detector found in one file.

    Attributes:
        detector: its name.
        score: log-likelihood ratio of the whole file; None when it abstained.
        times: float64 (N,), seconds, of the scores over time.
        scores: float32 (N,), log-likelihood ratios over time.
        where: the stretches that stand out.
        seen: how much was looked at: faces in frames, or seconds of speech.
        trained_on: data sets and generators it has seen in training.
        abstained: why there is no score; None when there is one.
        notes: what a reader of the report should know, a sentence each.
        subject: what it speaks of.
        tracks: int32 (N,), the face that each score over time belongs to; empty for sound.
        figures: measured quantities by name, such as ``offset_ms``.
        frames: at most a handful of faces that stand out, worst first.
        sounds: the same of sound.
        weights: name -> SHA-256 of the networks that were used.
    """

    detector: str
    score: float | None
    times: NDArray[np.float64]
    scores: NDArray[np.float32]
    where: tuple[Interval, ...] = ()
    seen: float = 0.0
    trained_on: tuple[str, ...] = ()
    abstained: str | None = None
    notes: tuple[str, ...] = field(default=())
    subject: Subject = "file"
    tracks: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    figures: Mapping[str, float] = field(default_factory=dict)
    frames: tuple[MarkedFrame, ...] = ()
    sounds: tuple[MarkedSound, ...] = ()
    weights: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.score is None) == (self.abstained is None):
            raise ValueError("evidence has either a score or a reason for having none")
        if len(self.times) != len(self.scores):
            raise ValueError(f"{len(self.times)} times for {len(self.scores)} scores")


def abstention(detector: str, subject: Subject, reason: str, seen: float = 0.0) -> Evidence:
    """Evidence of a detector that saw too little, or nothing that it can speak of."""
    return Evidence(
        detector, None, np.zeros(0), np.zeros(0, np.float32),
        subject=subject, abstained=reason, seen=seen,
    )  # fmt: skip


class Detector(Protocol):
    """One detector. Fed from one shared decode, one shared face track, one shared resample.

    Networks are loaded once, in the constructor or at first use; ``start`` begins a new file and
    forgets the last one. Memory must not grow with the length of the file but for one number (or a
    few) a burst or window, and a handful of marked frames or sounds.
    """

    name: str
    subject: Subject

    def start(self, info: MediaInfo) -> None:
        """Begin a file; forget the last one."""
        ...

    def update_faces(self, burst: Burst) -> None:
        """See a few frames in a row, with the faces found in each; bursts come in order."""
        ...

    def update_audio(self, chunk: AudioChunk) -> None:
        """Hear sound in order, ``SOUND_RATE`` mono."""
        ...

    def finish(self) -> Evidence:
        """Say what was found: raw logits where the contract of ``Evidence`` says ratios."""
        ...
