"""Result files of ``evaluate.py`` -> tables in markdown, several runs side by side.

    python recipes/voice/tables.py runs/voice/evaluation.json runs/voice/gan.json
    python recipes/voice/tables.py runs/voice/*.json --systems source world voice-small --over clip

Figures are means over clips (``pooled`` ones: all edits over all words or phonemes) with 95 %
bootstrap intervals over ordered pairs of people, or over clips with ``--over clip``. Where two runs
hold the same system, the later one counts.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Row = dict[str, Any]
Result = dict[str, Any]

_DRAWS = 2000


class Column(NamedTuple):
    """A figure: the mean of ``key``, or its sum over that of ``per``; times ``scale``."""

    title: str
    key: str
    per: str = ""
    scale: float = 1.0
    digits: int = 2
    each: bool = False  # the mean of the clips' ratios


LIKENESS = (
    Column("MCD without c0, dB", "mcd_noc0"),
    Column("to target", "target", digits=3),
    Column("to source", "source", digits=3),
    Column("nearer to target, %", "closer", scale=100, digits=0),
    Column("accepted, %", "accepted", scale=100, digits=0),
    Column("taken for source, %", "mistaken", scale=100, digits=0),
)
SPEECH = (
    Column("WER, %", "word_edits", "word_length", 100, 1, each=True),
    Column("pooled, %", "word_edits", "word_length", 100, 1),
    Column("PER, %", "phoneme_edits", "phoneme_length", 100, 1, each=True),
    Column("OVRL", "overall"),
    Column("SIG", "signal"),
    Column("BAK", "background"),
    Column("variance", "variance"),
    Column("modulation, dB", "modulation"),
    Column("processor s/s", "processor", digits=3),
)
PARALLEL = (
    Column("MCD with c0, dB", "mcd_c0"),
    Column("MCD of mels", "mcd_mel"),
    Column("F0 RMSE, Hz", "f0_rmse", digits=1),
    Column("log-F0 RMSE", "log_f0_rmse", digits=3),
    Column("log-F0 corr.", "log_f0_correlation"),
    Column("voicing error, %", "voicing_error", scale=100, digits=1),
    Column("duration, s", "duration"),
    Column("spoken, s", "spoken_difference"),
    Column("stretch", "penalty"),
)
COPY = (
    Column("PESQ-WB", "pesq"),
    Column("STOI", "stoi", digits=3),
    Column("ESTOI", "estoi", digits=3),
    Column("OVRL", "overall"),
    Column("lost", "overall_lost"),
    Column("WER, %", "word_edits", "word_length", 100, 1),
    Column("PER, %", "phoneme_edits", "phoneme_length", 100, 1),
    Column("similarity", "similarity", digits=3),
    Column("MCD without c0, dB", "mcd_noc0"),
    Column("variance", "variance"),
    Column("modulation, dB", "modulation"),
)
TITLES = {
    "parallel": "VCTK, parallel sentences, enrolled targets",
    "unseen": "LibriSpeech test-other, targets from 10 s of reference",
    "dev": "dev speakers, targets from half a clip",
    "copy": "copies of LibriSpeech test speakers",
}


def main() -> None:
    """Print the tables of the runs that the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--systems", nargs="+", help="these, in this order; all without it")
    parser.add_argument("--over", choices=("pair", "clip"), default="pair")
    options = parser.parse_args()
    found = [json.loads(path.read_text("utf-8")) for path in options.results]
    print("\n".join(report(found, options.systems, options.over)))


