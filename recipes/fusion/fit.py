"""Fit the calibration and the fusion that ``avsynth scan`` uses.

    python recipes/fusion/fit.py runs/detect/visual.csv runs/detect/motion.csv \
        runs/detect/lipsync-discriminator.csv runs/detect/face-anomaly.csv runs/detect/sync.csv \
        runs/fusion/sounds.csv --without-people lrwar --out detectors/calibrations/small.json

Only rows of ``--split dev`` count: people and speakers on whom no detector was trained. The
families of fakes are those that the detectors were trained on; what holds of a generator that they
have not met is told by ``evaluate.py --held-out``.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from fitting import Table, fit_member, fit_part
from numpy.typing import NDArray

from avsynth.weights import manifest
from detectors.calibration import MOST, Calibration, Member, PartFusion, PartName

Row = dict[str, str]

#: The detectors that speak of each part of a file.
PARTS: dict[PartName, tuple[str, ...]] = {
    "face": ("visual", "motion", "lipsync-discriminator", "reenact-discriminator", "face-anomaly"),
    "voice": ("audio", "vocoder-discriminator", "voice-anomaly"),
    "sync": ("sync",),
}
#: Told to the reader but not weighed: on real faces from other cameras than GRID's, these wander
#: further than fakes differ from their originals (README), or it is not known whether they do.
SHOWN_ONLY = ("motion", "lipsync-discriminator", "reenact-discriminator", "face-anomaly")
#: Films are dubbed by people, too: what does not agree is at most 20 to 1 for synthesis.
MOST_OF = {"sync": 3.0}
#: Fakes that can only be told by the agreement of picture and sound.
SYNC_FAMILIES = ("othersound", "other", "stretched")


def main() -> None:
    """Fit on the tables and write the calibration."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--without-people", nargs="*", default=[], help="beginnings of their names")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows = [
        row
        for row in read(options.tables)
        if row["split"] == options.split
        and not row["person"].startswith(tuple(options.without_people))
    ]
    calibration = fit(rows, " ".join(str(path) for path in options.tables))
    text = json.dumps(calibration.model_dump(mode="json"), indent=1)
    options.out.write_text(text + "\n", encoding="utf-8")
    for name, part in calibration.parts.items():
        weights = zip(part.members, part.weights, strict=True)
        print(name, {member: round(weight, 2) for member, weight in weights}, part.thresholds)


def read(tables: Sequence[Path]) -> list[Row]:
    """All rows of several tables; those of the same file become one.

    A table of one detector (``NAME.csv`` with a column ``score``) speaks of films of eight frames,
    or of takes of them, which are a video together: films are averaged to takes.
    """
    rows: dict[str, Row] = {}
    films: dict[tuple[str, str], list[float]] = {}
    for path in tables:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                score = row.pop("score", None)
                name = take_of(row) if score is not None else row["file"]
                about = rows.setdefault(name, {"source": "film", "original": ""})
                about.update(row | {"file": name})
                if score:
                    films.setdefault((name, path.stem.partition("-without-")[0]), []).append(
                        float(score)
                    )
    for (name, detector), scores in films.items():
        rows[name][detector] = f"{np.mean(scores):.5f}"
    return list(rows.values())


def take_of(row: Row) -> str:
    """The take that a film belongs to, and what was made of it; other names are as they are."""
    found = re.fullmatch(r"(.+@\d+)-\d{4}(?:-.+)?", row["file"])
    return f"{found[1]}/{row['family']}" if found else row["file"]


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
        weighed = np.array([name not in SHOWN_ONLY for name in table.members])
        told = ratios(table, members) * weighed
        parts[part] = fit_part(table, told, MOST_OF.get(part, MOST))
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
