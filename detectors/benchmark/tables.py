"""Rows of a benchmark -> figures of every detector and of their fusion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from detectors.benchmark.details import (
    FUSED,
    Frames,
    HeldOut,
    Localised,
    frames,
    held_out,
    localised,
)
from detectors.benchmark.rows import Row
from detectors.benchmark.run import Measured
from detectors.metrics import Evaluation, Key, evaluate
from detectors.metrics.operating import binomial_interval
from detectors.metrics.video import pool
from detectors.protocols import Trial

#: How a detector's file score comes from its scores over time: as it does itself, or as named.
Aggregation = Literal["own", "mean", "max", "mean-probability"]


@dataclass(frozen=True, slots=True)
class Answers:
    """What a scan said, of the files of one class: the verdicts, counted.

    ``rate`` is the share called synthetic, with its exact 95 % interval: false alarms among real
    files, hits among synthetic ones.
    """

    files: int
    synthetic: int
    not_detected: int
    inconclusive: int
    unreadable: int
    interval: tuple[float, float]

    @property
    def rate(self) -> float:
        """Share of the files that could be read."""
        return self.synthetic / max(self.files - self.unreadable, 1)

    @property
    def inconclusive_share(self) -> float:
        """Share of the files that could be read."""
        return self.inconclusive / max(self.files - self.unreadable, 1)


@dataclass(frozen=True)
class Condition:
    """All figures of files as they are, or of one corruption.

    ``evaluations`` are of the fused score and of each detector, ``scores`` what they are of.
    """

    name: str
    files: int
    key: Key
    scores: Mapping[str, Mapping[str, float | None]]
    evaluations: Mapping[str, Evaluation]
    real: Answers
    synthetic: Answers
    held_out: tuple[HeldOut, ...] = ()
    frames: tuple[Frames, ...] = ()
    localised: tuple[Localised, ...] = ()


def tabulate(
    measured: Measured, condition: str, aggregation: Aggregation = "own", draws: int = 1000,
    seed: int = 0, full: bool = True,
) -> Condition:  # fmt: skip
    """Every figure of one condition.

    ``aggregation`` makes a detector's file score from its scores over time: ``own`` is the
    detector's own. The fused score is always the scan's. ``full``: also held-out generators, frames
    and stretches. Files that a condition does not fit are not in its key.
    """
    rows = {row.key: row for row in measured.rows[condition] if row.fitting}
    trials = tuple(t for t in measured.protocol.trials if t.key in rows)
    key = replace(measured.protocol, trials=trials).key()
    names = sorted({name for row in rows.values() for name in row.detectors})
    scores: dict[str, dict[str, float | None]] = {
        FUSED: {name: row.score for name, row in rows.items()}
    }
    for name in names:
        scores[name] = {each: _score(row, name, aggregation) for each, row in rows.items()}
    found = Condition(
        condition, len(trials), key, scores,
        {name: evaluate(of, key, draws, seed) for name, of in scores.items()},
        _answers(rows, trials, False), _answers(rows, trials, True),
    )  # fmt: skip
    if not full:
        return found
    trained = [held_out(name, of, key, rows, draws, seed) for name, of in scores.items()]
    moments = [frames(name, rows, trials, measured.protocol, draws, seed) for name in names]
    return replace(
        found,
        held_out=tuple(each for each in trained if each is not None),
        frames=tuple(each for each in moments if each is not None),
        localised=localised(names, rows, trials) if measured.protocol.localised else (),
    )


def _score(row: Row, name: str, aggregation: Aggregation) -> float | None:
    seen = row.detectors.get(name)
    if seen is None or seen.score is None:
        return None
    if aggregation == "own":
        return seen.score
    return pool(seen.scores, aggregation) if seen.scores else seen.score


def _answers(rows: Mapping[str, Row], trials: Sequence[Trial], synthetic: bool) -> Answers:
    found = Counter(rows[t.key].answer for t in trials if t.synthetic == synthetic)
    readable = found.total() - found["unreadable"]
    interval = binomial_interval(found["synthetic"], readable) if readable else (0.0, 1.0)
    return Answers(
        found.total(), found["synthetic"], found["not-detected"], found["inconclusive"],
        found["unreadable"], interval,
    )  # fmt: skip
