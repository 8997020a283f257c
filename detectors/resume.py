"""JSON Lines of an earlier scan: what of it still holds, so that it need not be done again."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from avsynth.cluster.storage import is_url
from avsynth.errors import InputError, ResourceError
from avsynth.media import atomic_output
from detectors.report.values import text
from detectors.walk import Item, State, state_of

Line = dict[str, Any]
_AS_IT_IS = getattr(os, "O_BINARY", 0)  # Windows would add a character to every end of line


class Lines:
    """A file of JSON Lines that is written a line at a time; use it in a ``with`` block.

    Whenever it is cut off, all lines but the last are whole; the last is dropped when the file is
    read again.
    """

    def __init__(self, path: Path) -> None:
        """Append to ``path``. ResourceError where that cannot be."""
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _AS_IT_IS
            self._file = os.open(path, flags, 0o666)
        except OSError as error:
            raise ResourceError(f"cannot be written: {error.strerror}", path) from error
        self._path = path

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._file)

    def write(self, line: Mapping[str, Any]) -> None:
        """Add a line, in one call of the system."""
        data = (json.dumps(line, allow_nan=False) + "\n").encode()
        while data:
            data = data[os.write(self._file, data) :]


def read_lines(path: Path) -> Iterator[Line]:
    """The whole lines of a file of JSON Lines, one at a time.

    Raises:
        InputError: it cannot be read, or is something else.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.endswith("\n"):
                    return  # cut off while it was written
                try:
                    found = json.loads(raw, parse_constant=_refused)
                except (ValueError, RecursionError):
                    found = None
                if not _is_line(found):
                    raise InputError(f"line {number} is not of a scan", path)
                yield found
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", path) from error


def _is_line(found: Any) -> bool:
    """Whether it has what tells a file and its state, as far as that is told."""
    if not isinstance(found, dict):
        return False
    kinds = {"path": str, "verdict": str, "size": int, "properties": dict, "settings": dict}
    named = "path" in found and "verdict" in found
    return named and all(isinstance(found.get(k, kind()), kind) for k, kind in kinds.items())


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


class Earlier:
    """What earlier scans into the same file have found, and need not find again.

    A file is known by path, size and time of change (and entity tag, in a store), and by what
    steered the scan. ``answers`` counts the verdicts that are taken over.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        """Read ``path``, if it is there, and drop from it what has to be done again."""
        self._known: dict[str, tuple[State, str]] = {}
        self.answers: Counter[str] = Counter()
        if not path.exists():
            return
        with atomic_output(path) as temporary, temporary.open("w", encoding="utf-8") as kept:
            for line in read_lines(path):
                if self._holds(line, fingerprint):
                    kept.write(json.dumps(line, allow_nan=False) + "\n")

    def has(self, item: Item) -> bool:
        """Whether a file has been scanned as it is now; counts its verdict if so."""
        state, answer = self._known.get(text(item.path), (None, ""))
        if state is None or state != (item.state or state_of(item.path)):
            return False
        self.answers[answer] += 1
        return True

    def _holds(self, line: Line, fingerprint: str) -> bool:
        """Whether a line may stay; what it says of is known from now on."""
        told = state_told(line, fingerprint)
        if told is None or line["path"] in self._known:
            return False
        now = None if is_url(line["path"]) else state_of(line["path"])
        if now is not None and now != told:
            return False
        self._known[line["path"]] = told, line["verdict"]
        return True


def state_told(line: Line, fingerprint: str) -> State | None:
    """Of the file that a line judges, under the same settings; None where it is to be redone."""
    found = line.get("properties", {})
    modified, etag = found.get("modified_ns"), found.get("etag")
    same = line.get("settings", {}).get("fingerprint") == fingerprint
    if line["verdict"] == "unreadable" or not same or not (isinstance(modified, int) or etag):
        return None
    return line.get("size", 0), modified, etag
