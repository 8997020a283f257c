"""Scores and a key -> every figure of the benchmark, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from detectors.metrics import bootstrap, calibration, costs, eer, operating, ranking, tandem
from detectors.metrics.bootstrap import ConfidenceInterval, Statistic
from detectors.metrics.calibration import ReliabilityBin
from detectors.metrics.eer import EqualError
from detectors.metrics.operating import RATES, OperatingPoint
from detectors.metrics.pairs import MacroAuc, PairShare, same_source_auc, share_above_original
from detectors.metrics.ranked import Ranked
from detectors.metrics.tandem import AsvErrors
from detectors.metrics.trials import Key, Scored, join

#: What every result file says of its figures.
CONVENTIONS: Mapping[str, str] = {
    "scores": "log-likelihood ratios, natural logarithm, positive = synthetic",
    "labels": "synthetic is the positive class; FRR: share of real files called synthetic, "
    "FAR: share of synthetic files called real",
    "thresholds": "files whose score reaches the threshold are called synthetic",
    "groups": "the synthetic files of a group against all real files",
    "intervals": "95 %, percentile bootstrap; by file within each class, by person with all files",
    "operating points": "thresholds chosen on the same files",
    "calibration": "act_dcf, cllr and ece take the scores for log-likelihood ratios",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its intervals, where they were asked for and the data allow."""

    value: float
    by_file: ConfidenceInterval | None = None
    by_person: ConfidenceInterval | None = None


@dataclass(frozen=True)
class Row:
    """The figures of all files, or of one group against all real files.

    ``figures`` by name: ``auc``, ``ap``, ``eer_official``, ``eer_interpolated``, ``eer_rocch``,
    ``eer_deepfakebench``, ``min_dcf``, ``act_dcf``, ``cllr``, ``ece``, and ``min_tdcf_legacy``,
    ``min_tdcf`` where verification scores were given; empty when a class has no scored file.
    ``equal_errors`` has the points of the equal error rates. ``too_few_for`` are the false-positive
    rates that the real files are too few to show. ``people`` 0: unknown for some file.
    """

    name: str
    real: int
    synthetic: int
    people: int
    figures: Mapping[str, Figure] = field(default_factory=dict)
    equal_errors: Mapping[str, EqualError] = field(default_factory=dict)
    operating: tuple[OperatingPoint, ...] = ()
    too_few_for: tuple[float, ...] = ()


