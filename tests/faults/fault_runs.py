"""Short or long: which form of the fault tests runs, and the tables that the long form writes."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

import avsynth

#: `make faults`: everything, with tables. Else a short form of it, without.
LONG = os.environ.get("AVSYNTH_FAULTS") == "full"
OUT = Path(os.environ.get("AVSYNTH_FAULTS_OUT", "out/faults"))

Row = Mapping[str, object]


def write_table(name: str, title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """Write ``NAME.json`` and ``NAME.md`` into the folder of results; nothing in the short form.

    Args:
        name: of the files, without suffix.
        title: a heading.
        rows: cells by column; the first row's columns are those of the table.
        notes: lines under it.
    """
    if not LONG:
        return
    OUT.mkdir(parents=True, exist_ok=True)
    # fmt: off
    whole = {"title": title, "avsynth": avsynth.__version__, "machine": _machine(),
             "rows": rows, "notes": notes}
    # fmt: on
    (OUT / f"{name}.json").write_text(json.dumps(whole, indent=1, default=str) + "\n")
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([row[c] for c in columns] for row in rows)]
    table = "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)
    told = "".join(f"\n{note}\n" for note in notes)
    (OUT / f"{name}.md").write_text(f"## {title}\n\n{table}\n{told}")


def _cell(value: object) -> str:
    text = f"{value:,.2f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return f"{platform.machine()}, {psutil.cpu_count()} processors, {memory:.0f} GB, {os.name}"