def report(
    results: Sequence[Result], systems: Sequence[str] | None = None, over: str = "pair"
) -> list[str]:
    """Lines of all tables that the results hold rows for."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for result in results:
        fresh: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in result["rows"]:
            fresh[row["protocol"], row["system"]].append(row)
        groups |= fresh
    verifiers = {k: v for result in results for k, v in result["verifiers"].items()}
    lines: list[str] = []
    for protocol, title in TITLES.items():
        found = {name: rows for (kind, name), rows in groups.items() if kind == protocol}
        names = [name for name in (systems or found) if name in found]
        if names:
            lines += [f"### {title}", ""]
            lines += _verifier(verifiers.get(protocol))
            lines += _tables(protocol, {name: found[name] for name in names}, over)
    return lines + _costs(results)


def _verifier(about: dict[str, float] | None) -> list[str]:
    if about is None:
        return []
    return [
        f"Natural trials: {about['same']:.0f} of one person (mean similarity "
        f"{about['same_mean']:.3f}), {about['different']:.0f} of two "
        f"({about['different_mean']:.3f}); equal error rate {100 * about['equal_error_rate']:.1f} "
        f"% at {about['threshold']:.3f}.",
        "",
    ]


def _tables(protocol: str, systems: dict[str, list[Row]], over: str) -> list[str]:
    if protocol == "copy":
        return _table(systems, COPY, over)
    lines = []
    for gender in ("", "same", "cross"):
        part = {n: [r for r in rows if gender in ("", r["gender"])] for n, rows in systems.items()}
        if all(part.values()):
            lines += [f"{f'{gender} gender' if gender else 'All pairs'}:", ""]
            lines += _table(part, LIKENESS, over)
    lines += _table(systems, SPEECH, over)
    return lines + (_table(systems, PARALLEL, over) if protocol == "parallel" else [])


def _table(systems: dict[str, list[Row]], columns: Iterable[Column], over: str) -> list[str]:
    shown = [c for c in columns if any(c.key in row for rows in systems.values() for row in rows)]
    heads = ["system", "pairs, clips", *(column.title for column in shown)]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    base = figure(systems["source"], LIKENESS[0]) if "source" in systems else math.nan
    for name, rows in systems.items():
        cells = [name, f"{len({row['pair'] for row in rows})}, {len(rows)}"]
        for column in shown:
            cell = formatted(rows, column, over)
            if cell and column is LIKENESS[0] and base > 0 and name != "source":
                cell += f" ({100 * (figure(rows, column) / base - 1):+.0f} %)"
            cells.append(cell)
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _costs(results: Sequence[Result]) -> list[str]:
    """Parameters, and real-time factors where they were measured."""
    speeds = {name: found for result in results for name, found in result.get("speed", {}).items()}
    about = {name: found for result in results for name, found in result["systems"].items()}
    lines = [
        "| system | parameters | real-time factor, 1 thread | 2 threads |",
        "|---|---|---|---|",
    ]
    for name, found in about.items():
        count = f"{found['parameters'] / 1e6:.2f} M" if found.get("parameters") else "0"
        measured = [speeds.get(name, {}).get(f"threads_{threads}") for threads in (1, 2)]
        if found.get("parameters") or name in speeds:
            cells = [name, count, *("" if x is None else f"{x:.4f}" for x in measured)]
            lines.append(f"| {' | '.join(cells)} |")
    return lines if len(lines) > 2 else []


def formatted(rows: Sequence[Row], column: Column, over: str) -> str:
    """The figure and its interval; empty where no clip has it."""
    value = figure(rows, column)
    if math.isnan(value):
        return ""
    low, high = interval(rows, column, over)
    return " ".join(
        [f"{value:.{column.digits}f}", f"[{low:.{column.digits}f}, {high:.{column.digits}f}]"]
    )


def figure(rows: Sequence[Row], column: Column) -> float:
    """Mean over clips, or ratio of sums; NaN where no clip has it."""
    sums = _sums(rows, column, "clip").sum(axis=0)
    return float(column.scale * sums[0] / sums[1]) if sums[1] else math.nan


def interval(rows: Sequence[Row], column: Column, over: str) -> tuple[float, float]:
    """95 % bootstrap interval: units (each ``pair`` or ``clip`` with all it has) drawn again."""
    sums = _sums(rows, column, over)
    drawn = np.random.default_rng(0).integers(0, len(sums), (_DRAWS, len(sums)))
    totals = sums[drawn].sum(axis=1)
    low, high = np.quantile(column.scale * totals[:, 0] / totals[:, 1], (0.025, 0.975))
    return float(low), float(high)


def _sums(rows: Sequence[Row], column: Column, over: str) -> NDArray[np.float64]:
    """Numerator and denominator of each unit (units, 2); clips without the figure are left out."""
    units: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        value = float(row.get(column.key, math.nan))
        per = float(row[column.per]) if column.per in row else 1.0
        if math.isnan(value):
            continue
        units[row[over]].append((value / max(per, 1.0), 1.0) if column.each else (value, per))
    return np.array([np.sum(parts, axis=0) for parts in units.values()]).reshape(-1, 2)


if __name__ == "__main__":
    main()
