"""What commands print: lines in which nothing steers the terminal."""

from __future__ import annotations

from collections.abc import Iterable


def printable(lines: Iterable[str]) -> str:
    """The lines as one text; names from files may hold control characters, which become spaces."""
    return "\n".join("".join(c if c.isprintable() else " " for c in line) for line in lines)
