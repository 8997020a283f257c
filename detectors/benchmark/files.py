"""What a benchmark leaves behind: the split, scores of every file, results, tables, curves."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avsynth.media import atomic_output
from detectors.benchmark import curves, text
from detectors.benchmark.curves import Point
from detectors.benchmark.details import FUSED
from detectors.benchmark.rows import CLEAN
from detectors.benchmark.run import BenchmarkOptions, Measured
from detectors.benchmark.tables import Aggregation, Condition, tabulate
from detectors.metrics.results import as_dict, write_results
from detectors.properties import versions

#: Draws of the bootstrap of curves at most: there are many points.
_CURVE_DRAWS = 200
_ABOUT = ("file", "path", "label", "group", "person", "split", "source", "original")


@dataclass(frozen=True, slots=True)
class Reporting:
    """How figures are computed: ``aggregation`` as in ``tabulate``, ``draws`` of bootstraps."""

    aggregation: Aggregation = "own"
    draws: int = 1000
    seed: int = 0


def report(
    out: Path, measured: Measured, options: BenchmarkOptions, split: str, how: Reporting
) -> tuple[Condition, list[Point]]:
    """Compute every figure and write it into ``out``: see ``data/README.md`` for the names.

    Raises:
        ResourceError: ``out`` cannot be written.
    """
    figures = tabulate(measured, CLEAN, how.aggregation, how.draws, how.seed)
    settings = {
        "split": split, "split_sha256": measured.protocol.sha256, "aggregation": how.aggregation,
        "moments": options.moments, "scan": options.scan.settings(),
        "corruptions": [str(each) for each in options.corruptions],
        "weights": _weights(measured), "libraries": versions(),
    }  # fmt: skip
    write_split(out, measured, split)
    write_scores(out, measured, figures)
    write_evaluations(out, figures, settings)
    for each in options.corruptions:
        under = tabulate(measured, str(each), how.aggregation, 0, how.seed, full=False)
        if under.files:
            write_scores(out, measured, under)
    draws = min(how.draws, _CURVE_DRAWS)
    points = curves.points(measured, options.corruptions, how.aggregation, draws, how.seed)
    if points:
        curves.write_csv(out / "curves.csv", points)
    text.write(out / "tables.txt", figures, points)
    return figures, points


def _weights(measured: Measured) -> dict[str, str]:
    """Networks that were used -> their SHA-256."""
    found: dict[str, str] = {}
    for row in (row for rows in measured.rows.values() for row in rows):
        for seen in row.detectors.values():
            found |= seen.weights
    return dict(sorted(found.items()))


def write_split(out: Path, measured: Measured, split: str) -> Path:
    """The trials as text, whose SHA-256 is the split's; returns its path."""
    path = out / f"split-{split}.txt"
    with atomic_output(path) as temporary:
        temporary.write_text(measured.protocol.listing(), "utf-8", "surrogateescape", "\n")
    return path


def write_scores(out: Path, measured: Measured, figures: Condition) -> Path:
    """One line a file: what it is, the verdict, the fused score and every detector's."""
    path = out / f"scores-{figures.name}.csv"
    rows = {row.key: row for row in measured.rows[figures.name]}
    with (
        atomic_output(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file)
        writer.writerow((*_ABOUT, "verdict", "error", *figures.scores))
        for trial in measured.protocol.trials:
            row = rows[trial.key]
            if row.fitting:
                about = (trial.key, trial.path, trial.label, trial.group, trial.person,
                         trial.split, trial.source, trial.original)  # fmt: skip
                scores = [of.get(trial.key) for of in figures.scores.values()]
                told = ["" if score is None else repr(score) for score in scores]
                writer.writerow((*about, row.answer, row.error or "", *told))
    return path


def write_evaluations(out: Path, figures: Condition, settings: Mapping[str, Any]) -> None:
    """A result file for the fused score and each detector, each with its scores beside it."""
    for name, evaluation in figures.evaluations.items():
        about = {**settings, "scores_of": name, "condition": figures.name}
        if name == FUSED:
            about["details"] = as_dict(
                {
                    "answers": {"real": figures.real, "synthetic": figures.synthetic},
                    "held_out": figures.held_out,
                    "frames": figures.frames,
                    "localised": figures.localised,
                }
            )
        path = out / f"{name}-{figures.name}.json"
        write_results(path, evaluation, figures.scores[name], figures.key, about)
