"""Calibrate new detectors into the shipped numbers, and leave all others as they are.

    python recipes/new_generators/calibrate.py runs/detect/reenact-discriminator.csv \
        --judges reenact-judge-small --into detectors/calibrations/small.json

Tables are those of ``recipes/discriminator_detector/compare.py --scores``: one detector each, named
by the file. Only ``dev`` people count, less those whose names begin as ``--without-people`` says.
How parts are weighed is not touched: what a new detector says is shown with its ratio, and not
counted, until ``recipes/fusion`` has been fitted with it. A detector whose weights have changed is
calibrated anew in the same way.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from avsynth.weights import manifest
from detectors.calibration import Calibration, Member

sys.path.append(str(Path(__file__).parents[1] / "fusion"))
from fit import part_table, read
from fitting import fit_member


def main() -> None:
    """Fit every table and write the calibration."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--judges", nargs="+", required=True, help="names of their weights")
    parser.add_argument("--without-people", nargs="*", default=[], help="beginnings of their names")
    parser.add_argument("--into", type=Path, required=True)
    options = parser.parse_args()
    known = Calibration.model_validate_json(options.into.read_text("utf-8"))
    without = tuple(options.without_people)
    members = {path.stem: member_of(path, without) for path in options.tables}
    told = added(known, members, options.judges)
    text = json.dumps(told.model_dump(mode="json"), indent=1)
    options.into.write_text(text + "\n", encoding="utf-8")
    for name, member in members.items():
        print(name, member)


def member_of(path: Path, without: tuple[str, ...] = ()) -> Member:
    """The calibration of the detector that a table is named after."""
    dev = (row for row in read([path]) if row["split"] == "dev")
    rows = [row for row in dev if not row["person"].startswith(without)]
    table = part_table(rows, "face")
    return fit_member(table.scores[:, table.members.index(path.stem)], table)


def added(known: Calibration, members: dict[str, Member], judges: Sequence[str]) -> Calibration:
    """A calibration with ``members`` in it, fitted with the shipped weights ``judges``."""
    hashes = {name: manifest.find(name).sha256 for name in judges}
    return known.model_copy(
        update={"members": known.members | members, "weights": known.weights | hashes}
    )


if __name__ == "__main__":
    main()
