"""``line(verdict)``: one JSON object a file, for JSON Lines; ``read`` is the way back.

The schema is ``scan.schema.json`` beside this file. Numbers are finite and rounded; what is long is
cut down, and the object says so. Pictures and spectrograms stay out of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from avsynth.errors import InputError
from detectors.base import Evidence, Interval
from detectors.report.overtime import decimate, worst_first
from detectors.report.values import plain, rounded, text
from detectors.report.words import hashes
from detectors.verdict import Answer, Part, Verdict

SCHEMA_VERSION = 1

#: At most so many scores over time, and stretches, of a detector go into the line.
POINTS = 600
STRETCHES = 100
#: And so many of its marked frames and sounds.
MARKED = 100


def line(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON-ready values, valid under the published schema.

    ``json.dumps`` of it holds no line break. The path is text: bytes in it that are no text are
    written as ``\\xNN``.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "path": text(verdict.path),
        "verdict": verdict.answer,
        "reason": text(verdict.reason),
        "score": rounded(verdict.score),
        "interval": _limits(verdict.interval),
        "parts": [
            {
                "subject": part.subject,
                "verdict": part.answer,
                "score": rounded(part.score),
                "interval": _limits(part.interval),
            }
            for part in verdict.parts
        ],
        "evidence": [_evidence(each) for each in verdict.evidence],
        "sha256": verdict.sha256,
        "size": verdict.size,
        "kind": verdict.kind,
        "duration": rounded(verdict.duration) or 0.0,
        "properties": plain(verdict.properties),
        "credentials": None if verdict.credentials is None else plain(verdict.credentials),
        "settings": plain(verdict.settings),
        "versions": plain(verdict.versions),
        "weights": hashes(verdict),
        "seconds": plain(verdict.seconds),
        "error": None if verdict.error is None else text(verdict.error),
        "sensitivity": plain(verdict.sensitivity),
    }


class _Told(BaseModel):
    """What pages rely on."""

    model_config = ConfigDict(strict=True)

    path: str
    verdict: Answer
    reason: str
    score: FiniteFloat | None
    interval: Annotated[list[FiniteFloat | None], Field(min_length=2, max_length=2)] | None
    error: str | None


def read(found: Mapping[str, Any]) -> Verdict:
    """A verdict again, from what ``line`` made: without pictures, scores over time cut down.

    Raises:
        InputError: it was not made by ``line``.
    """
    try:
        _Told.model_validate(found)
        return _read(found)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError("not the result of a scan, or of another version") from error


def _read(found: Mapping[str, Any]) -> Verdict:
    return Verdict(
        path=found["path"],
        answer=found["verdict"],
        reason=found["reason"],
        score=found["score"],
        interval=_pair(found["interval"]),
        parts=tuple(
            Part(each["subject"], each["verdict"], each["score"], _pair(each["interval"]) or _NONE)
            for each in found["parts"]
        ),
        evidence=tuple(_read_evidence(each) for each in found["evidence"]),
        **{name: found[name] for name in _AS_THEY_ARE},
    )


_NONE = (-math.inf, math.inf)
_AS_THEY_ARE = (
    "sha256", "size", "kind", "duration", "properties", "credentials", "settings", "versions",
    "seconds", "error", "sensitivity",
)  # fmt: skip


def _evidence(evidence: Evidence) -> dict[str, Any]:
    worst = worst_first(evidence.where)[:STRETCHES]
    return {
        "detector": evidence.detector,
        "subject": evidence.subject,
        "score": rounded(evidence.score),
        "abstained": None if evidence.abstained is None else text(evidence.abstained),
        "seen": rounded(evidence.seen, 3) or 0.0,
        "trained_on": [text(each) for each in evidence.trained_on],
        "notes": plain(evidence.notes),
        "figures": plain(evidence.figures),
        "weights": plain(evidence.weights),
        "where": [
            {"start": rounded(each.start, 3), "stop": rounded(each.stop, 3),
             "score": rounded(each.score)}
            for each in sorted(worst, key=lambda each: each.start)
        ],
        "where_total": len(evidence.where),
        "over_time": _over_time(evidence),
        "frames": [
            {"time": rounded(each.time, 3), "track": int(each.track), "score": rounded(each.score)}
            for each in evidence.frames[:MARKED]
        ],
        "sounds": [
            {"start": rounded(each.start, 3), "stop": rounded(each.stop, 3),
             "score": rounded(each.score)}
            for each in evidence.sounds[:MARKED]
        ],
    }  # fmt: skip


def _over_time(evidence: Evidence) -> dict[str, Any]:
    """Scores over time; of a long file the highest of each of equal stretches, face by face."""
    times, scores, tracks = decimate(evidence, POINTS)
    found: dict[str, Any] = {
        "times": [rounded(each, 3) for each in times],
        "scores": [rounded(each, 3) for each in scores],
        "measured": len(evidence.times),
        "kept": "all" if len(times) == len(evidence.times) else "highest of each equal stretch",
    }
    return found | ({"tracks": [int(each) for each in tracks]} if len(tracks) else {})


def _read_evidence(found: Mapping[str, Any]) -> Evidence:
    over = found["over_time"]
    return Evidence(
        detector=found["detector"],
        score=found["score"],
        times=np.array(over["times"], np.float64),
        scores=np.array([_or_nan(each) for each in over["scores"]], np.float32),
        where=tuple(
            Interval(each["start"], each["stop"], _or_nan(each["score"])) for each in found["where"]
        ),
        seen=found["seen"],
        trained_on=tuple(found["trained_on"]),
        abstained=found["abstained"],
        notes=tuple(found["notes"]),
        subject=found["subject"],
        tracks=np.array(over.get("tracks", []), np.int32),
        figures=found["figures"],
        weights=found["weights"],
    )


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _limits(limits: tuple[float, float] | None) -> list[float | None] | None:
    return None if limits is None else [rounded(limits[0]), rounded(limits[1])]


def _pair(limits: list[float | None] | None) -> tuple[float, float] | None:
    if limits is None:
        return None
    low, high = limits
    return (-math.inf if low is None else low, math.inf if high is None else high)
