"""Scores over time as lanes: one for each face and detector, for the voice, for their agreement."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.base import Evidence, Interval
from detectors.report import phrases, words
from detectors.report.overtime import highest, of_track, worst_first
from detectors.verdict import Verdict

#: Lanes are drawn for so many faces, those that stand out most; the others are listed.
FACES = 4
LISTED = 60
POINTS = 500
TABLE_ROWS = 60
MARKS = 60
_TICKS = 5
_STEPS = (
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    43200,
)
_GAP = 2.5
_LEAST, _MOST = 4.0, 12.0


@dataclass(frozen=True, slots=True)
class Lane:
    """One detector on one subject. Geometry in a box of 1000 x 100, marks in percent of time.

    ``threshold``: percent of the height, from the top; None where it lies outside or is unknown.
    """

    detector: str
    description: str
    path: str
    dots: str
    marks: tuple[tuple[float, float], ...]
    threshold: float | None
    values: tuple[tuple[str, str], ...]
    measured: int


@dataclass(frozen=True, slots=True)
class Group:
    """The lanes of one face, or of one subject."""

    title: str
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class Other:
    """A face without a lane."""

    title: str
    seen: str
    highest: str
    detector: str
    time: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """All lanes of a file, on one axis of time and one of scores (-limit..limit)."""

    limit: float
    ticks: tuple[tuple[float, str, str], ...]
    groups: tuple[Group, ...]
    others: tuple[Other, ...]
    left_out: int


def of_verdict(verdict: Verdict) -> Timeline | None:
    """None where no detector gave more than one score over time."""
    spoken = [each for each in verdict.evidence if len(each.times) > 1]
    if not spoken:
        return None
    ends = [float(each.times.max()) for each in spoken]
    duration = max(verdict.duration, *ends, 0.1)
    limit = _limit(spoken)
    faces = [each for each in spoken if _by_face(each)]
    ranked = _ranked(faces)
    thresholds = words.thresholds(verdict)

    def lanes(subject: str, track: int | None = None) -> tuple[Lane, ...]:
        whose = [e for e in spoken if e.subject == subject and _by_face(e) == (track is not None)]
        made = (_lane(e, track, duration, limit, thresholds.get(subject)) for e in whose)
        return tuple(lane for lane in made if lane is not None)

    groups = [Group(f"Face {t}", lanes("face", t) + lanes("sync", t)) for t in ranked[:FACES]]
    groups += [Group(phrases.SUBJECTS[name], lanes(name)) for name in phrases.SUBJECTS]
    others = [_other(faces, track) for track in ranked[FACES : FACES + LISTED]]
    left_out = max(len(ranked) - FACES - LISTED, 0)
    drawn = tuple(group for group in groups if group.lanes)
    return Timeline(limit, ticks(0.0, duration), drawn, tuple(others), left_out)


def _by_face(evidence: Evidence) -> bool:
    return len(evidence.tracks) == len(evidence.times)


def _limit(spoken: list[Evidence]) -> float:
    scores = np.concatenate([each.scores[np.isfinite(each.scores)] for each in spoken])
    if not len(scores):
        return _LEAST
    return float(min(max(math.ceil(np.abs(scores).max()), _LEAST), _MOST))


def _ranked(faces: list[Evidence]) -> list[int]:
    """Tracks, the one with the highest score of any detector first."""
    best: dict[int, float] = {}
    for each in faces:
        for track in np.unique(each.tracks):
            score = float(np.nan_to_num(each.scores[each.tracks == track], nan=-np.inf).max())
            best[int(track)] = max(best.get(int(track), -math.inf), score)
    return sorted(best, key=lambda track: (-best[track], track))


def _lane(
    evidence: Evidence, track: int | None, duration: float, limit: float, threshold: float | None
) -> Lane | None:
    own = of_track(evidence, track)
    own = own[np.isfinite(evidence.scores[own])]
    if not len(own):
        return None
    times, scores = evidence.times[own], evidence.scores[own]
    kept = highest(times, scores, POINTS)
    told = highest(times, scores, TABLE_ROWS)
    marked = [e for e in evidence.where if track is None or _whose(e, evidence) == track]
    level = None if threshold is None or threshold > limit else _y(threshold, limit)
    return Lane(
        evidence.detector,
        _description(times, scores, len(marked)),
        *_paths(times[kept], scores[kept], duration, limit),
        tuple(_mark(each, duration) for each in worst_first(marked)[:MARKS]),
        level,
        tuple((words.clock(times[i]), words.signed(float(scores[i]))) for i in told),
        len(times),
    )


def _whose(stretch: Interval, evidence: Evidence) -> int | None:
    """The face with the highest score in a stretch: evidence does not say whose a stretch is."""
    inside = (evidence.times >= stretch.start - 0.5) & (evidence.times <= stretch.stop + 0.5)
    if not inside.any():
        return None
    scores = np.nan_to_num(evidence.scores, nan=-np.inf)
    return int(evidence.tracks[np.where(inside, scores, -np.inf).argmax()])


def _description(times: NDArray[np.float64], scores: NDArray[np.float32], marks: int) -> str:
    top = int(scores.argmax())
    said = (
        f"scores from {words.signed(float(scores.min()))} to {words.signed(float(scores.max()))}, "
        f"highest at {words.clock(float(times[top]))}"
    )
    return said + (f"; {marks} marked stretch{'es' if marks > 1 else ''}" if marks else "")


def _paths(
    times: NDArray[np.float64], scores: NDArray[np.float32], duration: float, limit: float
) -> tuple[str, str]:
    """SVG paths: a line, broken where nothing was seen, and dots for scores that stand alone."""
    steps = np.diff(times)
    gap = _GAP * float(np.median(steps)) if len(steps) else 0.0
    points = [
        f"{1000 * time / duration:.1f} {_y(float(score), limit):.1f}"
        for time, score in zip(times, scores, strict=True)
    ]
    runs = np.split(np.arange(len(times)), np.flatnonzero(steps > gap) + 1)
    lines = ["M" + "L".join(points[place] for place in run) for run in runs if len(run) > 1]
    dots = [f"M{points[run[0]]}h0.01" for run in runs if len(run) == 1]
    return "".join(lines), "".join(dots)


def _y(score: float, limit: float) -> float:
    return round(50 - 46 * max(-1.0, min(score / limit, 1.0)), 1)


def _mark(stretch: Interval, duration: float) -> tuple[float, float]:
    """Where it begins, and how wide it is: percent, wide enough to be seen."""
    start = 100 * max(stretch.start, 0.0) / duration
    width = max(100 * (stretch.stop - stretch.start) / duration, 0.4)
    return round(min(start, 99.6), 2), round(min(width, 100 - start), 2)


def ticks(start: float, stop: float) -> tuple[tuple[float, str, str], ...]:
    """Round times between two: (percent, label, text-anchor)."""
    length = max(stop - start, 0.1)
    step = next((step for step in _STEPS if length / step <= _TICKS), length / _TICKS)
    found = []
    for number in range(math.ceil(start / step - 1e-6), math.floor(stop / step + 1e-6) + 1):
        share = 100 * (number * step - start) / length
        anchor = "start" if share < 4 else "end" if share > 94 else "middle"
        found.append((round(share, 2), _tick(number * step, step), anchor))
    return tuple(found)


def marks(where: Iterable[Interval], start: float, stop: float) -> tuple[tuple[float, float], ...]:
    """Where stretches between two times begin, and how wide they are, in percent."""
    length = max(stop - start, 0.1)
    inside = (
        Interval(max(each.start, start) - start, min(each.stop, stop) - start, each.score)
        for each in where
        if each.start < stop and each.stop > start
    )
    return tuple(_mark(each, length) for each in inside)


def _tick(seconds: float, step: float) -> str:
    return words.clock(seconds) if step < 1 else words.clock(seconds).split(".")[0]


def _other(faces: list[Evidence], track: int) -> Other:
    def rows() -> Iterator[tuple[float, float, str, float, float]]:
        for each in faces:
            own = of_track(each, track)
            if len(own):
                top = own[int(np.nan_to_num(each.scores[own], nan=-np.inf).argmax())]
                times = each.times[own]
                yield (float(each.scores[top]), float(each.times[top]), each.detector,
                       float(times.min()), float(times.max()))  # fmt: skip

    found = list(rows())
    score, time, detector, _, _ = max(found)
    seen = words.stretch(min(row[3] for row in found), max(row[4] for row in found))
    return Other(f"Face {track}", seen, words.signed(score), detector, words.clock(time))
