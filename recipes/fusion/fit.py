"""Fit the calibration and the fusion that ``avsynth scan`` uses.

    python recipes/fusion/fit.py runs/fusion/films.csv runs/fusion/sounds.csv \
        --out detectors/calibrations/small.json

Only rows of ``--split dev`` count. Weights between the members of a part are fitted leaving one
family out at a time where ``--held-out`` tables of detectors that were trained without it are
given (see ``evaluate.py``), else on all of them.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fitting import Table, fit_member, fit_part
from numpy.typing import NDArray

from avsynth.weights import manifest
from detectors.calibration import Calibration, Member, PartFusion, PartName

Row = dict[str, str]

#: The detectors that speak of each part of a file.
PARTS: dict[PartName, tuple[str, ...]] = {
    "face": ("visual", "motion", "lipsync-discriminator", "face-anomaly"),
    "voice": ("audio", "vocoder-discriminator", "voice-anomaly"),
    "sync": ("sync",),
}
#: Fakes that can only be told by the agreement of picture and sound.
SYNC_FAMILIES = ("othersound",)


def main() -> None:
    """Fit on the tables and write the calibration."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows = [row for row in read(options.tables) if row["split"] == options.split]
    calibration = fit(rows, " ".join(str(path) for path in options.tables))
    text = json.dumps(calibration.model_dump(mode="json"), indent=1)
    options.out.write_text(text + "\n", encoding="utf-8")
    for name, part in calibration.parts.items():
        weights = zip(part.members, part.weights, strict=True)
        print(name, {member: round(weight, 2) for member, weight in weights}, part.thresholds)


def read(tables: Sequence[Path]) -> list[Row]:
    """All rows of several tables; those of the same file become one."""
    rows: dict[str, Row] = {}
    for path in tables:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                rows.setdefault(row["file"], {}).update(row)
    return list(rows.values())


def fit(rows: Sequence[Row], data: str) -> Calibration:
    """Members first, each alone; then how those of a part are weighed together."""
    members: dict[str, Member] = {}
    parts: dict[PartName, PartFusion] = {}
    for part in PARTS:
        table = part_table(rows, part)
        if not 0 < table.synthetic.sum() < len(table):
            continue
        for place, name in enumerate(table.members):
            members[name] = fit_member(table.scores[:, place], table)
        parts[part] = fit_part(table, ratios(table, members))
    return Calibration(
        made_by="recipes/fusion/fit.py",
        data=data,
        weights={entry.name: entry.sha256 for entry in manifest.list_weights()},
        members=members,
        parts=parts,
    )


def part_table(rows: Sequence[Row], part: PartName) -> Table:
    """The files that say something of a part, with the logits of its members."""
    names = tuple(name for name in PARTS[part] if any(row.get(name) for row in rows))
    chosen = [row for row in rows if any(row.get(n) for n in names) and concerns(row, part)]
    scores = [[float(row.get(name) or "nan") for name in names] for row in chosen]
    return Table(
        names,
        np.array(scores, np.float64).reshape(len(chosen), len(names)),
        np.array([row["label"] == "fake" for row in chosen], bool),
        tuple(row["person"] for row in chosen),
        tuple(row["family"] for row in chosen),
    )


def concerns(row: Row, part: PartName) -> bool:
    """Whether a file is an example of this part, real or synthetic.

    The picture of a film with another's sound is real; a film of which the mouth is made says
    nothing certain of the agreement.
    """
    if part == "sync":
        return row["label"] == "real" or row["family"] in SYNC_FAMILIES
    return row["family"] not in SYNC_FAMILIES


def ratios(table: Table, members: dict[str, Member]) -> NDArray[np.float64]:
    """Calibrated ratios (files, members) of a table; 0 where a member abstained."""
    columns = [
        np.where(np.isfinite(column), members[name].ratio(np.nan_to_num(column)), 0.0)
        for name, column in zip(table.members, table.scores.T, strict=True)
    ]
    return np.stack(columns, axis=1)


if __name__ == "__main__":
    main()
