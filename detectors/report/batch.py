"""The page that lists all files of a batch, as HTML text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from detectors.report import phrases, words
from detectors.report.html import page_name
from detectors.report.template import fill
from detectors.report.visible import visible
from detectors.verdict import Answer, Verdict

_RANKS: dict[Answer, int] = {
    "synthetic": 0, "inconclusive": 1, "not-detected": 2, "unreadable": 3,
}  # fmt: skip


def render(verdicts: Iterable[Verdict], folder: Path) -> str:
    """The list, synthetic files first, those without a verdict last."""
    rows = sorted(_rows(verdicts, folder), key=lambda row: row["order"])
    counts = {
        phrases.HEADLINES[answer]: sum(row["answer"] == answer for row in rows) for answer in _RANKS
    }
    return fill("index.html", {"rows": rows, "counts": counts})


def _rows(verdicts: Iterable[Verdict], folder: Path) -> Iterator[dict[str, Any]]:
    for verdict in verdicts:
        page = page_name(verdict)
        score = words.number(verdict.score)
        yield {
            "order": (_RANKS[verdict.answer], -(score or 0.0), str(verdict.path)),
            "answer": verdict.answer,
            "headline": phrases.HEADLINES[verdict.answer],
            "path": visible(verdict.path),
            "reason": words.sentence(verdict.error or verdict.reason),
            "score": words.signed(verdict.score),
            "interval": words.interval(verdict.interval),
            "page": page if (folder / page).exists() else None,
        }
