"""Beyond the files' figures: generators seen and unseen in training, single moments, stretches."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.benchmark.rows import Row, Seen
from detectors.metrics import Key, bootstrap, eer, ranking
from detectors.metrics.bootstrap import ConfidenceInterval
from detectors.metrics.localisation import AP_IOUS, AR_COUNTS, ap_at_iou, ar_at_n
from detectors.metrics.trials import join
from detectors.protocols import Protocol, Trial

#: Name of all detectors together.
FUSED = "fused"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """AUC of the synthetic files whose generators a detector saw in training, and of the others.

    ``seen`` and ``unseen`` name the groups; an AUC is None where there are no such files.
    """

    detector: str
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    in_distribution: float | None
    in_distribution_interval: ConfidenceInterval | None
    held_out: float | None
    held_out_interval: ConfidenceInterval | None


@dataclass(frozen=True, slots=True)
class Frames:
    """Scores of single moments, never to be compared with those of files.

    ``interval`` is by drawing files, with all of their moments.
    """

    detector: str
    frames: int
    files: int
    auc: float
    interval: ConfidenceInterval
    eer_official: float


@dataclass(frozen=True, slots=True)
class Localised:
    """AP@IoU and AR@N of the stretches that stood out; by our definition and the public one."""

    detector: str
    ap: Mapping[str, float]
    ar: Mapping[str, float]
    official_ap: Mapping[str, float]
    official_ar: Mapping[str, float]


def held_out(
    name: str, scores: Mapping[str, float | None], key: Key, rows: Mapping[str, Row], draws: int,
    seed: int,
) -> HeldOut | None:  # fmt: skip
    """None where a detector says nothing of its training."""
    known = _trained_on(name, rows)
    groups = {trial.group for trial in key.trials if trial.synthetic}
    if not known or not groups:
        return None
    seen = tuple(sorted(group for group in groups if is_seen(group, known)))
    unseen = tuple(sorted(groups - set(seen)))
    inside, inside_interval = _auc_of(scores, key, seen, draws, seed)
    outside, outside_interval = _auc_of(scores, key, unseen, draws, seed)
    return HeldOut(name, seen, unseen, inside, inside_interval, outside, outside_interval)


def is_seen(group: str, trained_on: frozenset[str]) -> bool:
    """Whether a group of a protocol is among what a detector was trained on, by its name.

    Names are compared without case and punctuation, whole or by the parts between ``/`` and ``:``.
    A generator that goes by two names is taken for unseen.
    """
    return _plain(group) in trained_on


def _trained_on(name: str, rows: Mapping[str, Row]) -> frozenset[str]:
    """Plain names of what a detector has seen; of all that gave a score, for the fused one."""
    told: set[str] = set()
    for row in rows.values():
        for detector, seen in row.detectors.items():
            if name in (FUSED, detector) and seen.score is not None:
                told.update(seen.trained_on)
    parts = {part for each in told for part in (each, *re.split("[/:]", each))}
    return frozenset(_plain(part) for part in parts) - {""}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _auc_of(
    scores: Mapping[str, float | None], key: Key, groups: Sequence[str], draws: int, seed: int
) -> tuple[float | None, ConfidenceInterval | None]:
    """AUC of the synthetic files of some groups against all real ones, interval by file."""
    kept = tuple(t for t in key.trials if not t.synthetic or t.group in groups)
    scored = join(scores, Key(key.protocol, kept), None)
    if not scored.both_classes:
        return None, None
    value = ranking.auc(scored.scores, scored.synthetic)
    if not draws:
        return value, None
    wanted = {"auc": ranking.auc_of}
    return value, bootstrap.by_file(scored.scores, scored.synthetic, wanted, draws, seed)["auc"]


def frames(
    name: str, rows: Mapping[str, Row], trials: Sequence[Trial], protocol: Protocol, draws: int,
    seed: int,
) -> Frames | None:  # fmt: skip
    """None where a detector gives no scores over time, or of one class alone."""
    scores: list[float] = []
    labels: list[bool] = []
    files: list[str] = []
    for trial in trials:
        seen = rows[trial.key].detectors.get(name)
        if seen is not None and seen.score is not None:
            scores += seen.scores
            labels += [_fake_at(trial, time, protocol.localised) for time in seen.times]
            files += [trial.key] * len(seen.scores)
    if len(set(labels)) < 2 or len(set(files)) < 2:
        return None
    wanted = {"auc": ranking.auc_of}
    interval = bootstrap.by_person(scores, labels, files, wanted, max(draws, 1), seed)["auc"]
    return Frames(
        name, len(scores), len(set(files)), ranking.auc(scores, labels), interval,
        eer.eer_official(scores, labels).rate,
    )  # fmt: skip


def _fake_at(trial: Trial, time: float, localised: bool) -> bool:
    if not localised:
        return trial.synthetic
    return any(start <= time < stop for start, stop in trial.fakes)


def localised(
    names: Sequence[str], rows: Mapping[str, Row], trials: Sequence[Trial]
) -> tuple[Localised, ...]:
    """For each detector that marks stretches, and for all of them together."""
    truth = [np.array(trial.fakes, np.float64).reshape(-1, 2) for trial in trials]
    found = []
    for name in (FUSED, *names):
        proposals = [_stretches(rows[trial.key].detectors, name) for trial in trials]
        if any(len(each) for each in proposals):
            found.append(_localisation(name, proposals, truth))
    return tuple(found)


def _stretches(detectors: Mapping[str, Seen], name: str) -> NDArray[np.float64]:
    """Proposals (P, 3): score, start, stop; best first, as the public code wants them."""
    rows = [
        stretch for detector, seen in detectors.items() if name in (FUSED, detector)
        for stretch in seen.stretches
    ]  # fmt: skip
    return np.array(sorted(rows, reverse=True), np.float64).reshape(-1, 3)


def _localisation(
    name: str, proposals: Sequence[NDArray[np.float64]],
    truth: Sequence[NDArray[np.float64]],
) -> Localised:  # fmt: skip
    def ap(compat: bool) -> dict[str, float]:
        return {f"AP@{iou:g}": ap_at_iou(proposals, truth, iou, compat) for iou in AP_IOUS}

    def ar(compat: bool) -> dict[str, float]:
        return {
            f"AR@{count}": ar_at_n(proposals, truth, count, official_compat=compat)
            for count in AR_COUNTS
        }

    return Localised(name, ap(False), ar(False), ap(True), ar(True))
