"""Records of labelled files -> how well trivial properties separate them, and what overlaps."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import InputError
from detectors.audit.collection import shared_people
from detectors.audit.fingerprints import Alike, alike_pictures, alike_sounds
from detectors.audit.media_properties import Record
from detectors.audit.shortcuts import Shortcuts, shortcut_auc
from detectors.metrics.pairs import MacroAuc, same_source_auc
from detectors.protocols import Protocol, Trial

#: Words such as codecs count as properties of their own, the most common ones.
_MOST_KINDS = 30
_LEAST_OF_A_SOURCE = 4  # files of each class for a row of its own


@dataclass(frozen=True, slots=True)
class Source:
    """One source: how well properties separate its files, and the property that does it best."""

    name: str
    real: int
    fake: int
    together: float
    low: float
    high: float
    most_telling: str
    its_auc: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files that are alike, and how they relate.

    ``related``: they are known to stem from one film or recording, such as a fake and its original;
    otherwise they count twice in every figure, or leak from one split into another.
    """

    first: str
    second: str
    what: str
    likeness: float
    related: bool
    across_classes: bool
    across_splits: bool


@dataclass(frozen=True)
class Audit:
    """What an audit comes to.

    Attributes:
        name: of the collection; ``split_sha256`` of its list of files and labels.
        real: files that could be read.
        fake: the same.
        unreadable: path -> why.
        constant: properties that are the same in all files.
        pooled: of all files.
        within: property -> mean of the AUCs within sources that hold both classes.
        sources: those with files enough.
        exact: files equal to the byte, by groups.
        near: pairs of files that are nearly equal.
        people: person -> splits, where more than one.
        groups_are: what is drawn as one by the bootstrap and held out together.
    """

    name: str
    split_sha256: str
    real: int
    fake: int
    unreadable: Mapping[str, str]
    constant: tuple[str, ...]
    pooled: Shortcuts
    within: Mapping[str, MacroAuc]
    sources: tuple[Source, ...]
    exact: tuple[tuple[str, ...], ...]
    near: tuple[Pair, ...]
    people: Mapping[str, tuple[str, ...]]
    groups_are: str


def judge(found: Protocol, records: Sequence[Record], rounds: int = 1000, seed: int = 0) -> Audit:
    """Weigh the records of a collection's files, in their order.

    Raises:
        InputError: a class has fewer than two readable files.
    """
    readable = [
        (trial, each)
        for trial, each in zip(found.trials, records, strict=True)
        if each.error is None
    ]
    trials = [trial for trial, _ in readable]
    kept = [each for _, each in readable]
    if min(Counter(t.synthetic for t in trials).get(label, 0) for label in (False, True)) < 2:
        raise InputError("both classes need at least two readable files", found.root)
    table, constant = properties_of(kept)
    labels = np.array([trial.synthetic for trial in trials], bool)
    groups, groups_are = _groups(trials)
    pooled = shortcut_auc(table, labels, groups, rounds, seed)
    sources = [_source(trial) for trial in trials]
    return Audit(
        name=found.root.resolve().name, split_sha256=found.sha256, real=int((~labels).sum()),
        fake=int(labels.sum()),
        unreadable={r.path: r.error for r in records if r.error is not None},
        constant=constant, pooled=pooled,
        within=_within(table, pooled, labels, sources, rounds, seed),
        sources=_sources(table, labels, groups, sources, rounds, seed),
        exact=_exact(kept), near=_near(trials, kept), people=shared_people(found),
        groups_are=groups_are,
    )  # fmt: skip


def properties_of(
    records: Sequence[Record],
) -> tuple[list[dict[str, float]], tuple[str, ...]]:
    """Numbers by name of each file, NaN where unknown, words as 0 or 1; and the constant names."""
    names = sorted({name for each in records for name in each.properties})
    kinds = Counter((kind, word) for each in records for kind, word in each.kinds.items())
    chosen = [pair for pair, count in kinds.most_common(_MOST_KINDS) if 1 < count < len(records)]
    table = [
        {name: each.properties.get(name, math.nan) for name in names}
        | {f"{kind} = {word}": float(each.kinds.get(kind) == word) for kind, word in chosen}
        for each in records
    ]
    constant = tuple(name for name in names if _is_constant([row[name] for row in table]))
    varying = [{n: v for n, v in row.items() if n not in constant} for row in table]
    return varying, constant


