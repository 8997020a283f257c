"""What all detectors together say of one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from detectors.base import Evidence, Subject

#: "not-detected" is no proof of authenticity, and is never put into such words.
Answer = Literal["synthetic", "not-detected", "inconclusive", "unreadable"]


@dataclass(frozen=True, slots=True)
class Part:
    """What is said of the face, the voice, or their agreement.

    ``score`` is a fused log-likelihood ratio, ``interval`` its 95 % interval.
    """

    subject: Subject
    answer: Answer
    score: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Verdict:
    """One file.

    Attributes:
        path: as it was given.
        answer: for the whole file.
        reason: one plain sentence: why this answer, or why none.
        score: fused log-likelihood ratio that anything in it is synthetic; None when unreadable or
            when no detector had anything to go by.
        interval: its 95 % interval.
        parts: face, voice and agreement, where there was something to go by.
        evidence: of every detector, calibrated, also of those that abstained.
        sha256: of the file; None when it could not be read.
        size: bytes.
        kind: "video", "sound" or "picture".
        duration: seconds; 0 for a picture.
        properties: of container and streams, for the report.
        credentials: what Content Credentials say, as ``avsynth.provenance`` reports it; None where
            they were not looked at.
        settings: everything that steers the scan, so that it can be repeated.
        versions: of the package and of what it stands on.
        seconds: what each stage took.
        error: what went wrong, one line; None when nothing did.
        sensitivity: disturbance -> fused score; empty when it was not asked for.
    """

    path: str
    answer: Answer
    reason: str
    score: float | None = None
    interval: tuple[float, float] | None = None
    parts: tuple[Part, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    sha256: str | None = None
    size: int = 0
    kind: str = ""
    duration: float = 0.0
    properties: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, Any] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    error: str | None = None
    sensitivity: Mapping[str, float] = field(default_factory=dict)
