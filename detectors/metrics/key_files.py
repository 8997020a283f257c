"""Keys as data sets have them -> our ``Key``: ours, ASVspoof 2019, 2021 and 5, Celeb-DF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from avsynth.errors import InputError
from detectors.metrics.polarity import from_celeb_df
from detectors.metrics.sheets import Line, Sheet, layouts, open_sheet
from detectors.metrics.trials import Key, Trial

_FAKE = {"fake", "synthetic", "spoof", "spoofed"}
_REAL = {"real", "bonafide", "bona-fide", "bona_fide", "genuine"}
_LAYOUTS = (
    "a table with columns file and label, and group, person, split, source, original if known",
    "ASVspoof 2019 (5 columns)", "ASVspoof 2021 LA (8), PA (12), DF (13)", "ASVspoof 5 (10)",
    "id attack key score, as AASIST writes", "Celeb-DF's list (label path)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where a layout without names has what; -1: nowhere."""

    protocol: str
    file: int
    label: int
    group: int = -1
    person: int = 0
    split: int = -1
    source: int = -1


#: By number of columns. Sources: protocols of ASVspoof 2019, 2021 (its ``config.py``) and 5.
_ASVSPOOF = {
    4: _Columns("ASVspoof scores with their key", 0, 2, 1, person=-1),
    5: _Columns("ASVspoof 2019", 1, 4, 3),
    8: _Columns("ASVspoof 2021 LA", 1, 5, 4, split=7),
    10: _Columns("ASVspoof 5", 1, 8, 7),
    12: _Columns("ASVspoof 2021 PA", 1, 9, split=11),
    # its tables are by kind of vocoder; the files stem from three collections
    13: _Columns("ASVspoof 2021 DF", 1, 5, 8, split=7, source=3),
}


def read_key(path: Path) -> Key:
    """A key in any of the known layouts, plain or gzip-compressed.

    InputError for an unknown layout, a label that is neither, and a file that comes twice.
    """
    sheet = open_sheet(path)
    first = next(sheet.lines, None)
    if first is None:
        raise InputError("holds no files", path)
    protocol, trial = _reader(sheet, first)
    found: dict[str, Trial] = {}
    line: Line | None = first
    while line is not None:
        each = trial(line)
        if each.file in found:
            raise sheet.wrong(line, f"{each.file!r} stands in the key already")
        found[each.file] = each
        line = next(sheet.lines, None)
    speech = protocol.startswith("ASVspoof")
    return Key(protocol, tuple(found.values()), "bona-fide" if speech else "synthetic")


def _reader(sheet: Sheet, first: Line) -> tuple[str, Callable[[Line], Trial]]:
    """Name of the layout, and what turns a row of it into a trial."""
    width = len(first.fields)
    if sheet.names is not None:
        if sheet.column("file") is not None and sheet.column("label") is not None:
            theirs = "cm_label" in sheet.names
            return "ASVspoof 5" if theirs else "folder", lambda line: _named(sheet, line)
    elif width == 2 and first.fields[0] in ("0", "1"):
        return "Celeb-DF", lambda line: _celeb_df(sheet, line)
    elif width in _ASVSPOOF:
        columns = _ASVSPOOF[width]
        if first.fields[columns.label] in _FAKE | _REAL:
            return columns.protocol, lambda line: _by_place(sheet, line, columns)
    raise InputError("is no key that is known", sheet.path, layouts(_LAYOUTS))


def _named(sheet: Sheet, line: Line) -> Trial:
    def of(what: str) -> str:
        place = sheet.column(what)
        value = "" if place is None else line.fields[place].strip()
        return "" if value == "-" else value

    file = line.fields[sheet.column("file") or 0]
    if not file:
        raise sheet.wrong(line, "no file is named")
    synthetic = _label(sheet, line, of("label"))
    group = of("group") if synthetic else ""
    original = of("original") if synthetic else ""
    return Trial(file, synthetic, group, of("person"), of("split"), of("source"), original)


def _by_place(sheet: Sheet, line: Line, columns: _Columns) -> Trial:
    def of(place: int) -> str:
        return "" if place < 0 or line.fields[place] == "-" else line.fields[place]

    synthetic = _label(sheet, line, of(columns.label))
    group = of(columns.group) if synthetic else ""
    rest = (of(columns.person), of(columns.split), of(columns.source))
    return Trial(line.fields[columns.file], synthetic, group, *rest)


def _celeb_df(sheet: Sheet, line: Line) -> Trial:
    """``label path``, 1 = real; ``id0_id1_0003`` is ``id0_0003`` with the face of id1."""
    if line.fields[0] not in ("0", "1"):
        raise sheet.wrong(line, f"a label is 0 (fake) or 1 (real), not {line.fields[0][:40]!r}")
    path = PurePosixPath(line.fields[1])
    parts = path.stem.split("_")
    person = parts[0] if parts[0].startswith("id") else f"{path.parent.name}/{path.stem}"
    if not from_celeb_df(line.fields[:1])[0]:
        return Trial(str(path), False, person=person)
    original = f"Celeb-real/{parts[0]}_{parts[2]}{path.suffix}" if len(parts) == 3 else ""
    return Trial(str(path), True, path.parent.name, person, original=original)


def _label(sheet: Sheet, line: Line, word: str) -> bool:
    """Whether a label says synthetic. Bare numbers are refused: data sets disagree about them."""
    if word.lower() in _FAKE:
        return True
    if word.lower() in _REAL:
        return False
    raise sheet.wrong(line, f"a label says real or fake (bonafide or spoof), not {word[:40]!r}")
