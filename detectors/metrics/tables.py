"""An evaluation as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from avsynth.provenance.text import plain
from detectors.metrics.bootstrap import ConfidenceInterval
from detectors.metrics.evaluation import Evaluation, Figure, Row, Table

if TYPE_CHECKING:
    from rich.table import Table as RichTable

#: Name in the results -> words, whether it is a share shown in per cent.
_FIGURES: dict[str, tuple[str, bool]] = {
    "auc": ("AUC", False),
    "ap": ("average precision", False),
    "eer_official": ("EER official (ASVspoof)", True),
    "eer_interpolated": ("EER interpolated", True),
    "eer_rocch": ("EER of the ROC convex hull", True),
    "eer_deepfakebench": ("EER DeepfakeBench (false positives alone)", True),
    "min_tdcf_legacy": ("min t-DCF 2019", False),
    "min_tdcf": ("min t-DCF revised (2021)", False),
    "min_dcf": ("minDCF", False),
    "act_dcf": ("actDCF", False),
    "cllr": ("Cllr, bits", False),
    "ece": ("ECE", False),
}


def describe(evaluation: Evaluation) -> Iterator[str | RichTable]:
    """Lines and tables, in order. Words from files are made printable; markup is not meant."""
    yield (
        f"{plain(evaluation.protocol)}: {evaluation.scored} of {evaluation.in_key} files have a "
        f"score, {evaluation.missing} have none; {evaluation.surplus} scores are of no file in "
        "the key"
    )
    yield from (plain(note) for note in evaluation.notes)
    yield from _tables(evaluation.left_out)
    if evaluation.scored_zero is not None:
        yield f"The same with 0, no evidence, for the {evaluation.missing} files without a score:"
        yield from _tables(evaluation.scored_zero)
    if evaluation.asv is not None:
        asv = evaluation.asv
        yield (
            f"Verification: EER {100 * asv.eer:.6f} % at {asv.threshold:.6f}, false alarms "
            f"{asv.false_alarm:.6f}, misses {asv.miss:.6f}, spoofs rejected {asv.spoofs_missed:.6f}"
        )
    yield "Conventions"
    yield from (f"  {name}: {text}" for name, text in evaluation.conventions.items())
    yield f"  bootstrap: {evaluation.draws} draws, seed {evaluation.seed}"


def _tables(table: Table) -> Iterator[str | RichTable]:
    row = table.pooled
    people = f", {row.people} people" if row.people else ""
    yield f"{row.real} real and {row.synthetic} synthetic files{people}"
    if not row.figures:
        yield "no figures: a class has no file with a score"
        return
    yield _pooled(row)
    yield from _operating(row)
    yield from _within(table)
    if table.groups:
        yield _groups(table.groups)


def _pooled(row: Row) -> RichTable:
    persons = row.figures["auc"].by_person is not None
    found = _columns("pooled", "value", "95 % by file", *(["95 % by person"] if persons else []))
    for name, (words, share) in _FIGURES.items():
        if name in row.figures:
            found.add_row(words, *_cells(row.figures[name], share, persons))
    return found


def _groups(rows: tuple[Row, ...]) -> RichTable:
    persons = any("auc" in row.figures and row.figures["auc"].by_person for row in rows)
    around = ("by file", "by person") if persons else ("by file",)
    found = _columns("group", "synthetic", "AUC", *around, "EER official", *around, "EER interp.")
    for row in rows:
        if not row.figures:
            found.add_row(plain(row.name, 60), str(row.synthetic))
            continue
        found.add_row(
            plain(row.name, 60), str(row.synthetic), *_cells(row.figures["auc"], False, persons),
            *_cells(row.figures["eer_official"], True, persons),
            _number(row.figures["eer_interpolated"].value, True),
        )  # fmt: skip
    return found


def _operating(row: Row) -> Iterator[str]:
    for point in row.operating:
        low, high = point.fpr_interval
        yield (
            f"at {100 * point.allowed:g} % false alarms (from {point.threshold:.4f} on): "
            f"{point.caught} of {point.fakes} synthetic files found ({100 * point.tpr:.2f} %), "
            f"{point.alarms} of {point.reals} real ones called synthetic "
            f"(exact 95 %: {100 * low:.2f} to {100 * high:.2f} %)"
        )
    for rate in row.too_few_for:
        yield f"{row.real} real files are too few to show a false-alarm rate of {100 * rate:g} %"


def _within(table: Table) -> Iterator[str]:
    macro, pairs = table.same_source, table.above_original
    if macro is not None:
        yield (
            f"same-source macro AUC {macro.value:.6f}{_between(macro.interval)} over "
            f"{macro.sources} sources with both classes ({macro.left_out} without)"
        )
    if pairs is not None:
        yield (
            f"{pairs.above} of {pairs.pairs} fakes score above their own original "
            f"({100 * pairs.share:.1f} %, ties {pairs.ties})"
            f"{_between(pairs.interval)} over {pairs.originals} originals"
        )


def _cells(figure: Figure, share: bool, persons: bool) -> tuple[str, ...]:
    cells = _number(figure.value, share), _interval(figure.by_file, share)
    return (*cells, _interval(figure.by_person, share)) if persons else cells


def _number(value: float, share: bool) -> str:
    return f"{100 * value:.6f} %" if share else f"{value:.6f}"


def _interval(interval: ConfidenceInterval | None, share: bool) -> str:
    if interval is None:
        return ""
    if share:
        return f"{100 * interval.low:.3f} .. {100 * interval.high:.3f}"
    return f"{interval.low:.4f} .. {interval.high:.4f}"


def _between(interval: ConfidenceInterval | None) -> str:
    return "" if interval is None else f" [{_interval(interval, False)}]"


def _columns(first: str, *others: str) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable

    found = RichTable(box=box.SIMPLE, pad_edge=False)
    found.add_column(first)
    for name in others:
        found.add_column(name, justify="right", no_wrap=True)
    return found
