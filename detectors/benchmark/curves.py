"""Degradation curves: how figures fall as files suffer, as rows of a CSV and as a picture."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from avsynth.media import atomic_output
from avsynth.metrics import optional
from detectors.benchmark.rows import CLEAN
from detectors.benchmark.run import Measured
from detectors.benchmark.tables import Aggregation, Condition, tabulate
from detectors.corruptions import UNITS, Corruption

_COLUMNS = 4
_PANEL = 2.9, 2.3  # inches


@dataclass(frozen=True, slots=True)
class Point:
    """One detector under one corruption; severity 0 is the same files as they are.

    ``low``, ``high``: 95 % interval of the AUC by file. ``alarms``: share of real files that the
    scan calls synthetic.
    """

    corruption: str
    severity: int
    setting: str
    detector: str
    files: int
    scored: int
    auc: float
    low: float
    high: float
    eer_official: float
    alarms: float
    inconclusive: float


def points(
    measured: Measured, corruptions: Sequence[Corruption], aggregation: Aggregation = "own",
    draws: int = 200, seed: int = 0,
) -> list[Point]:  # fmt: skip
    """Every severity of every corruption, with the files that it fits at severity 0 beside it."""
    found: list[Point] = []
    for name in dict.fromkeys(corruption.name for corruption in corruptions):
        rungs = [corruption for corruption in corruptions if corruption.name == name]
        fitting = {row.key for row in measured.rows[str(rungs[0])] if row.fitting}
        if fitting:
            clean = _only(measured, fitting)
            first = tabulate(clean, CLEAN, aggregation, draws, seed, full=False)
            found += _points(first, name, 0, "as it is")
        for rung in rungs if fitting else ():
            figures = tabulate(measured, str(rung), aggregation, draws, seed, full=False)
            found += _points(figures, name, rung.severity, rung.words)
    return found


def write_csv(path: Path, found: Sequence[Point]) -> None:
    """One line a point."""
    with (
        atomic_output(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, [field.name for field in fields(Point)])
        writer.writeheader()
        writer.writerows(asdict(point) for point in found)


def plot(path: Path, found: Sequence[Point], title: str) -> None:
    """AUC over severity, a panel a corruption, a line a detector; intervals of the fused score.

    WeightsError where matplotlib is not installed.
    """
    figures: Any = optional.load("matplotlib.figure", "A plot")
    optional.load("matplotlib.backends.backend_agg", "A plot")
    names = list(dict.fromkeys(point.corruption for point in found))
    rows = math.ceil(len(names) / _COLUMNS)
    columns = min(len(names), _COLUMNS)
    figure = figures.Figure(
        figsize=(_PANEL[0] * columns + 1.6, _PANEL[1] * rows + 0.9), layout="constrained"
    )
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    styles = _styles(list(dict.fromkeys(point.detector for point in found)))
    for panel, name in zip(panels.flat, names, strict=False):
        _panel(panel, name, [point for point in found if point.corruption == name], styles)
    for panel in list(panels.flat)[len(names) :]:
        panel.set_visible(False)
    handles: dict[str, Any] = {}
    for panel in panels.flat:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), handles.keys(), loc="outside right upper", fontsize=8)
    figure.suptitle(title, fontsize=11)
    figure.supylabel("AUC", fontsize=9)
    with atomic_output(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")


def _panel(panel: Any, name: str, found: Sequence[Point], styles: Mapping[str, Any]) -> None:
    for detector, style in styles.items():
        line = [point for point in found if point.detector == detector]
        if line:
            at = [point.severity for point in line]
            panel.plot(at, [point.auc for point in line], label=detector, **style)
            if detector == "fused":
                panel.fill_between(
                    at, [p.low for p in line], [p.high for p in line], alpha=0.15, color="black"
                )
    settings = {
        n: f"{Corruption(name, n).setting:.3g}" if n else "none"
        for n in sorted({point.severity for point in found})
    }
    panel.set_title(f"{name}, {UNITS[name]}", fontsize=9)
    panel.set_xticks(list(settings), list(settings.values()), fontsize=6)
    panel.tick_params(axis="y", labelsize=7)
    panel.axhline(0.5, color="0.7", linewidth=0.8, linestyle=":")
    panel.grid(alpha=0.25)


def _styles(detectors: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Black and thick for the fused score; colours that differ in lightness too for others."""
    colours = (
        "#0072B2",
        "#D55E00",
        "#009E73",
        "#CC79A7",
        "#E69F00",
        "#56B4E9",
        "#6A3D9A",
        "#999999",
    )
    marks = "osv^DPX*"
    others = [name for name in detectors if name != "fused"]
    found = {
        name: {"color": colours[i % 8], "marker": marks[i % 8], "markersize": 3, "linewidth": 1}
        for i, name in enumerate(others)
    }
    return {"fused": {"color": "black", "marker": "o", "markersize": 4, "linewidth": 2}} | found


def _only(measured: Measured, keys: set[str]) -> Measured:
    rows = {CLEAN: tuple(row for row in measured.rows[CLEAN] if row.key in keys)}
    return Measured(measured.protocol, rows, measured.earlier)


def _points(figures: Condition, name: str, severity: int, setting: str) -> list[Point]:
    found = []
    for detector, evaluation in figures.evaluations.items():
        row = evaluation.left_out.pooled
        if row.figures:
            auc = row.figures["auc"]
            low, high = (auc.by_file.low, auc.by_file.high) if auc.by_file else (auc.value,) * 2
            found.append(
                Point(
                    name, severity, setting, detector, figures.files, evaluation.scored, auc.value,
                    low, high, row.figures["eer_official"].value, figures.real.rate,
                    _inconclusive(figures),
                )
            )  # fmt: skip
    return found


def _inconclusive(figures: Condition) -> float:
    both = figures.real, figures.synthetic
    readable = sum(each.files - each.unreadable for each in both)
    return sum(each.inconclusive for each in both) / max(readable, 1)
