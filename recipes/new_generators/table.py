"""How detectors do on films of new generators: AUC by detector, and what the verdict says.

    python recipes/new_generators/table.py runs/new/films.csv [--out FILE.csv]

Reads tables of ``recipes/fusion/scores.py``: a raw logit a detector and file. Families of films are
judged against the real films of the same studio and kind (films, stills); intervals are 95 %,
people drawn anew (of imagined people and real ones alike). The verdict is that of ``avsynth scan``:
calibrated and fused with the shipped numbers, at its default operating point.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.base import Evidence
from detectors.fusion import fuse
from detectors.metrics import auc
from detectors.metrics.bootstrap import by_person
from detectors.metrics.ranking import auc_of
from detectors.registry import DETECTORS

Row = dict[str, str]
ABOUT = ("file", "label", "family", "system", "person", "split", "source", "original")
_DRAWS = 1000
_HEARD = ("audio", "vocoder-discriminator", "voice-anomaly", "credentials")


def main() -> None:
    """Print both tables, and write them as CSV."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, help="the same as CSV")
    options = parser.parse_args()
    rows = [row for path in options.tables for row in read(path)]
    found = list(judged(rows))
    print(markdown(found))
    if options.out:
        with options.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(found[0]))
            writer.writeheader()
            writer.writerows(found)


def read(path: Path) -> list[Row]:
    """Rows of one table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def judged(rows: Sequence[Row]) -> Iterator[Row]:
    """A row for each set of real files, then for each family made beside them."""
    for studio, still in sorted({(studio_of(row), is_still(row)) for row in rows}):
        mine = [r for r in rows if is_still(r) == still and studio_of(r) in (studio, "imagined")]
        reals = [row for row in mine if row["label"] == "real"]
        if not reals:
            continue
        yield about(studio, "real stills" if still else "real films", reals) | answers(reals)
        for family in sorted({row["family"] for row in mine if row["label"] == "fake"}):
            fakes = [row for row in mine if row["family"] == family]
            yield about(studio, family, fakes) | areas(reals, fakes) | answers(fakes)


def studio_of(row: Row) -> str:
    """Where it was recorded: GRID's dev and test people count together."""
    return row["source"]


def is_still(row: Row) -> bool:
    """Whether it is a picture."""
    return not row["file"].endswith(".mp4")


def about(studio: str, family: str, rows: Sequence[Row]) -> Row:
    """What a row is of."""
    people = len({row["person"] for row in rows})
    return {"studio": studio, "what": family, "files": str(len(rows)), "people": str(people)}


def areas(reals: Sequence[Row], fakes: Sequence[Row]) -> Row:
    """AUC and interval by detector, and of the fused face, whatever the calibration counts."""
    found = {name: area(reals, fakes, name) for name in names(reals)}
    fused = [[row | {"fused": f"{score(row)}"} for row in side] for side in (reals, fakes)]
    return found | {"fused": area(*fused, "fused")}


def names(rows: Sequence[Row]) -> list[str]:
    """Detectors of pictures in a table."""
    return [name for name in rows[0] if name not in (*ABOUT, *_HEARD) and name in DETECTORS]


def area(reals: Sequence[Row], fakes: Sequence[Row], name: str) -> str:
    """AUC with its interval, empty where either side has no score."""
    rows = [row for row in (*reals, *fakes) if row.get(name)]
    values = np.array([float(row[name]) for row in rows])
    synthetic = np.array([row["label"] == "fake" for row in rows])
    if not len(rows) or synthetic.all() or not synthetic.any():
        return ""
    people = [row["person"] for row in rows]
    text = f"{auc(values, synthetic):.2f}"
    if len(set(people)) < 2:
        return text
    ends = by_person(values, synthetic, people, {"auc": auc_of}, _DRAWS, 0)["auc"]
    return f"{text} ({ends.low:.2f} to {ends.high:.2f})"


def answers(rows: Sequence[Row]) -> Row:
    """Shares of files that are called synthetic, and of which nothing is certain."""
    counted = Counter(verdict(row)[0] for row in rows)
    return {
        word: f"{counted[word]} of {len(rows)}"
        for word in ("synthetic", "inconclusive", "not-detected")
    }


def score(row: Row) -> float:
    """The fused ratio of a file."""
    return verdict(row)[1]


def verdict(row: Row) -> tuple[str, float]:
    """Answer and ratio that a scan would give for these logits."""
    evidence = [_evidence(name, row[name]) for name in row if name in DETECTORS and row[name]]
    fused = fuse(evidence)
    return fused.answer, fused.score or 0.0


def _evidence(name: str, text: str) -> Evidence:
    none: NDArray[np.float32] = np.zeros(0, np.float32)
    return Evidence(name, float(text), np.zeros(0), none)


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table."""
    columns = list(max(rows, key=len))
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join(row.get(name, '') for name in columns)} |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
