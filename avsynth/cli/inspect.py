"""avsynth probe and avsynth doctor: what a file holds, and what this machine has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def probe(
    file: Annotated[Path, typer.Argument(help="A media file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what a media file holds: streams, sizes, times, colours."""
    from avsynth.media import probe as look

    found = look(file).as_dict()
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _print_tree(found)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check this machine: processor, devices, libraries, weights."""
    from avsynth.pipelines.health import examine

    found = examine()
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _print_tree(found)


def _print_tree(value: dict[str, Any], depth: int = 0) -> None:
    """Indented lines of a nested dictionary; every word from a file is made printable."""
    indent = "  " * depth
    for name, inner in value.items():
        if isinstance(inner, dict) and inner:
            _line(f"{indent}{name}")
            _print_tree(inner, depth + 1)
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            for number, item in enumerate(inner):
                _line(f"{indent}{name} {number}")
                _print_tree(item, depth + 1)
        else:
            shown = "-" if inner in (None, [], {}) else inner
            _line(f"{indent}{name:<20} {shown}")


def _line(text: str) -> None:
    """A line of at most two thousand characters; a title may be of megabytes."""
    text = text if len(text) <= 2000 else f"{text[:1999]}…"
    print("".join(c if c.isprintable() else " " for c in text))
