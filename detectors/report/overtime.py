"""Scores over time, cut down to what a line of JSON or a chart can hold."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.base import Evidence, Interval, MarkedFrame, MarkedSound

Marked = TypeVar("Marked", Interval, MarkedFrame, MarkedSound)
Series = tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.int32]]


def decimate(evidence: Evidence, most: int) -> Series:
    """Times, scores and tracks of at most about ``most`` points in all, in the order they had.

    Where there are more, time is cut into equal stretches and the highest score of each stretch is
    kept, for every face apart, so that no peak is lost. Tracks are empty where there are none. Of
    more faces than ``most`` one point each stays, so that a few more than ``most`` can come back.
    """
    times, scores, tracks = evidence.times, evidence.scores, evidence.tracks
    if len(times) <= most:
        return times, scores, tracks
    whose = tracks if len(tracks) == len(times) else np.zeros(len(times), np.int32)
    faces, counts = np.unique(whose, return_counts=True)
    kept = [
        np.flatnonzero(whose == face)[highest(times[whose == face], scores[whose == face], share)]
        for face, share in zip(faces, np.maximum(most * counts // len(times), 1), strict=True)
    ]
    order = np.sort(np.concatenate(kept))
    return times[order], scores[order], tracks[order] if len(tracks) else tracks


def highest(
    times: NDArray[np.float64], scores: NDArray[np.float32], most: int
) -> NDArray[np.int64]:
    """Indices (at most ``most``, rising) of the highest score in each of equal stretches of time.

    Scores that are no numbers count as lowest.
    """
    if len(times) <= most:
        return np.arange(len(times))
    span = float(times.max() - times.min()) or 1.0
    bins = np.minimum((times - times.min()) / span * most, most - 1).astype(np.int64)
    ranked = np.lexsort((-np.nan_to_num(scores, nan=-np.inf), bins))
    _, first = np.unique(bins[ranked], return_index=True)
    return np.sort(ranked[first])


def of_track(evidence: Evidence, track: int | None) -> NDArray[np.int64]:
    """Indices of one face's scores; of all where ``track`` is None."""
    if track is None or len(evidence.tracks) != len(evidence.times):
        return np.arange(len(evidence.times))
    return np.flatnonzero(evidence.tracks == track)


def worst_first(marked: Iterable[Marked]) -> list[Marked]:
    """What was marked, the highest score first; scores that are no numbers last."""
    return sorted(marked, key=lambda each: -each.score if math.isfinite(each.score) else math.inf)
