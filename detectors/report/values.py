"""Values of any kind as JSON's own, bounded in number, length and depth."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

#: Strings are cut at this length, and mappings and lists; so many values are kept in all.
LONGEST = 500
MOST = 200
VALUES = 2000
_DEEPEST = 12


def text(value: object) -> str:
    """A string that any JSON reader takes: bytes of a file name that are no text as ``\\xNN``."""
    try:
        return os.fsencode(str(value)).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half of a pair of surrogates, which is not of a file name
        return str(value).encode("utf-8", "backslashreplace").decode()


def rounded(value: Any, digits: int = 4) -> float | None:
    """A finite number, rounded; None for none and for what is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits)


def plain(value: Any) -> Any:
    """The same in JSON's types: finite numbers, text. What is cut says so with an ellipsis."""
    return _Plain().of(value, 0)


class _Plain:
    """Counts the values of one tree, so that breadth times depth cannot explode."""

    def __init__(self) -> None:
        self._left = VALUES

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float | np.floating):
            return rounded(value, 6)
        if isinstance(value, np.integer | np.bool_):
            return value.item()
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset | np.ndarray):
            return self._list(list(value), depth)
        said = text(value)
        return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}\u2026"

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for count, (name, inner) in enumerate(value.items()):
            if self._full(count, depth):
                return found | {"\u2026": f"{len(value) - count} more"}
            found[text(name)[:LONGEST]] = self.of(inner, depth + 1)
        return found

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        found: list[Any] = []
        for count, inner in enumerate(value):
            if self._full(count, depth):
                return [*found, f"\u2026 {len(value) - count} more"]
            found.append(self.of(inner, depth + 1))
        return found

    def _full(self, count: int, depth: int) -> bool:
        return count >= MOST or self._left <= 0 or depth >= _DEEPEST