@dataclass(frozen=True)
class Table:
    """All rows for one way of counting files without a score."""

    pooled: Row
    groups: tuple[Row, ...] = ()
    same_source: MacroAuc | None = None
    above_original: PairShare | None = None
    reliability: tuple[ReliabilityBin, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """What one set of scores comes to on one key.

    ``left_out`` counts files with a score alone; ``scored_zero`` gives those without one a 0, no
    evidence, and is None when every file has one.
    """

    protocol: str
    in_key: int
    scored: int
    missing: int
    surplus: int
    draws: int
    seed: int
    left_out: Table
    scored_zero: Table | None
    asv: AsvErrors | None = None
    conventions: Mapping[str, str] = field(default_factory=lambda: dict(CONVENTIONS))
    notes: tuple[str, ...] = ()


def evaluate(
    scores: Mapping[str, float | None],
    key: Key,
    draws: int = 1000,
    seed: int = 0,
    asv: AsvErrors | None = None,
) -> Evaluation:
    """Every figure of ``scores`` (file id -> log-likelihood ratio, positive = synthetic) on a key.

    ``draws`` of each bootstrap (0: no intervals) under ``seed``. ValueError for scores that are not
    finite. A class without a scored file leaves ``figures`` empty.
    """
    present = join(scores, key, None)
    missing = len(key.trials) - len(present.trials)
    zero = join(scores, key, 0.0) if missing else None
    known = {trial.file for trial in key.trials}
    return Evaluation(
        key.protocol, len(key.trials), len(present.trials), missing, len(scores.keys() - known),
        draws, seed, table(present, draws, seed, asv),
        None if zero is None else table(zero, draws, seed, asv), asv, notes=key.notes,
    )  # fmt: skip


def table(scored: Scored, draws: int, seed: int, asv: AsvErrors | None = None) -> Table:
    """Pooled row, a row a group where there are several, and what holds within sources."""
    pooled = row("pooled", scored, draws, seed, asv, full=True)
    if not pooled.figures:
        return Table(pooled)
    groups = scored.groups if len(scored.groups) > 1 else ()
    rows = tuple(row(name or "unnamed", scored.of_group(name), draws, seed) for name in groups)
    bins = calibration.reliability(scored.scores, scored.synthetic)
    return Table(pooled, rows, _same_source(scored, draws, seed), _pairs(scored, draws, seed), bins)


def row(
    name: str,
    scored: Scored,
    draws: int,
    seed: int,
    asv: AsvErrors | None = None,
    full: bool = False,
) -> Row:
    """The figures of some files; ``full``: with intervals of more than AUC and EER."""
    labels = scored.synthetic
    people = set() if "" in scored.people else set(scored.people)
    counts = (name, int((~labels).sum()), int(labels.sum()), len(people))
    if not scored.both_classes:
        return Row(*counts)
    ranked = Ranked.of(scored.scores, labels)
    equal = {
        "eer_official": eer.official_of(ranked),
        "eer_interpolated": eer.interpolated_of(ranked),
        "eer_rocch": eer.rocch_of(ranked),
        "eer_deepfakebench": eer.deepfakebench_of(ranked),
    }
    values = _values(ranked, asv) | {name: point.rate for name, point in equal.items()}
    files, persons = _intervals(scored, draws, seed, len(people), full)
    figures = {n: Figure(v, files.get(n), persons.get(n)) for n, v in values.items()}
    allowed = [rate for rate in RATES if operating.enough_for(rate, ranked.reals)]
    points = tuple(operating.operating_point(scored.scores, labels, rate) for rate in allowed)
    few = tuple(rate for rate in RATES if rate not in allowed)
    return Row(*counts, figures, equal, points, few)


def _values(ranked: Ranked, asv: AsvErrors | None) -> dict[str, float]:
    values = {
        "auc": ranking.auc_of(ranked),
        "ap": ranking.average_precision_of(ranked),
        "min_dcf": costs.min_dcf_of(ranked).cost,
        "act_dcf": costs.act_dcf_of(ranked).cost,
        "cllr": costs.cllr_of(ranked),
        "ece": calibration.ece(ranked.scores, ranked.synthetic),
    }
    if asv is not None:
        values["min_tdcf_legacy"] = tandem.min_tdcf_legacy(
            ranked.scores, ranked.synthetic, asv
        ).cost
        values["min_tdcf"] = tandem.min_tdcf(ranked.scores, ranked.synthetic, asv).cost
    return values


def _intervals(
    scored: Scored, draws: int, seed: int, people: int, full: bool
) -> tuple[dict[str, ConfidenceInterval], dict[str, ConfidenceInterval]]:
    """By file, and by person where all are known and there are two."""
    wanted: dict[str, Statistic] = {
        "auc": ranking.auc_of,
        "eer_official": lambda ranked: eer.official_of(ranked).rate,
    }
    if full:
        wanted["min_dcf"] = lambda ranked: costs.min_dcf_of(ranked).cost
    if not draws:
        return {}, {}
    files = bootstrap.by_file(scored.scores, scored.synthetic, wanted, draws, seed)
    if people < 2:
        return files, {}
    return files, bootstrap.by_person(
        scored.scores, scored.synthetic, scored.people, wanted, draws, seed
    )


def _same_source(scored: Scored, draws: int, seed: int) -> MacroAuc | None:
    if not any(trial.source or trial.original for trial in scored.trials):
        return None
    try:
        return same_source_auc(scored.scores, scored.synthetic, scored.sources, draws, seed)
    except ValueError:  # no source holds both classes
        return None


def _pairs(scored: Scored, draws: int, seed: int) -> PairShare | None:
    pairs = list(scored.pairs())
    if not pairs:
        return None
    fakes, originals, names = zip(*pairs, strict=True)
    return share_above_original(np.array(fakes), np.array(originals), names, draws, seed)
