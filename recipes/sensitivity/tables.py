"""Tables of a screening: CSV for machines, Markdown for READMEs.

python recipes/sensitivity/tables.py OUT/*.csv
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def write_table(path: Path, rows: list[Row]) -> None:
    """All rows as CSV, figures to four decimals."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})


def markdown(rows: list[Row]) -> str:
    """One verb's rows as a table: mu* and its 95 % half-width by measure, largest factor first.

    A minus in front of mu* says that the measure falls as the factor goes through its range, a plus
    that it grows, a tilde that it does either, by what else is the case.
    """
    measures = list(dict.fromkeys(row["measure"] for row in rows))
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row["factor"], {})[row["measure"]] = row
    order = sorted(found, key=lambda name: -float(found[name][measures[0]]["mu_star"]))
    lines = [
        "| factor | range | " + " | ".join(f"{m}: mu*, sigma" for m in measures) + " |",
        "|---" * (len(measures) + 2) + "|",
    ]
    for name in order:
        cells = [_cell(found[name][measure]) for measure in measures]
        lines.append(f"| {name} | {found[name][measures[0]]['range']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: Row) -> str:
    size, half, mean, spread = (float(row[key]) for key in ("mu_star", "confidence", "mu", "sigma"))
    sign = "~" if abs(mean) < size / 2 else "-" if mean < 0 else "+"
    return f"{sign}{size:.2f} ± {half:.2f}, {spread:.2f}"


def main() -> None:
    """Print the tables of the files named."""
    parser = argparse.ArgumentParser(description="Tables of a screening, as Markdown.")
    parser.add_argument("files", nargs="+", type=Path)
    for path in parser.parse_args().files:
        with path.open(newline="", encoding="utf-8") as file:
            print(f"**{path.stem}**\n\n{markdown(list(csv.DictReader(file)))}\n")


if __name__ == "__main__":
    main()
