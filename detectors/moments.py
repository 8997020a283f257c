"""Scores over time as they come in, and the few worst moments: what detectors keep of a file."""

from __future__ import annotations

import heapq
from array import array
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.base import Evidence, Interval, Subject

Marked = TypeVar("Marked")

#: Marked frames or sounds that are kept.
KEPT = 4
_LASTING = 0.3  # of the longest track's moments that a track needs to count
_GAP = 1.6  # seconds between moments that belong to one stretch


class Worst(Generic[Marked]):
    """The ``KEPT`` items of highest score."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Marked]] = []
        self._count = 0

    def wants(self, score: float) -> bool:
        """Whether an item of this score would be kept."""
        return len(self._heap) < KEPT or score > self._heap[0][0]

    def add(self, score: float, item: Marked) -> None:
        """Keep the item in place of the least of those that are kept."""
        self._count += 1
        entry = (score, -self._count, item)
        if len(self._heap) < KEPT:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    @property
    def items(self) -> tuple[Marked, ...]:
        """Worst first."""
        return tuple(item for *_, item in sorted(self._heap, key=lambda e: (-e[0], -e[1])))


class Moments:
    """Times, scores and tracks, a few numbers each."""

    def __init__(self) -> None:
        self._times, self._scores, self._tracks = array("d"), array("f"), array("i")
        self._seen = 0.0

    def __len__(self) -> int:
        return len(self._times)

    def add(self, time: float, score: float, track: int | None, seen: float) -> None:
        """One moment; ``track`` None for sound, ``seen`` how much was looked at or heard."""
        self._times.append(time)
        self._scores.append(score)
        if track is not None:
            self._tracks.append(track)
        self._seen += seen

    @property
    def scores(self) -> NDArray[np.float32]:
        """(N,)."""
        return np.array(self._scores, np.float32)

    def worst_track(self) -> float:
        """The highest mean score of a track that is there for long enough."""
        tracks, scores = np.array(self._tracks, np.int32), self.scores
        names, counts = np.unique(tracks, return_counts=True)
        lasting = names[counts >= max(1.0, _LASTING * counts.max())]
        return max(float(scores[tracks == name].mean()) for name in lasting)

    def evidence(
        self, detector: str, subject: Subject, score: float | None = None, **more: Any
    ) -> Evidence:
        """Evidence of these moments; ``score`` is that of the file, by default their mean."""
        times, scores = np.array(self._times, np.float64), self.scores
        return Evidence(
            detector, float(scores.mean()) if score is None else score, times, scores,
            where=stretches(times, scores), seen=self._seen, subject=subject,
            tracks=np.array(self._tracks, np.int32), **more,
        )  # fmt: skip


def stretches(times: NDArray[np.float64], scores: NDArray[np.float32]) -> tuple[Interval, ...]:
    """Runs of moments with scores above 0, half a second added to both ends, mean scores."""
    order = np.argsort(times, kind="stable")
    found: list[tuple[float, float, list[float]]] = []
    for time, score in zip(times[order], scores[order], strict=True):
        if score <= 0:
            continue
        if found and time - found[-1][1] <= _GAP:
            start, _, values = found[-1]
            found[-1] = (start, float(time), [*values, float(score)])
        else:
            found.append((float(time), float(time), [float(score)]))
    return tuple(
        Interval(max(0.0, start - 0.5), stop + 0.5, float(np.mean(values)))
        for start, stop, values in found
    )
