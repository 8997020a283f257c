"""The table of all shipped weights, from the manifest, where ``cards.md`` has its marker."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).parents[2] / "avsynth" / "weights" / "shipped"
MARKER = "<!-- table of the shipped weights -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marker; other pages stay as they are."""
    return markdown.replace(MARKER, table()) if MARKER in markdown else markdown


def table() -> str:
    """The manifest as Markdown: one row a file, its name a link to its card."""
    entries = json.loads((SHIPPED / "manifest.json").read_text("utf-8"))
    lines = ["| Weights | What | MB | Licence | Use | Needs |", "|---|---|---|---|---|---|"]
    for kind, group in groupby(sorted(entries, key=lambda e: e["kind"]), key=lambda e: e["kind"]):
        lines += [_row(entry, kind) for entry in group]
    total = sum((SHIPPED / entry["file"]).stat().st_size for entry in entries)
    return "\n".join([*lines, "", f"{len(entries)} files, {total / 1e6:.1f} MB together."])


def _row(entry: dict[str, str], kind: str) -> str:
    size = (SHIPPED / entry["file"]).stat().st_size / 1e6
    link = f"[`{entry['name']}`](../avsynth/weights/shipped/{entry['card']})"
    use = "any" if entry["purpose"] == "commercial" else "research"
    cells = (link, kind, f"{size:.1f}", entry["licence"], use, entry["needs"] or "")
    return f"| {' | '.join(cells)} |"
