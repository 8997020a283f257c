"""Figures of a benchmark as lines and tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avsynth.media import atomic_output
from avsynth.provenance.text import plain
from detectors.benchmark.curves import Point
from detectors.benchmark.details import FUSED, Frames, HeldOut, Localised
from detectors.benchmark.tables import Answers, Condition
from detectors.metrics import Figure
from detectors.metrics.bootstrap import ConfidenceInterval
from detectors.metrics.tables import describe as describe_evaluation

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def write(path: Path, figures: Condition, points: Sequence[Point]) -> None:
    """All of it as a text file."""
    from rich.console import Console

    with (
        atomic_output(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace") as file,
    ):
        show(Console(file=file, width=150, soft_wrap=True), figures, points)


def show(console: Console, figures: Condition, points: Sequence[Point]) -> None:
    """All of it on a console, words from files never taken for markup."""
    for part in (*describe(figures), *describe_curves(points)):
        console.print(part, markup=False, highlight=False, emoji=False)


def describe(figures: Condition) -> Iterator[str | Table]:
    """The fused score in full, then every detector, in order."""
    yield "Fused score, file level"
    yield from describe_evaluation(figures.evaluations[FUSED])
    yield "What the scan answers (every file counts above, inconclusive ones at their score)"
    yield _answers("real", figures.real, "false alarms")
    yield _answers("synthetic", figures.synthetic, "found")
    yield "Each detector, file level"
    yield _detectors(figures)
    if figures.held_out:
        yield "Generators that a detector was trained on, and others, by their names"
        yield _held_out(figures.held_out)
    if figures.frames:
        yield "Single moments: never to be compared with figures of files"
        yield _frames(figures.frames)
    for each in figures.localised:
        yield from _localised(each)


def describe_curves(points: Sequence[Point]) -> Iterator[str | Table]:
    """AUC of the fused score by corruption and severity."""
    names = dict.fromkeys(point.corruption for point in points if point.detector == FUSED)
    if not names:
        return
    yield "Fused score under corruption: AUC (share without a score) by severity"
    found = _columns("corruption", "as it is", *(f"severity {n}" for n in range(1, 6)))
    for name in names:
        line = {p.severity: p for p in points if p.detector == FUSED and p.corruption == name}
        found.add_row(name, *(_curve_cell(line.get(severity)) for severity in range(6)))
    yield found


def _curve_cell(point: Point | None) -> str:
    if point is None:
        return ""
    return f"{point.auc:.3f} ({1 - point.scored / max(point.files, 1):.0%})"


def _answers(label: str, of: Answers, word: str) -> str:
    low, high = of.interval
    readable = of.files - of.unreadable
    return (
        f"  {of.files} {label}: {of.synthetic} called synthetic ({word} {of.rate:.2%} of "
        f"{readable}, exact 95 %: {low:.2%} to {high:.2%}), {of.inconclusive} inconclusive "
        f"({of.inconclusive_share:.1%}), {of.not_detected} not detected, {of.unreadable} unreadable"
    )


def _detectors(figures: Condition) -> Table:
    found = _columns(
        "detector", "scored", "AUC", "by file", "by person", "EER official", "interp.", "ROCCH",
        "AP", "of", "ECE", "Cllr",
    )  # fmt: skip
    for name, evaluation in figures.evaluations.items():
        row = evaluation.left_out.pooled
        if not row.figures:
            found.add_row(plain(name, 40), f"{evaluation.scored}/{evaluation.in_key}")
            continue
        of = row.figures
        found.add_row(
            plain(name, 40), f"{evaluation.scored}/{evaluation.in_key}", f"{of['auc'].value:.4f}",
            _between(of["auc"].by_file), _between(of["auc"].by_person),
            *(_percent(of[f"eer_{kind}"]) for kind in ("official", "interpolated", "rocch")),
            f"{of['ap'].value:.4f}", f"{row.synthetic / (row.real + row.synthetic):.3f}",
            f"{of['ece'].value:.4f}", f"{of['cllr'].value:.4f}",
        )  # fmt: skip
    return found


def _held_out(rows: Sequence[HeldOut]) -> Table:
    found = _columns("detector", "seen groups", "AUC", "by file", "unseen groups", "AUC", "by file")
    for row in rows:
        found.add_row(
            plain(row.detector, 40), _names(row.seen), _value(row.in_distribution),
            _between(row.in_distribution_interval), _names(row.unseen), _value(row.held_out),
            _between(row.held_out_interval),
        )  # fmt: skip
    return found


def _frames(rows: Sequence[Frames]) -> Table:
    found = _columns("detector", "moments", "files", "AUC", "by file", "EER official")
    for row in rows:
        found.add_row(
            plain(row.detector, 40), str(row.frames), str(row.files), f"{row.auc:.4f}",
            _between(row.interval), f"{row.eer_official:.3%}",
        )  # fmt: skip
    return found


def _localised(row: Localised) -> Iterator[str]:
    yield f"Stretches that {plain(row.detector, 40)} marks: {_all(row.ap)}, {_all(row.ar)}"
    yield f"  as the public code computes them: {_all(row.official_ap)}, {_all(row.official_ar)}"


def _all(values: object) -> str:
    assert isinstance(values, dict)
    return ", ".join(f"{name} {100 * value:.2f}" for name, value in values.items())


def _names(names: Sequence[str]) -> str:
    told = ", ".join(plain(name, 30) for name in names[:4])
    return f"{told} and {len(names) - 4} more" if len(names) > 4 else told or "none"


def _value(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _percent(figure: Figure) -> str:
    return f"{figure.value:.2%}"


def _between(interval: ConfidenceInterval | None) -> str:
    return "" if interval is None else f"{interval.low:.3f}..{interval.high:.3f}"


def _columns(first: str, *others: str) -> Table:
    from rich import box
    from rich.table import Table

    found = Table(box=box.SIMPLE, pad_edge=False)
    found.add_column(first)
    for name in others:
        found.add_column(name, justify="right")
    return found
