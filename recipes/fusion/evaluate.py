"""How well each detector and the fusion do, on people and speakers nobody was trained on.

    python recipes/fusion/evaluate.py runs/fusion/films.csv runs/fusion/sounds.csv
    python recipes/fusion/evaluate.py --held-out runs/detect --part voice

The first form judges the shipped calibration on the ``test`` rows of tables of ``scores.py``. The
second takes, for every family, the scores of detectors that were trained without it
(``NAME-without-FAMILY.csv`` beside ``NAME.csv`` of detectors that see no fakes in training), fits
calibration and fusion on the dev people and the *other* families, and judges on the test people
and that family: neither network nor fusion has met the generator. Intervals are 95 %, people drawn
anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fit import PARTS, Row, part_table, ratios, read
from fitting import Table, fit_member, fit_part
from numpy.typing import NDArray

from detectors.calibration import Calibration, Member, PartFusion, PartName, load
from detectors.fusion import threshold
from detectors.metrics import auc, ece, eer_official, operating_point
from detectors.metrics.bootstrap import by_person

Floats = NDArray[np.float64]

#: Members that learn from real examples alone: there is nothing to hold out from them.
NEVER_SEE_FAKES = ("face-anomaly", "voice-anomaly")
_DRAWS = 1000


def main() -> None:
    """Print the tables in markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tables", nargs="*", type=Path)
    parser.add_argument("--held-out", type=Path, help="folder of tables by detector and family")
    parser.add_argument("--part", choices=tuple(PARTS), nargs="+", default=tuple(PARTS))
    parser.add_argument("--calibration", default="small")
    options = parser.parse_args()
    for part in options.part:
        if options.held_out:
            print("\n".join(held_out(options.held_out, part)))
        else:
            rows = [row for row in read(options.tables) if row["split"] == "test"]
            print("\n".join(judged(rows, part, load(options.calibration))))


@dataclass(frozen=True)
class Judged:
    """One column of ratios, by detector or fused, with everything that is asked of it."""

    name: str
    values: Floats
    table: Table

    def row(self, limit: float | None = None) -> str:
        """A line of markdown: AUC and its interval, EER, ECE, alarms and hits at a threshold."""
        seen = np.isfinite(self.values)
        values, table = self.values[seen], self.table.rows(seen)
        if not 0 < table.synthetic.sum() < len(table):
            return f"| {self.name} | | | | | |"
        cells = [
            spread(values, table),
            f"{100 * eer_official(values, table.synthetic).rate:.1f} %",
            f"{ece(values, table.synthetic):.3f}",
        ]
        if limit is not None:
            point = operating_point(values, table.synthetic, 0.01, limit)
            cells += [
                f"{point.alarms} of {point.reals}",
                f"{point.caught} of {point.fakes}",
            ]
        return f"| {self.name} | {' | '.join(cells)} |"


def spread(values: Floats, table: Table) -> str:
    """AUC, with its interval over people where there are two or more."""
    text = f"{auc(values, table.synthetic):.3f}"
    if len(set(table.groups)) < 2:
        return text
    statistic = {"auc": lambda ranked: auc(ranked.scores, ranked.synthetic)}
    found = by_person(values, table.synthetic, table.groups, statistic, _DRAWS, 0)["auc"]
    return f"{text} ({found.low:.2f} to {found.high:.2f})"


def judged(rows: Sequence[Row], part: PartName, known: Calibration) -> Iterator[str]:
    """The shipped calibration on unseen people: all, by source of the file, by family."""
    model = known.parts.get(part)
    table = part_table(rows, part)
    if model is None or not len(table) or not table.synthetic.any():
        return
    columns = list(fused_columns(table, known.members, model))
    limit = threshold(model, 0.01)
    people = len(set(table.groups))
    yield f"\n### {part}: {int((~table.synthetic).sum())} real files, {people} people\n"
    yield f"| detector | AUC | EER | ECE | false alarms at {limit:.2f} | caught |"
    yield "|---|---|---|---|---|---|"
    for name, values in columns:
        yield Judged(name, values, table).row(limit if name == "fusion" else None)
    kinds = sorted({row["source"] for row in rows if part_table([row], part).synthetic.size})
    yield from split_up(table, columns, kinds_of(rows, part), kinds, "as")
    yield from split_up(table, columns, table.families, sorted(set(table.families)), "made by")


def kinds_of(rows: Sequence[Row], part: PartName) -> tuple[str, ...]:
    """The source of each file of a part's table."""
    return tuple(row["source"] for row in rows if len(part_table([row], part)))


