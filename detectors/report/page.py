"""The page of a verdict, and of a batch, as HTML text."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import jinja2

from detectors.report import words
from detectors.verdict import Verdict

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{{ title }}</title>
<main><h1>{{ title }}</h1><pre>{{ text }}</pre></main></html>"""


def render(verdict: Verdict) -> str:
    """One self-contained page."""
    from detectors.report import text

    template = jinja2.Environment(autoescape=True).from_string(_PAGE)
    return template.render(title=words.HEADLINES[verdict.answer], text=text.render(verdict))


def render_index(verdicts: Iterable[Verdict], folder: Path) -> str:
    """The list of a batch."""
    from detectors.report import text

    template = jinja2.Environment(autoescape=True).from_string(_PAGE)
    return template.render(title="Batch", text="\n\n".join(map(text.render, verdicts)))
