"""The score axis, and verdicts and disturbances drawn along it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from detectors.report import phrases, words
from detectors.verdict import Verdict

#: Of the axis in log-likelihood ratios, either way. What lies beyond is drawn at its end.
_LEAST, _MOST = 5.0, 14.0
_MARGIN = 2.0


@dataclass(frozen=True, slots=True)
class Axis:
    """A symmetric axis. Ticks are (percent of the width, label): scores, and the same as ratios."""

    limit: float
    ticks: tuple[tuple[float, str], ...]
    ratios: tuple[tuple[float, str], ...]

    def at(self, score: float) -> float:
        """Percent of the width; the ends for what lies beyond them."""
        share = (max(-self.limit, min(score, self.limit)) + self.limit) / (2 * self.limit)
        return round(_MARGIN + (100 - 2 * _MARGIN) * share, 2)

    def holds(self, score: float) -> bool:
        """Whether a score lies on the axis."""
        return abs(score) <= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the chart; positions in percent, None where there is nothing to draw.

    ``kind`` is the answer, which gives the mark its shape; ``beyond``: the score is off the axis.
    """

    label: str
    value: str
    kind: str
    at: float | None = None
    low: float | None = None
    high: float | None = None
    threshold: float | None = None
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Rung:
    """One disturbance: from the untouched score to this one, and what that would have meant."""

    name: str
    score: str
    change: str
    meant: str
    start: float
    stop: float


def axis(scores: Iterable[float | None]) -> Axis:
    """An axis that holds the scores, within bounds."""
    finite = [abs(score) for score in scores if score is not None and math.isfinite(score)]
    limit = min(max([_LEAST, *(math.ceil(score + 0.5) for score in finite)]), _MOST)
    blank = Axis(limit, (), ())
    step = 2 if limit <= 7 else 4
    scale = [float(score) for score in range(-int(limit), int(limit) + 1) if score % step == 0]
    tens = math.floor(limit / math.log(10))
    powers = [ten for ten in range(-tens, tens + 1) if tens <= 2 or ten % 2 == 0]
    return Axis(
        limit,
        tuple((blank.at(score), words.signed(score).removesuffix(".0")) for score in scale),
        tuple((blank.at(ten * math.log(10)), _ratio(ten)) for ten in powers),
    )


def _ratio(ten: int) -> str:
    return "even" if ten == 0 else f"{10**ten:,} : 1" if ten > 0 else f"1 : {10**-ten:,}"


def of_verdict(verdict: Verdict) -> tuple[Axis, list[Row]]:
    """The whole file and its parts with their intervals and thresholds."""
    limits = words.thresholds(verdict)
    spans = [part.interval for part in verdict.parts] + [verdict.interval or (0.0, 0.0)]
    along = axis([verdict.score, *limits.values(), *(end for span in spans for end in span)])
    rows = [_row(along, "The whole file", verdict.answer, verdict.score, verdict.interval, None)]
    rows += [
        _row(
            along, phrases.SHORT[part.subject], part.answer, part.score, part.interval,
            limits.get(part.subject),
        )
        for part in verdict.parts
    ]  # fmt: skip
    return along, [row for row in rows if row.at is not None]


def _row(
    along: Axis,
    label: str,
    kind: str,
    score: float | None,
    span: tuple[float, float] | None,
    limit: float | None,
) -> Row:
    known = words.number(score)
    if known is None:
        return Row(label, "no score", kind)
    low, high = span or (known, known)
    return Row(
        label,
        f"{words.signed(known)} ({words.interval(span)})",
        kind,
        along.at(known),
        along.at(low),
        along.at(high),
        None if limit is None else along.at(limit),
        not along.holds(known),
    )


def of_sensitivity(verdict: Verdict) -> tuple[Axis, list[Rung]] | None:
    """Each disturbance beside the first entry, the untouched excerpt; None without figures."""
    known = {name: words.number(score) for name, score in verdict.sensitivity.items()}
    scores = {name: score for name, score in known.items() if score is not None}
    if not scores:
        return None
    along = axis(scores.values())
    first = next(iter(scores.values()))
    limits: dict[str, float] = {
        part.subject: limit
        for part in verdict.parts
        if (limit := words.thresholds(verdict).get(part.subject)) is not None
    }
    rungs = [
        Rung(
            name, words.signed(score), words.signed(score - first) if place else "\u2013",
            meant(score, limits), along.at(first), along.at(score),
        )
        for place, (name, score) in enumerate(scores.items())
    ]  # fmt: skip
    return along, rungs


def meant(score: float, limits: Mapping[str, float]) -> str:
    """What a file's score says of the answer, given the thresholds of its parts; "" without them.

    The file's likelihood ratio is the mean of those of its parts: above the highest threshold some
    part has passed its own; where all parts together cannot reach the lowest, none has.
    """
    if not limits:
        return ""
    if score >= max(limits.values()):
        return "synthetic"
    if score + math.log(len(limits)) < min(limits.values()):
        return "not called synthetic"
    return "close to the threshold"
