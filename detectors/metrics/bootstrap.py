"""95 % intervals by resampling files, or people with all their files.

Scores are sorted once; a draw only says how often each is taken, so that 70,000 files and 1,000
draws are a matter of seconds. Seeds are given, never taken from the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.metrics.polarity import Doubles
from detectors.metrics.ranked import Integers, Ranked, order_of

Statistic = Callable[[Ranked], float]


@dataclass(frozen=True, slots=True)
class ConfidenceInterval:
    """A 95 % percentile interval, the draws it rests on, and how many units were drawn."""

    low: float
    high: float
    draws: int
    units: int


def by_file(
    scores: ArrayLike,
    synthetic: ArrayLike,
    statistics: Mapping[str, Statistic],
    draws: int,
    seed: int,
) -> dict[str, ConfidenceInterval]:
    """Intervals of statistics when files are drawn anew, real and synthetic ones apart.

    Every draw has as many of each class as the set. Scores (N,), higher = synthetic; labels (N,).
    """
    ranked = Ranked.of(scores, synthetic)
    rng = np.random.default_rng(seed)
    places = [np.flatnonzero(ranked.synthetic == label) for label in (False, True)]

    def draw() -> Integers:
        counts = np.zeros(len(ranked.scores), np.int64)
        for at in places:
            counts[at] = np.bincount(rng.integers(len(at), size=len(at)), minlength=len(at))
        return counts

    return _intervals(ranked, statistics, draw, draws, len(ranked.scores))


def by_person(
    scores: ArrayLike,
    synthetic: ArrayLike,
    people: Sequence[str],
    statistics: Mapping[str, Statistic],
    draws: int,
    seed: int,
) -> dict[str, ConfidenceInterval]:
    """Intervals of statistics when ``people`` (N,) are drawn anew, each with all of their files.

    Draws without a real or without a synthetic file are left out, and the number of draws says so.
    ValueError with fewer than two people.
    """
    names, which = np.unique(np.asarray(people), return_inverse=True)
    if len(names) < 2:
        raise ValueError("an interval over people needs two of them")
    ranked, which = Ranked.of(scores, synthetic), which[order_of(scores, synthetic)]
    rng = np.random.default_rng(seed)

    def draw() -> Integers:
        drawn = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        return np.asarray(drawn[which])

    return _intervals(ranked, statistics, draw, draws, len(names))


def of_means(values: Sequence[ArrayLike], draws: int, seed: int) -> ConfidenceInterval:
    """Interval of the mean of all numbers when groups of them (an array each) are drawn anew."""
    sums = np.array([np.sum(each) for each in values], np.float64)
    sizes = np.array([np.size(each) for each in values], np.float64)
    rng = np.random.default_rng(seed)
    taken = rng.integers(len(sums), size=(draws, len(sums)))
    return _interval(sums[taken].sum(1) / sizes[taken].sum(1), len(sums))


def _intervals(
    ranked: Ranked,
    statistics: Mapping[str, Statistic],
    draw: Callable[[], Integers],
    draws: int,
    units: int,
) -> dict[str, ConfidenceInterval]:
    found: dict[str, list[float]] = {name: [] for name in statistics}
    for _ in range(draws):
        drawn = ranked.resampled(draw())
        if 0 < drawn.fakes < len(drawn.scores):
            for name, statistic in statistics.items():
                found[name].append(statistic(drawn))
    return {name: _interval(np.array(values), units) for name, values in found.items()}


def _interval(values: Doubles | NDArray[np.float64], units: int) -> ConfidenceInterval:
    """The middle 95 % of drawn values; NaN when there are none."""
    if not len(values):
        return ConfidenceInterval(float("nan"), float("nan"), 0, units)
    low, high = np.percentile(values, [2.5, 97.5])
    return ConfidenceInterval(float(low), float(high), len(values), units)
