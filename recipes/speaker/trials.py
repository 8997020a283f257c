"""Trials: is it the same voice? Pairs of stretches of speech, scored by the cosine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trials:
    """Pairs of segments: scores (P,), whether the speaker is the same, and the two people."""

    scores: Floats
    same: NDArray[np.bool_]
    people: NDArray[np.intp]  # (P, 2)

    @property
    def counts(self) -> tuple[int, int]:
        """How many of the same voice, and of different ones."""
        return int(self.same.sum()), int((~self.same).sum())


def trials(
    one: Floats, other: Floats, people: Sequence[str], allowed: NDArray[np.bool_] | None = None
) -> Trials:
    """All pairs of a segment of ``one`` with a later one of ``other``, unit vectors (S, D) each.

    ``allowed`` (S, S) says which; all without it.
    """
    _, numbers = np.unique(people, return_inverse=True)
    first, second = np.triu_indices(len(people), 1)
    if allowed is not None:
        kept = allowed[first, second]
        first, second = first[kept], second[kept]
    scores = (one[first] * other[second]).sum(axis=1)
    pairs = np.stack([numbers[first], numbers[second]], axis=1)
    return Trials(scores, pairs[:, 0] == pairs[:, 1], pairs)


def apart(files: Sequence[str], starts: Sequence[int], size: int | None) -> NDArray[np.bool_]:
    """Which segments (S, S) are of different files, or ``size`` samples and more from each other.

    With ``size`` None only those of different files.
    """
    _, numbers = np.unique(files, return_inverse=True)
    other = numbers[:, None] != numbers
    if size is None:
        return np.asarray(other)
    first = np.array(starts)
    return np.asarray(other | (np.abs(first[:, None] - first) >= size))


def equal_error(
    scores: Floats, same: NDArray[np.bool_], weights: Floats | None = None
) -> tuple[float, float]:
    """Rate at which as many strangers are accepted as speakers refused, and its threshold.

    Mean of the two rates at the threshold where they are nearest; ``weights`` count a trial more
    than once.
    """
    order = np.argsort(scores, kind="stable")
    weight = np.ones(len(scores)) if weights is None else weights
    refused = np.cumsum((weight * same)[order]) / max(float((weight * same).sum()), 1e-9)
    accepted = 1 - np.cumsum((weight * ~same)[order]) / max(float((weight * ~same).sum()), 1e-9)
    best = int(np.abs(refused - accepted).argmin())
    return float((refused[best] + accepted[best]) / 2), float(scores[order[best]])


def false_acceptance(scores: Floats, same: NDArray[np.bool_], rate: float) -> float:
    """The threshold at and above which ``rate`` of the strangers are accepted."""
    return float(np.quantile(scores[~same], 1 - rate))


def interval(found: Trials, draws: int = 500, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the equal error rate by drawing speakers with replacement.

    A pair counts as often as its speakers were drawn, two different ones the product of that.
    """
    random = np.random.default_rng(seed)
    people = int(found.people.max()) + 1
    rates = []
    for _ in range(draws):
        times = np.bincount(random.integers(people, size=people), minlength=people)
        one, other = times[found.people.T].astype(np.float64)
        weights = np.where(found.same, one, one * other)
        if (weights * found.same).any() and (weights * ~found.same).any():
            rates.append(equal_error(found.scores, found.same, weights)[0])
    low, high = np.quantile(rates, (0.025, 0.975))
    return float(low), float(high)