def _is_constant(values: Sequence[float]) -> bool:
    known = [value for value in values if not math.isnan(value)]
    return len(known) == len(values) and max(known) - min(known) <= 1e-9 * abs(max(known))


def _groups(trials: Sequence[Trial]) -> tuple[list[str], str]:
    """What is drawn and held out together, and its name."""
    if all(trial.person for trial in trials):
        return [trial.person for trial in trials], "people"
    if any(trial.person or trial.source or trial.original for trial in trials):
        return [t.person or t.source or t.original or t.key for t in trials], (
            "people, else sources, else originals with their fakes"
        )
    return [trial.key for trial in trials], "files"


def _source(trial: Trial) -> str:
    return trial.source or trial.original or trial.key


def _within(
    table: Sequence[Mapping[str, float]], pooled: Shortcuts, labels: NDArray[np.bool_],
    sources: Sequence[str], rounds: int, seed: int,
) -> dict[str, MacroAuc]:  # fmt: skip
    """Same-source macro AUC of each property and of all together; empty without such sources."""
    columns = {name: np.array([row[name] for row in table]) for name in table[0]}
    columns = {name: np.where(np.isnan(v), _median(v), v) for name, v in columns.items()}
    columns[pooled.together.name] = pooled.scores
    try:
        return {
            name: same_source_auc(values, labels, sources, rounds, seed)
            for name, values in columns.items()
        }
    except ValueError:  # no source holds both classes
        return {}


def _median(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0


def _sources(
    table: Sequence[Mapping[str, float]], labels: NDArray[np.bool_],
    groups: Sequence[str], sources: Sequence[str], rounds: int, seed: int,
) -> tuple[Source, ...]:  # fmt: skip
    found = []
    for name, count in Counter(sources).most_common():
        if count < 2 * _LEAST_OF_A_SOURCE:
            break
        at = [place for place, source in enumerate(sources) if source == name]
        fakes = int(labels[at].sum())
        if min(fakes, len(at) - fakes) < _LEAST_OF_A_SOURCE:
            continue
        inner = [groups[place] for place in at]
        own = shortcut_auc([table[place] for place in at], labels[at], inner, rounds, seed)
        best = own.alone[0]
        found.append(
            Source(
                name, own.real, own.fake, own.together.auc, own.together.low, own.together.high,
                best.name, best.auc,
            )
        )  # fmt: skip
    return tuple(found)


def _exact(records: Sequence[Record]) -> tuple[tuple[str, ...], ...]:
    by_hash: dict[str, list[str]] = {}
    for each in records:
        by_hash.setdefault(each.sha256, []).append(each.path)
    return tuple(tuple(sorted(paths)) for paths in by_hash.values() if len(paths) > 1)


def _near(trials: Sequence[Trial], records: Sequence[Record]) -> tuple[Pair, ...]:
    """Pairs that are alike but not equal to the byte; related ones last, the most alike first."""
    found = [
        *alike_pictures([each.pictures for each in records]),
        *alike_sounds([each.sound for each in records]),
    ]
    pairs = [
        _pair(alike, trials)
        for alike in found
        if records[alike.first].sha256 != records[alike.second].sha256
    ]
    return tuple(sorted(pairs, key=lambda pair: (pair.related, -pair.likeness, pair.first)))


def _pair(alike: Alike, trials: Sequence[Trial]) -> Pair:
    first, second = trials[alike.first], trials[alike.second]
    origins = [{t.key, t.original, t.source} - {""} for t in (first, second)]
    return Pair(
        first.path, second.path, alike.what, alike.likeness,
        related=bool(origins[0] & origins[1]),
        across_classes=first.synthetic != second.synthetic,
        across_splits=first.split != second.split,
    )  # fmt: skip
