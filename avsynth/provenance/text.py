"""Text from files that nobody vouches for, made fit to be shown."""

from __future__ import annotations

from typing import Any


def plain(value: Any, limit: int = 200) -> str:
    """One printable line of at most ``limit`` characters.

    Control characters, line breaks, terminal escapes and marks that turn the writing direction
    become spaces. Console markup is left to the printer, which must not interpret it.
    """
    text = "".join(c if c.isprintable() else " " for c in str(value)[: 4 * limit])
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def as_text(name: str) -> str:
    """A file name fit for JSON: bytes in it that are no text become question marks."""
    return name.encode("utf-8", "replace").decode()
