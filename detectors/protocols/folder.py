"""Any collection with a list of its files, written in a minute.

``file,label,group,person,split[,source,original]``: ``file`` relative to the list; ``label`` real
or fake; ``group`` the generator; ``person``; ``split`` (``test`` where empty); ``source`` what a
file shares with others; ``original`` the ``file`` of the real one that it was made from. Other
columns are passed over.
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

from avsynth.errors import InputError
from detectors.protocols.paths import read_text, relative, the_file
from detectors.protocols.trials import Protocol, Trial, checked

MANIFEST = "manifest.csv"
COLUMNS = ("file", "label", "group", "person", "split")
_LABELS = {"real": False, "bonafide": False, "fake": True, "spoof": True, "synthetic": True}
_LAYOUT = f"{MANIFEST} with the columns {','.join(COLUMNS)}[,source,original]"


def folder(root: Path) -> Protocol:
    """The files of ``root/manifest.csv``; ``root`` may also be the list itself.

    Keys are folder, group and file.
    """
    listing = root if root.is_file() else the_file(root, (MANIFEST,), _LAYOUT)
    root = listing.parent
    name = root.resolve().name if listing.name == MANIFEST else listing.stem
    try:
        reader = csv.DictReader(io.StringIO(read_text(listing), newline=""), strict=True)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"has no column {', '.join(missing)}", listing, _LAYOUT)
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise InputError(f"not a CSV file: {error}", listing) from error
    trials = [_trial(row, name, listing, number) for number, row in rows]
    keys = {trial.path: trial.key for trial in trials}
    linked = tuple(_linked(trial, keys, listing) for trial in trials)
    return checked(Protocol("folder", root, linked, False))


def _trial(row: dict[str, str | None], name: str, listing: Path, number: int) -> Trial:
    of = {column: (row.get(column) or "").strip() for column in (*COLUMNS, "source", "original")}
    synthetic = _LABELS.get(of["label"].lower())
    if synthetic is None:
        raise InputError(f"line {number}: {of['label']!r} is neither real nor fake", listing)
    path = relative(of["file"])
    group = of["group"] if synthetic else ""
    return Trial(
        f"{name}/{group or of['label'].lower()}/{path}", path, synthetic, group, of["person"],
        of["split"] or "test", of["source"], of["original"],
    )  # fmt: skip


def _linked(trial: Trial, keys: dict[str, str], listing: Path) -> Trial:
    """With the original's key for its file."""
    if not trial.original:
        return trial
    original = relative(trial.original)
    if original not in keys:
        raise InputError(
            f"{trial.path!r} has an original that is not listed: {original!r}", listing
        )
    return replace(trial, original=keys[original])
