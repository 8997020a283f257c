"""The AUC of trivial properties: each alone, and all together by logistic regression."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_FOLDS = 5
_RIDGE = 1.0  # penalty on the weights, which are of properties with unit variance
_NEWTON_STEPS = 25
_BLOCK = 2_000_000  # weights held at once in the bootstrap


@dataclass(frozen=True, slots=True)
class Separation:
    """How well one score separates synthetic from real.

    ``auc`` as measured: above 0.5 where synthetic files have more of it; ``low``, ``high`` its
    95 % interval by bootstrap over groups. ``separation`` is the AUC turned the better way round,
    which is at least 0.5 whatever the property: read it with the interval.
    """

    name: str
    auc: float
    low: float
    high: float

    @property
    def separation(self) -> float:
        """The larger of ``auc`` and ``1 - auc``."""
        return max(self.auc, 1 - self.auc)

    @property
    def telling(self) -> bool:
        """Whether 0.5 lies outside the interval."""
        return not self.low <= 0.5 <= self.high


@dataclass(frozen=True, slots=True)
class Shortcuts:
    """What trivial properties alone come to: each, the most telling first, and all together.

    ``scores`` (N,) are the held-out logits that ``together`` is of, in the files' order.
    """

    alone: tuple[Separation, ...]
    together: Separation
    real: int
    fake: int
    groups: int
    scores: Floats = field(default_factory=lambda: np.zeros(0), repr=False, compare=False)


def shortcut_auc(
    properties: Sequence[Mapping[str, float]],
    labels: Sequence[bool] | Flags,
    groups: Sequence[str] | None = None,
    rounds: int = 1000,
    seed: int = 0,
) -> Shortcuts:
    """How well properties tell synthetic files from real ones.

    All together: logistic regression on the properties' ranks among the training files, in
    five-fold cross-validation in which no group lies in two folds. Its AUC is of the pooled
    held-out scores, so nothing learnt by heart counts, and it may come out below 0.5.

    Args:
        properties: of each file, the same names in all; NaN where unknown counts as the median.
        labels: of each file, True for synthetic.
        groups: of each file, its person or speaker; every file by itself where left out, or where
            there is but one group.
        rounds: of the bootstrap.
        seed: of the bootstrap and the folds.

    Raises:
        ValueError: unequal lengths, no property, or a class with fewer than two files.
    """
    flags = np.asarray(labels, bool)
    people = [str(number) for number in range(len(flags))] if groups is None else list(groups)
    if not len(properties) == len(flags) == len(people):
        raise ValueError(f"{len(properties)} files, {len(flags)} labels, {len(people)} groups")
    if not properties or not properties[0]:
        raise ValueError("no properties")
    if min(int(flags.sum()), int((~flags).sum())) < 2:
        raise ValueError("both classes need at least two files")
    if len(set(people)) < 2:
        people = [str(number) for number in range(len(flags))]
    names = tuple(properties[0])
    table = np.array([[float(of[name]) for name in names] for of in properties])
    table = _without_gaps(table)
    members = np.unique(people, return_inverse=True)[1]
    draws = bootstrap(members, rounds, seed)
    alone = [
        separation(name, column, flags, draws) for name, column in zip(names, table.T, strict=True)
    ]
    scores = cross_validated(table, flags, people, seed)
    return Shortcuts(
        alone=tuple(sorted(alone, key=lambda found: -found.separation)),
        together=separation("all together", scores, flags, draws),
        real=int((~flags).sum()),
        fake=int(flags.sum()),
        groups=int(members.max()) + 1,
        scores=scores,
    )


def separation(name: str, scores: Floats, flags: Flags, draws: NDArray[np.uint16]) -> Separation:
    """AUC of ``scores`` (N,), its 95 % interval by the ``draws`` (R, N) of ``bootstrap``."""
    size = max(_BLOCK // len(scores), 1)
    found = np.concatenate([
        _weighted_auc(scores, flags, draws[start : start + size].astype(np.float64))
        for start in range(0, len(draws), size)
    ])  # fmt: skip
    found = found[np.isfinite(found)]  # a draw may lack a class
    low, high = np.quantile(found, [0.025, 0.975]) if len(found) else (0.0, 1.0)
    auc = _weighted_auc(scores, flags, np.ones((1, len(scores))))[0]
    return Separation(name, float(auc), float(low), float(high))


def bootstrap(members: NDArray[np.int64], rounds: int, seed: int) -> NDArray[np.uint16]:
    """How often each file is drawn (rounds, N) when whole groups, numbered (N,), are drawn."""
    groups = int(members.max()) + 1
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(groups, np.full(groups, 1 / groups), size=rounds)
    return drawn.astype(np.uint16)[:, members]


def cross_validated(table: Floats, flags: Flags, groups: Sequence[str], seed: int = 0) -> Floats:
    """Held-out logits (N,) of logistic regression on properties (N, P); groups stay together."""
    fold = _folds(flags, groups, seed)
    scores = np.zeros(len(flags))
    for number in range(int(fold.max()) + 1):
        held = fold == number
        if len(np.unique(flags[~held])) < 2:
            continue  # all of a class is one group: nothing can be learnt without it
        ranks, held_ranks = _ranks(table[~held], table[~held]), _ranks(table[~held], table[held])
        weights = _logistic(ranks, flags[~held])
        scores[held] = held_ranks @ weights[:-1] + weights[-1]
    return scores


def _without_gaps(table: Floats) -> Floats:
    """NaN -> the median of the others; 0 where all are unknown."""
    filled = table.copy()
    for column in filled.T:
        known = column[np.isfinite(column)]
        column[~np.isfinite(column)] = np.median(known) if len(known) else 0.0
    return filled


def _folds(flags: Flags, groups: Sequence[str], seed: int) -> NDArray[np.int64]:
    """Fold of each file (N,): groups in hashed order go to the fold that lacks their classes."""
    keys = np.asarray(groups)
    order = sorted(
        set(groups), key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).hexdigest()
    )
    counts = {name: _class_counts(flags[keys == name]) for name in order}
    order.sort(key=lambda name: -max(counts[name]))  # stable: hashed among equals
    size = min(_FOLDS, len(order))
    held = np.zeros((size, 2))
    total = _class_counts(flags)
    chosen: dict[str, int] = {}
    for name in order:
        after = (held + counts[name]) / np.maximum(total, 1)
        chosen[name] = int(np.argmin((after**2 - (held / np.maximum(total, 1)) ** 2).sum(axis=1)))
        held[chosen[name]] += counts[name]
    return np.array([chosen[name] for name in groups])


def _class_counts(flags: Flags) -> tuple[int, int]:
    return int((~flags).sum()), int(flags.sum())


def _ranks(reference: Floats, values: Floats) -> Floats:
    """Values (M, P) as ranks among ``reference`` (N, P), scaled to unit variance."""
    ranks = np.empty_like(values)
    for index, (known, column) in enumerate(zip(reference.T, values.T, strict=True)):
        ordered = np.sort(known)
        below = np.searchsorted(ordered, column, "left")
        upto = np.searchsorted(ordered, column, "right")
        ranks[:, index] = ((below + upto) / (2 * len(ordered)) - 0.5) * np.sqrt(12)
    return ranks


def _logistic(features: Floats, flags: Flags) -> Floats:
    """Weights (P + 1,), the last one the offset, by Newton's method; classes weigh the same."""
    design = np.hstack([features, np.ones((len(features), 1))])
    share = flags.mean()
    balance = np.where(flags, 0.5 / share, 0.5 / (1 - share))
    penalty = np.full(design.shape[1], _RIDGE)
    penalty[-1] = 1e-6
    weights = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        guess = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        slope = design.T @ (balance * (guess - flags)) + penalty * weights
        curve = (design.T * (balance * guess * (1 - guess))) @ design + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights


def _weighted_auc(scores: Floats, flags: Flags, weights: Floats) -> Floats:
    """AUC (R,) of scores (N,) for each row of weights (R, N); ties count half; NaN without both."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    fake = np.add.reduceat((weights * flags)[:, order], starts, axis=1)
    real = np.add.reduceat((weights * ~flags)[:, order], starts, axis=1)
    below = np.cumsum(real, axis=1) - real / 2
    pairs = fake.sum(axis=1) * real.sum(axis=1)
    won = (fake * below).sum(axis=1)
    found: Floats = np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return found
