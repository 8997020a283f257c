"""The page of a verdict, and of a batch, as HTML text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

import avsynth
from avsynth.provenance.text import plain
from detectors.base import Evidence
from detectors.report import credentials, scale, timeline, values, words
from detectors.report.html import page_name
from detectors.report.overtime import worst_first
from detectors.report.visible import visible
from detectors.verdict import Answer, Verdict

#: Pictures, table rows and characters: what bounds the page, however long the file is.
FRAMES = 8
SOUNDS = 4
ROWS = 80
_CELL = 300
_VALUE = 160

_RANKS: dict[Answer, int] = {
    "synthetic": 0, "inconclusive": 1, "not-detected": 2, "unreadable": 3,
}  # fmt: skip


def render(verdict: Verdict) -> str:
    """One self-contained page, no script, nothing fetched; a few MB at most."""
    return (
        _environment()
        .get_template("page.html")
        .render(_style(verdict.sha256) | _case(verdict) | _found(verdict))
    )


def render_index(verdicts: Iterable[Verdict], folder: Path) -> str:
    """The list of a batch, worst first."""
    rows = sorted(_index_rows(verdicts, folder), key=lambda row: row["order"])
    counts = {
        words.HEADLINES[answer]: sum(row["answer"] == answer for row in rows) for answer in _RANKS
    }
    return (
        _environment()
        .get_template("index.html")
        .render(_style(None) | {"rows": rows, "counts": counts, "version": avsynth.__version__})
    )


def _case(verdict: Verdict) -> dict[str, Any]:
    """What is said of the file as a whole."""
    axis, rows = scale.of_verdict(verdict)
    judged = {part.subject for part in verdict.parts}
    silent = {each.subject: each for each in words.abstained(verdict)}
    return {
        "words": words,
        "version": avsynth.__version__,
        "verdict": verdict,
        "name": visible(Path(verdict.path).name),
        "path": visible(verdict.path),
        "headline": words.HEADLINES[verdict.answer],
        "reason": _sentence(verdict.error or verdict.reason),
        "caution": words.CAUTIONS[verdict.answer],
        "findings": words.weight_of_findings(verdict),
        "meaning": words.meaning(verdict),
        "facts": list(_facts(verdict)),
        "axis": axis,
        "rows": rows,
        "unjudged": [
            (words.SUBJECTS[subject], plain(silent[subject].abstained, _CELL))
            for subject in ("face", "voice", "sync")
            if subject in silent and subject not in judged
        ],
        "remarks": [plain(each, _CELL) for each in _remarks(verdict)],
        "limits": words.LIMITS,
        "glossary": words.GLOSSARY,
    }


def _found(verdict: Verdict) -> dict[str, Any]:
    """What the detectors found, and everything that is needed to repeat it."""
    return {
        "timeline": timeline.of_verdict(verdict),
        "frames": list(_frames(verdict)),
        "sounds": list(_sounds(verdict)),
        "colours": _colours(),
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
    from detectors.report import pictures

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
    from detectors.report import pictures

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


def _colours() -> list[tuple[float, str]]:
    from detectors.report import pictures

    return pictures.colours()


def _detector(evidence: Evidence, weights: Mapping[str, float]) -> dict[str, Any]:
    weight = weights.get(evidence.detector)
    return {
        "name": plain(evidence.detector),
        "subject": words.SUBJECTS[evidence.subject],
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


def _index_rows(verdicts: Iterable[Verdict], folder: Path) -> Iterator[dict[str, Any]]:
    for verdict in verdicts:
        page = page_name(verdict)
        score = words.number(verdict.score)
        yield {
            "order": (_RANKS[verdict.answer], -(score or 0.0), str(verdict.path)),
            "answer": verdict.answer,
            "headline": words.HEADLINES[verdict.answer],
            "path": visible(verdict.path),
            "reason": _sentence(verdict.error or verdict.reason),
            "score": words.signed(verdict.score),
            "interval": words.interval(verdict.interval),
            "page": page if (folder / page).exists() else None,
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


def _sentence(text: str) -> str:
    said = plain(text, 600)
    if not said:
        return ""
    return f"{said[0].upper()}{said[1:]}{'' if said[-1] in '.!?' else '.'}"


def _style(sha256: str | None) -> dict[str, Any]:
    """The style sheet, and the policy that allows it alone."""
    foot = f"SHA-256 {sha256}" if sha256 and sha256.isalnum() else ""
    css = _environment().get_template("style.css").render(foot=foot)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )
    return {"css": Markup(css), "policy": policy}


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("detectors.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
