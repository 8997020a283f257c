"""What is kept of a verdict in a benchmark: a line of JSON a file and condition, to be resumed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from detectors.base import Evidence
from detectors.protocols import Trial, frame_indices
from detectors.verdict import Verdict

#: The condition of files as they are.
CLEAN = "clean"


class Seen(BaseModel):
    """What one detector found in a file.

    ``score`` None where it abstained; ``times`` and ``scores`` are of a few moments, evenly spread;
    ``stretches`` are score, start and stop of what stood out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str
    score: float | None
    abstained: str | None
    times: tuple[float, ...]
    scores: tuple[float, ...]
    stretches: tuple[tuple[float, float, float], ...]
    trained_on: tuple[str, ...]
    weights: dict[str, str]


class Row(BaseModel):
    """One file under one condition.

    ``fitting`` is false where the condition is of sound and the file has none, or the like: then
    nothing was scanned. ``size``, ``modified_ns`` and ``fingerprint`` say whether it still holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    condition: str
    size: int
    modified_ns: int
    fingerprint: str
    fitting: bool = True
    answer: str = "unreadable"
    kind: str = ""
    score: float | None = None
    seconds: float = 0.0
    duration: float = 0.0
    error: str | None = None
    detectors: dict[str, Seen] = {}


def row_of(
    trial: Trial, condition: str, state: tuple[int, int], fingerprint: str, verdict: Verdict,
    moments: int,
) -> Row:  # fmt: skip
    """What is kept of a verdict; of the scores over time ``moments``, evenly spread."""
    return Row(
        key=trial.key, condition=condition, size=state[0], modified_ns=state[1],
        fingerprint=fingerprint, answer=verdict.answer, kind=verdict.kind,
        score=_finite(verdict.score), seconds=round(verdict.seconds.get("total", 0.0), 3),
        duration=round(verdict.duration, 3), error=verdict.error,
        detectors={e.detector: _seen(e, moments) for e in verdict.evidence},
    )  # fmt: skip


def state_of(path: Path) -> tuple[int, int]:
    """Size and time of change; (0, 0) for a file that is not there."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return 0, 0
    return state.st_size, state.st_mtime_ns


def read_rows(path: Path) -> Iterator[Row]:
    """Whole lines of an earlier run; what is cut off or of another version is passed over."""
    try:
        file = path.open(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    with file:
        for line in file:
            try:
                yield Row.model_validate(json.loads(line))
            except (ValueError, ValidationError):
                continue


def latest(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    """(condition, key) -> its last row."""
    return {(row.condition, row.key): row for row in rows}


def _seen(evidence: Evidence, moments: int) -> Seen:
    finite = [i for i, score in enumerate(evidence.scores.tolist()) if math.isfinite(score)]
    chosen = [finite[at] for at in frame_indices(len(finite), moments).tolist()]
    return Seen(
        subject=evidence.subject, score=_finite(evidence.score), abstained=evidence.abstained,
        times=tuple(round(float(evidence.times[i]), 4) for i in chosen),
        scores=tuple(round(float(evidence.scores[i]), 5) for i in chosen),
        stretches=tuple((w.score, w.start, w.stop) for w in evidence.where),
        trained_on=evidence.trained_on, weights=dict(evidence.weights),
    )  # fmt: skip


def _finite(score: float | None) -> float | None:
    return score if score is not None and math.isfinite(score) else None
