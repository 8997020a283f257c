"""The page of one verdict, as HTML text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from avsynth.provenance.text import plain
from detectors.base import Evidence
from detectors.report import credentials, phrases, pictures, scale, timeline, values, words
from detectors.report.overtime import worst_first
from detectors.report.template import fill
from detectors.report.visible import visible
from detectors.verdict import Verdict

#: Pictures, table rows and characters: what bounds the page, however long the file is.
FRAMES = 8
SOUNDS = 4
ROWS = 80
_CELL = 300
_VALUE = 160


def render(verdict: Verdict) -> str:
    """One self-contained page, no script, nothing fetched; a few MB at most."""
    return fill("page.html", _case(verdict) | _found(verdict), verdict.sha256)


def _case(verdict: Verdict) -> dict[str, Any]:
    """What is said of the file as a whole."""
    axis, rows = scale.of_verdict(verdict)
    judged = {part.subject for part in verdict.parts}
    silent = {each.subject: each for each in words.abstained(verdict)}
    return {
        "words": words,
        "phrases": phrases,
        "verdict": verdict,
        "name": visible(Path(verdict.path).name),
        "path": visible(verdict.path),
        "headline": phrases.HEADLINES[verdict.answer],
        "reason": words.sentence(verdict.error or verdict.reason),
        "caution": phrases.CAUTIONS[verdict.answer],
        "findings": words.weight_of_findings(verdict),
        "meaning": words.meaning(verdict),
        "facts": list(_facts(verdict)),
        "axis": axis,
        "rows": rows,
        "unjudged": [
            (phrases.SUBJECTS[subject], plain(silent[subject].abstained, _CELL))
            for subject in ("face", "voice", "sync")
            if subject in silent and subject not in judged
        ],
        "remarks": [plain(each, _CELL) for each in _remarks(verdict)],
        "limits": phrases.LIMITS,
        "glossary": phrases.GLOSSARY,
    }


def _found(verdict: Verdict) -> dict[str, Any]:
    """What the detectors found, and everything that is needed to repeat it."""
    return {
        "timeline": timeline.of_verdict(verdict),
        "frames": list(_frames(verdict)),
        "sounds": list(_sounds(verdict)),
        "colours": pictures.colours(),
        "credentials": credentials.shown(verdict.credentials),
        "sensitivity": scale.of_sensitivity(verdict),
        "detectors": [_detector(each, words.fusion_weights(verdict)) for each in verdict.evidence],
        "hashes": words.hashes(verdict),
        "properties": list(flat(verdict.properties)),
        "settings": list(flat(verdict.settings)),
        "versions": list(flat(verdict.versions)),
        "seconds": list(flat(verdict.seconds)),
    }


def _remarks(verdict: Verdict) -> list[Any]:
    notes = verdict.properties.get("notes")
    return list(notes[:ROWS]) if isinstance(notes, list | tuple) else []


def _facts(verdict: Verdict) -> Iterator[tuple[str, str]]:
    if verdict.kind:
        yield "Kind", verdict.kind
    if verdict.duration:
        yield "Length", words.clock(verdict.duration)
    if verdict.size:
        yield "Size", f"{verdict.size:,} bytes"
    if examined := verdict.settings.get("examined"):
        yield "Examined", plain(examined, 40)
    yield "SHA-256", plain(verdict.sha256 or "the file could not be read")


def _frames(verdict: Verdict) -> Iterator[dict[str, Any]]:
    whose = {id(frame): each.detector for each in verdict.evidence for frame in each.frames}
    for frame in worst_first(f for each in verdict.evidence for f in each.frames)[:FRAMES]:
        yield {
            "detector": plain(whose[id(frame)]),
            "track": frame.track,
            "at": "" if verdict.kind == "picture" else f" at {words.clock(frame.time)}",
            "score": words.signed(frame.score),
            "shown": pictures.face(frame),
        }


def _sounds(verdict: Verdict) -> Iterator[dict[str, Any]]:
    whose = {id(sound): each for each in verdict.evidence for sound in each.sounds}
    for sound in worst_first(s for each in verdict.evidence for s in each.sounds)[:SOUNDS]:
        evidence = whose[id(sound)]
        yield {
            "detector": plain(evidence.detector),
            "stretch": words.stretch(sound.start, sound.stop),
            "score": words.signed(sound.score),
            "shown": pictures.sound(sound),
            "ticks": timeline.ticks(sound.start, sound.stop),
            "marks": timeline.marks(evidence.where, sound.start, sound.stop),
        }


def _detector(evidence: Evidence, weights: Mapping[str, float]) -> dict[str, Any]:
    weight = weights.get(evidence.detector)
    return {
        "name": plain(evidence.detector),
        "subject": phrases.SUBJECTS[evidence.subject],
        "score": words.signed(evidence.score),
        "abstained": None if evidence.abstained is None else plain(evidence.abstained, _CELL),
        "weight": "\u2013" if weight is None else f"{weight:.2f}",
        "seen": words.seen(evidence),
        "trained_on": [plain(each, _CELL) for each in evidence.trained_on[:ROWS]],
        "notes": [plain(each, _CELL) for each in evidence.notes[:ROWS]],
        "figures": list(flat(evidence.figures)),
        "where": [
            (words.stretch(each.start, each.stop), words.signed(each.score))
            for each in worst_first(evidence.where)[:12]
        ],
        "marked": len(evidence.where),
    }


def flat(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Nested values as (path to it, printable value), at most ``ROWS`` of them."""
    pairs = _walk("", values.plain(found))
    for count, (name, value) in enumerate(pairs):
        if count >= ROWS:
            yield "\u2026", "more are in the JSON line"
            return
        yield plain(name, 80), plain(value, _VALUE)


def _walk(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _walk(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list) and value and all(not isinstance(e, dict | list) for e in value):
        yield name, ", ".join(str(each) for each in value)
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from _walk(f"{name}.{place}", inner)
    elif value not in (None, "", {}, []):
        yield name, value
