"""Rows of text files as people have them: comma-, semicolon- or tab-separated, or columns in space.

Plain or gzip-compressed, with a line of names or without. Nothing in them is trusted.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from avsynth.errors import InputError

_LONGEST = 1 << 16  # characters in a line
_MOST = 20_000_000  # lines in a file

#: Names that a column may go by, ours first.
ALIASES: dict[str, tuple[str, ...]] = {
    "file": ("file", "path", "filename", "name", "trial_anon", "trial", "utterance_id",
             "utterance", "video", "id"),
    "score": ("score", "cm_score", "llr", "probability", "prediction", "pred"),
    "label": ("label", "cm_label", "key", "class"),
    "group": ("group", "family", "attack", "attack_anon", "method", "system"),
    "person": ("person", "speaker", "spk", "tar_spk_anon", "speaker_id", "subject"),
    "split": ("split", "subset"),
    "source": ("source",),
    "original": ("original", "original_file"),
}  # fmt: skip
_NAMES = {alias for aliases in ALIASES.values() for alias in aliases}


@dataclass(frozen=True, slots=True)
class Line:
    """One row and where it stands, from 1."""

    number: int
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """A file's rows; ``names`` of its columns, lower-case with underscores, or None."""

    path: Path
    names: tuple[str, ...] | None
    lines: Iterator[Line]

    def column(self, what: str) -> int | None:
        """Place of the column that holds ``what`` (a key of ``ALIASES``)."""
        names = self.names or ()
        return next((names.index(alias) for alias in ALIASES[what] if alias in names), None)

    def wrong(self, line: Line, what: str) -> InputError:
        """The error to raise about a row."""
        return InputError(f"line {line.number}: {what}", self.path)


def open_sheet(path: Path, lines: Iterator[tuple[int, str]] | None = None) -> Sheet:
    """The rows of a file, or of its numbered ``lines`` where they have been opened already.

    InputError when it is no text, has no rows, or, while they are read, rows of unequal length.
    """
    lines = text_lines(path) if lines is None else lines
    first = next(((number, line) for number, line in lines if line.strip()), None)
    if first is None:
        raise InputError("holds no lines", path)
    start, line = first
    separator = next((each for each in ",;\t" if each in line), None)
    # a name in quotes may go over several lines, so the csv module counts them
    rest = itertools.chain([line], (line for _, line in lines))
    rows = (
        _columns(path, rest, start) if separator is None else _cells(path, rest, start, separator)
    )
    head = next(rows)
    names = tuple(each.strip().lower().replace("-", "_").replace(" ", "_") for each in head.fields)
    titled = bool(_NAMES & set(names)) and not any(map(_is_number, names))
    body = rows if titled else itertools.chain([head], rows)
    return Sheet(path, names if titled else None, _even(path, body, len(head.fields)))


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines of a text file, unpacked if it is compressed by gzip. InputError if none."""
    try:
        with path.open("rb") as raw, _decoded(raw) as file:
            for number in itertools.count(1):
                line = file.readline(_LONGEST + 1)
                if not line:
                    return
                if "\0" in line:
                    raise InputError("is not a text file", path)
                if len(line) > _LONGEST or number > _MOST:
                    raise InputError(f"line {number}: too long, or too many lines", path)
                yield number, line
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error) or "damaged"
        raise InputError(f"cannot be read: {reason}", path) from error


def _decoded(raw: io.BufferedReader) -> IO[str]:
    """Text of a file that is opened once, as it may be a pipe."""
    packed = raw.peek(2)[:2] == b"\x1f\x8b"
    plain = gzip.GzipFile(fileobj=raw) if packed else raw
    return io.TextIOWrapper(plain, "utf-8-sig", "surrogateescape", newline="")


def _cells(path: Path, lines: Iterator[str], start: int, separator: str) -> Iterator[Line]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for row in reader:
            if row:
                yield Line(start + reader.line_num - 1, tuple(row))
    except csv.Error as error:
        raise InputError(f"line {start + reader.line_num - 1}: {error}", path) from error


def _columns(path: Path, lines: Iterator[str], start: int) -> Iterator[Line]:
    for number, line in enumerate(lines, start):
        if fields := line.split():
            yield Line(number, tuple(fields))


def _even(path: Path, rows: Iterator[Line], width: int) -> Iterator[Line]:
    for row in rows:
        if len(row.fields) != width:
            what = f"line {row.number}: {len(row.fields)} columns where there were {width}"
            raise InputError(what, path)
        yield row


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def layouts(known: Sequence[str]) -> str:
    """The hint that lists what is understood."""
    return "known: " + "; ".join(known)
