"""Rows of scores: files, and Markdown tables with means over people and their intervals."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Row = dict[str, str | float]
_DRAWS = 2000
_FEWEST = 3  # people from which on an interval over people means something


def write(path: Path, rows: Sequence[Row], about: Sequence[str]) -> list[Row]:
    """Add rows to a CSV; rows with the same ``about`` columns are replaced. Returns all of them."""
    kept = {tuple(row[key] for key in about): row for row in read(path, about)}
    kept |= {tuple(row[key] for key in about): row for row in rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(key for row in kept.values() for key in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        for row in kept.values():
            writer.writerow({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()})
    return list(kept.values())


def read(path: Path, about: Sequence[str]) -> list[Row]:
    """Rows of a CSV, none where there is no file; all but the ``about`` columns are numbers."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {key: value if key in about else float(value or "nan") for key, value in row.items()}
            for row in csv.DictReader(file)
        ]


def people(rows: Sequence[Row], column: str, person: str) -> NDArray[np.float64]:
    """Each person's mean of a column over that person's clips; NaN is left out."""
    values: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        value = float(row.get(column, math.nan))
        if not math.isnan(value):
            values[str(row[person])].append(value)
    return np.array([np.mean(own) for own in values.values()])


def mean(rows: Sequence[Row], column: str, person: str) -> float:
    """Mean over people, NaN without any."""
    each = people(rows, column, person)
    return float(each.mean()) if len(each) else math.nan


def interval(rows: Sequence[Row], column: str, person: str) -> tuple[float, float] | None:
    """95 % bootstrap interval of ``mean``, people drawn again; None with too few of them."""
    each = people(rows, column, person)
    if len(each) < _FEWEST:
        return None
    drawn = np.random.default_rng(0).integers(0, len(each), (_DRAWS, len(each)))
    low, high = np.quantile(each[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def markdown(rows: Sequence[Row], lead: Sequence[str], columns: Sequence[str], person: str) -> str:
    """A line for each combination of the ``lead`` columns, in the order of their first rows."""
    parts: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        parts[tuple(str(row[key]) for key in lead)].append(row)
    lines = [f"| {' | '.join([*lead, 'people', *columns])} |"]
    lines.append("|---" * (len(lead) + 1 + len(columns)) + "|")
    for names, own in parts.items():
        count = len({row[person] for row in own})
        cells = [_cell(own, column, person) for column in columns]
        lines.append(f"| {' | '.join([*names, str(count), *cells])} |")
    return "\n".join(lines)


def _cell(rows: Sequence[Row], column: str, person: str) -> str:
    value, limits = mean(rows, column, person), interval(rows, column, person)
    if math.isnan(value):
        return ""
    return f"{value:.3g}" + (f" [{limits[0]:.3g}, {limits[1]:.3g}]" if limits else "")
