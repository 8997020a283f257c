"""How well a mouth and a sound agree at every lag, gathered over a file, and what that comes to.

The protocol of SyncNet (Chung and Zisserman 2016), as in ``metrics.picture_sync``, but on the few
films of each burst and in constant memory: only sums by lag are kept. Lags are positive where the
mouth comes later than the sound.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Frames (25 a second) to either side that are looked at.
MOST_LAG = 15
LAGS = 2 * MOST_LAG + 1
_BESIDE = 3  # lags next to the best one that say nothing of the others' spread
_WINDOW = 4  # bursts that a score over time is of
_PARAMETERS = Path(__file__).with_name("parameters") / "sync.json"


@dataclass(frozen=True, slots=True)
class SyncFigures:
    """What an agreement by lag comes to.

    Attributes:
        offset: best lag, frames of 25 a second, positive where the mouth comes late.
        confidence: largest mean cosine less the median over lags (SyncNet's).
        distance: least mean distance of the embeddings, 0 to 2 (LSE-D has other units).
        contrast: confidence in deviations of the lags away from the best one.
        films: how many films of 0.2 s it is the mean of.
    """

    offset: int
    confidence: float
    distance: float
    contrast: float
    films: int


@dataclass
class Agreement:
    """Sums of cosines by lag."""

    _sum: Floats = field(default_factory=lambda: np.zeros(LAGS))
    _count: Floats = field(default_factory=lambda: np.zeros(LAGS))
    _recent: deque[tuple[Floats, Floats]] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    films: int = 0

    def add(self, cosines: Floats) -> None:
        """The films of a burst, (F, ``LAGS``), NaN where there is no sound."""
        seen = np.isfinite(cosines)
        part = np.where(seen, cosines, 0.0).sum(axis=0), seen.sum(axis=0).astype(np.float64)
        self._sum += part[0]
        self._count += part[1]
        self._recent.append(part)
        self.films += len(cosines)

    def figures(self) -> SyncFigures | None:
        """Of all that was added; None where that says nothing."""
        return figures(self._sum, self._count, self.films)

    def recent(self) -> SyncFigures | None:
        """Of the last few bursts."""
        total, count = (np.sum(part, axis=0) for part in zip(*self._recent, strict=True))
        return figures(total, count, int(count.max()))


def figures(total: Floats, count: Floats, films: int) -> SyncFigures | None:
    """Of sums and counts by lag (``LAGS``,); a lag needs a quarter of the films."""
    enough = count >= max(1.0, count.max() / 4)
    if enough.sum() < LAGS // 2:
        return None
    means = np.where(enough, total / np.maximum(count, 1.0), np.nan)
    best = int(np.nanargmax(means))
    away = np.abs(np.arange(LAGS) - best) > _BESIDE
    confidence = float(means[best] - np.nanmedian(means))
    spread = float(np.nanstd(means[away]))
    distance = float(np.sqrt(max(0.0, 2.0 - 2.0 * means[best])))
    contrast = confidence / max(spread, 1e-3)
    return SyncFigures(best - MOST_LAG, confidence, distance, contrast, films)


def features(found: SyncFigures) -> Floats:
    """What the logistic weighs: confidence, contrast, how much was seen.

    Not how far off the best lag is: that is where somebody slipped in editing.
    """
    return np.array(
        [
            found.confidence, np.log1p(found.contrast), np.log(found.films),
            found.confidence * np.log(found.films),
        ]
    )  # fmt: skip


def logit(found: SyncFigures) -> float:
    """Evidence that picture and sound do not belong together, a raw logit."""
    weights = _parameters()
    return float(features(found) @ np.array(weights["weights"]) + weights["bias"])


@cache
def _parameters() -> dict[str, list[float] | float]:
    found: dict[str, list[float] | float] = json.loads(_PARAMETERS.read_text("utf-8"))
    return found
