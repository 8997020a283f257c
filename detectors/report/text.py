"""``render(verdict)``: a short summary in plain words, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from avsynth.provenance.text import plain
from detectors.base import Evidence
from detectors.report import credentials, phrases, words
from detectors.report.overtime import worst_first
from detectors.verdict import Verdict

_WIDTH = 96
_STRONGEST = 4
_STRETCHES = 3


def render(verdict: Verdict) -> str:
    """The verdict as a few lines, each printable, the last without a line break.

    Control characters in names and messages are replaced; console markup is not interpreted here
    and must not be by the printer.
    """
    return "\n".join(line.rstrip() for line in _lines(verdict))


def _lines(verdict: Verdict) -> Iterator[str]:
    yield plain(verdict.path, 1000)
    reason = plain(verdict.error or verdict.reason, 500)
    yield from _wrapped(
        f"{phrases.HEADLINES[verdict.answer].upper()}: {reason or 'no reason given'}"
    )
    score = words.number(verdict.score)
    if score is not None:
        limits = words.interval(verdict.interval)
        yield from _wrapped(
            f"Score {words.signed(score)} (95 % interval {limits}): {words.support(score)}."
        )
    for note in verdict.properties.get("notes", ()):
        yield from _wrapped(f"Note: {plain(note, 400)}")
    yield from _parts(verdict)
    yield from _found(verdict)
    yield from _not_judged(verdict)
    if verdict.answer != "unreadable":
        yield from _wrapped(f"Credentials: {credentials.summary(verdict.credentials)}")
    yield from _wrapped(f"{phrases.CAUTIONS[verdict.answer]} {words.meaning(verdict)}".strip())
    if verdict.sha256:
        yield f"  SHA-256 {plain(verdict.sha256)}"


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, _WIDTH, initial_indent="  ", subsequent_indent="  ")


def _parts(verdict: Verdict) -> Iterator[str]:
    for part in verdict.parts:
        name, answer = phrases.SUBJECTS[part.subject], phrases.ANSWERS[part.answer]
        scores = f"{words.signed(part.score)} ({words.interval(part.interval)})"
        yield f"    {name:<28} {answer:<13} {scores}"


def _found(verdict: Verdict) -> Iterator[str]:
    positive = [each for each in words.strongest(verdict) if (each.score or 0) > 0]
    if positive:
        yield "  Strongest evidence for synthesis"
    for each in positive[:_STRONGEST]:
        yield f"    {plain(each.detector):<28} {words.signed(each.score)}{_where(each)}"


def _where(evidence: Evidence) -> str:
    worst = worst_first(evidence.where)
    if not worst:
        return ""
    told = sorted(worst[:_STRETCHES], key=lambda each: each.start)
    more = len(worst) - len(told)
    stretches = ", ".join(words.stretch(each.start, each.stop) for each in told)
    return f" at {stretches}" + (f" and {more} more" if more else "")


def _not_judged(verdict: Verdict) -> Iterator[str]:
    """Why detectors abstained; those with the same reason together."""
    reasons: dict[str, list[str]] = {}
    for each in words.abstained(verdict):
        reasons.setdefault(plain(each.abstained), []).append(plain(each.detector))
    for reason, names in reasons.items():
        yield from _wrapped(f"Not judged by {', '.join(names)}: {reason}")
