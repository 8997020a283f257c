"""What every detector is and what it returns.

Scores are log-likelihood ratios everywhere: positive means synthetic, 0 means no evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avsynth.face.track import TrackedFace
from avsynth.media import AudioChunk, Frame, MediaInfo


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of the file, in seconds, with the score that made it stand out."""

    start: float
    stop: float
    score: float


@dataclass(frozen=True)
class Evidence:
    """What one detector found in one file.

    Attributes:
        detector: its name.
        score: log-likelihood ratio of the whole file; None when it abstained.
        times: float64 (N,), seconds, of the scores over time.
        scores: float32 (N,), log-likelihood ratios over time.
        where: the stretches that stand out.
        seen: how much was looked at: frames, or seconds of sound.
        trained_on: data sets and generators it has seen in training.
        abstained: why there is no score; None when there is one.
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

    def __post_init__(self) -> None:
        if (self.score is None) == (self.abstained is None):
            raise ValueError("evidence has either a score or a reason for having none")
        if len(self.times) != len(self.scores):
            raise ValueError(f"{len(self.times)} times for {len(self.scores)} scores")


class Detector(Protocol):
    """One detector. Fed from one shared decode, one shared face track, one shared resample."""

    name: str

    def start(self, info: MediaInfo) -> None:
        """Begin a file; forget the last one."""
        ...

    def update_frames(self, frames: list[Frame], faces: list[list[TrackedFace]]) -> None:
        """See frames in order, with the faces found in each."""
        ...

    def update_audio(self, chunk: AudioChunk) -> None:
        """Hear sound in order, 16 kHz mono."""
        ...

    def finish(self) -> Evidence:
        """Say what was found."""
        ...