def split_up(
    table: Table, columns: Sequence[tuple[str, Floats]], labels: Sequence[str],
    kinds: Sequence[str], word: str,
) -> Iterator[str]:  # fmt: skip
    """AUC by kind of file; families of fakes are judged against all real files."""
    yield f"\n| {word} | {' | '.join(name for name, _ in columns)} |"
    yield f"|---|{'---|' * len(columns)}"
    marks = np.array(labels)
    for kind in kinds:
        inside = (marks == kind) if word == "as" else (marks == kind) | ~table.synthetic
        part = table.rows(inside)
        if not 0 < part.synthetic.sum() < len(part):
            continue
        cells = []
        for _, values in columns:
            seen = np.isfinite(values[inside])
            rest = part.rows(seen)
            both = 0 < rest.synthetic.sum() < len(rest)
            cells.append(f"{auc(values[inside][seen], rest.synthetic):.3f}" if both else "")
        yield f"| {kind} | {' | '.join(cells)} |"


def fused_columns(
    table: Table, members: Mapping[str, Member], model: PartFusion
) -> Iterator[tuple[str, Floats]]:
    """Each member's ratios (NaN where it abstained), then the fused ones."""
    known = dict(members)
    told = ratios(table, known)
    for place, name in enumerate(table.members):
        yield name, np.where(np.isfinite(table.scores[:, place]), told[:, place], np.nan)
    weights = dict(zip(model.members, model.weights, strict=True))
    fused = model.offset + told @ np.array([weights.get(n, 0.0) for n in table.members])
    yield "fusion", np.clip(fused, -model.most, model.most)


def held_out(folder: Path, part: PartName) -> Iterator[str]:
    """Every family judged by what has never met it."""
    tables = {family: joined(folder, part, family) for family in families(folder, part)}
    dev = {
        f: part_table([r for r in rows if r["split"] == "dev"], part) for f, rows in tables.items()
    }
    yield f"\n### {part}: generators held out\n"
    yield "| held out | detector | AUC | EER | ECE |\n|---|---|---|---|---|"
    pooled: list[tuple[Floats, Table]] = []
    for family, rows in tables.items():
        members, model = fitted([t for other, t in dev.items() if other != family] or [dev[family]])
        test = [r for r in rows if r["split"] == "test" and r["family"] in ("real", family)]
        table = part_table(test, part)
        for name, values in fused_columns(table, members, model):
            yield f"| {family} {Judged(name, values, table).row()}"
            if name == "fusion":
                pooled.append((values, table))
    yield f"| all {Judged('fusion', *together(pooled)).row()}"


def families(folder: Path, part: PartName) -> list[str]:
    """Those that the part's main detector was trained without."""
    start = f"{PARTS[part][0]}-without-"
    found = (path.stem.removeprefix(start) for path in folder.glob(f"{start}*.csv"))
    return sorted(name for name in found if "-" not in name)


def table_of(folder: Path, name: str, family: str) -> Path:
    """Scores of a detector that has not met ``family``."""
    return folder / f"{name}{'' if name in NEVER_SEE_FAKES else f'-without-{family}'}.csv"


def joined(folder: Path, part: PartName, family: str) -> list[Row]:
    """Rows of the real files and of one family, by detectors that have not met it.

    Only those count of which there is a table for every family.
    """
    tables = [
        table_of(folder, name, family)
        for name in PARTS[part]
        if all(table_of(folder, name, other).exists() for other in families(folder, part))
    ]
    return [row for row in read(tables) if row["family"] in ("real", family)]


def fitted(tables: Sequence[Table]) -> tuple[dict[str, Member], PartFusion]:
    """Calibration and fusion on several tables of the same members."""
    values, table = together([(t.scores, t) for t in tables])
    members = {
        name: fit_member(values[:, place], table) for place, name in enumerate(table.members)
    }
    return members, fit_part(table, ratios(table, members))


def together(parts: Sequence[tuple[Floats, Table]]) -> tuple[Floats, Table]:
    """Values and tables, one after the other."""
    tables = [table for _, table in parts]
    return np.concatenate([values for values, _ in parts]), Table(
        tables[0].members,
        np.concatenate([t.scores for t in tables]),
        np.concatenate([t.synthetic for t in tables]),
        tuple(group for t in tables for group in t.groups),
        tuple(family for t in tables for family in t.families),
    )


if __name__ == "__main__":
    main()
