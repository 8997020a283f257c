"""Scores in order, from which every error rate follows; resampled without sorting again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.metrics.polarity import Booleans, Doubles

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Curve:
    """Errors as more and more files are called synthetic, from none to all.

    ``frr`` (K,) is the share of real files rejected (false alarms of a detector), rising from 0 to
    1; ``far`` (K,) the share of synthetic files accepted (misses), falling from 1 to 0; files whose
    score reaches ``thresholds`` (K,) are called synthetic.
    """

    frr: Doubles
    far: Doubles
    thresholds: Doubles


@dataclass(frozen=True)
class Ranked:
    """Scores (N,) from the most synthetic down, with their labels (N,); real first among equals.

    Turned round (bona fide high, ascending), this is the order of the ASVspoof evaluation code: a
    merge sort of the bona fide scores followed by the spoofed ones.
    """

    scores: Doubles
    synthetic: Booleans

    @classmethod
    def of(cls, scores: ArrayLike, synthetic: ArrayLike) -> Ranked:
        """Sort. ValueError when lengths differ, a score is not finite, or a class is missing."""
        values, labels = np.asarray(scores, np.float64), np.asarray(synthetic, bool)
        if values.ndim != 1 or values.shape != labels.shape:
            raise ValueError(f"{values.shape} scores for {labels.shape} labels")
        if not np.isfinite(values).all():
            raise ValueError("a score is not finite")
        if not labels.any() or labels.all():
            raise ValueError("without a real and a synthetic file there are no errors to count")
        order = order_of(values, labels)
        return cls(values[order], labels[order])

    def resampled(self, counts: Integers) -> Ranked:
        """The same with every file taken ``counts`` (N,) times, in our order."""
        return Ranked(np.repeat(self.scores, counts), np.repeat(self.synthetic, counts))

    @property
    def reals(self) -> int:
        """Number of real files."""
        return len(self.synthetic) - self.fakes

    @cached_property
    def fakes(self) -> int:
        """Number of synthetic files."""
        return int(np.count_nonzero(self.synthetic))

    @cached_property
    def _caught(self) -> Integers:
        """Synthetic files among the first k, for k from 0 to N."""
        caught = np.zeros(len(self.synthetic) + 1, np.int64)
        np.cumsum(self.synthetic, out=caught[1:])
        return caught

    @cached_property
    def _steps(self) -> Integers:
        """The numbers of files that a threshold can call synthetic: ties all or none."""
        ends = np.flatnonzero(self.scores[1:] != self.scores[:-1]) + 1
        return np.concatenate(([0], ends, [len(self.scores)]))

    @cached_property
    def official(self) -> Curve:
        """The curve of the ASVspoof evaluation code, one file at a time even among equal scores.

        Its first threshold lies 0.001 beyond the highest score (in its polarity: below the lowest),
        and the second is that score itself.
        """
        caught = self._caught
        alarms = np.arange(len(caught)) - caught
        thresholds = np.concatenate((self.scores[:1] + 0.001, self.scores))
        return Curve(alarms / self.reals, (self.fakes - caught) / self.fakes, thresholds)

    @cached_property
    def roc(self) -> Curve:
        """The curve over distinct thresholds, from an infinite one on."""
        steps = self._steps
        caught = self._caught[steps]
        alarms = steps - caught
        thresholds = np.concatenate(([np.inf], self.scores[steps[1:] - 1]))
        return Curve(alarms / self.reals, (self.fakes - caught) / self.fakes, thresholds)

    @cached_property
    def counts(self) -> tuple[Integers, Integers]:
        """False alarms (K,) and synthetic files caught (K,) along ``roc``."""
        caught = self._caught[self._steps]
        return self._steps - caught, caught


def order_of(scores: ArrayLike, synthetic: ArrayLike) -> Integers:
    """Places (N,) of the sorted scores among the unsorted."""
    return np.lexsort((np.asarray(synthetic, bool), -np.asarray(scores, np.float64)))
