"""File names as they are, with what cannot be seen made visible."""

from __future__ import annotations

import unicodedata


def visible(name: str, limit: int = 1000) -> str:
    """A name in which nothing is hidden: "photo\u27e8U+202E\u27e9gpj.exe".

    Line breaks, control characters, marks that turn the writing direction, invisible characters
    and unusual spaces appear as their number, bytes that are no text as theirs. Longer names are
    cut in the middle.
    """
    shown = "".join(_shown(character) for character in name[: 4 * limit])
    half = limit // 2
    return shown if len(shown) <= limit else f"{shown[:half]} \u2026 {shown[-half:]}"


def _shown(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\u27e8byte {code - 0xDC00:02X}\u27e9"
    category = unicodedata.category(character)
    if (character.isprintable() and category[0] != "Z") or character == " ":
        return character
    return f"\u27e8U+{code:04X}\u27e9"
