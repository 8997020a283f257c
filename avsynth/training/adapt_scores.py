"""How well a made mouth follows a person's own, and how much of what was learnt to keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avsynth.face import mesh
from avsynth.face.mouth_space import MouthSpace
from avsynth.metrics import sync

Floats = NDArray[np.float64]

_AS_GOOD = 1.01
_LESS_IN_TIME = 0.01  # correlation of the opening that may be lost
_LIPS = mesh.in_mouth((*mesh.LIPS_OUTER, *mesh.LIPS_INNER))
_TOP, _BOTTOM = mesh.in_mouth(mesh.LIP_TOP_BOTTOM)


@dataclass(frozen=True)
class Scores:
    """Of held-out speech: lip distance at best lag (eye distances), correlation of the opening,
    and how far the mouth opens and closes over how far the person's does."""

    lmd: float
    opening: float
    extent: float


def opening_direction(space: MouthSpace) -> Floats:
    """How far each coefficient, in its typical size, opens the mouth (K,); of length 1."""
    rise = space.components[:, _BOTTOM, 1] - space.components[:, _TOP, 1]
    direction = rise * space.deviation
    return np.asarray(direction / np.linalg.norm(direction))


def choose(scores: dict[float, Scores]) -> float:
    """The largest share that is as good as the best, of those whose opening is no less in time.

    As good means: a lip distance within ``_AS_GOOD`` of the smallest, and below that of share 0.
    Cross-validation learns from less than there is, so what it says of large shares is too bad.
    """
    before = scores[0.0]
    usable = [s for s, its in scores.items() if its.opening >= before.opening - _LESS_IN_TIME]
    limit = min(scores[share].lmd for share in usable) * _AS_GOOD
    better = [s for s in usable if scores[s].lmd <= limit and scores[s].lmd < before.lmd]
    return max(better, default=0.0)


def score(space: MouthSpace, made: Floats, real: Floats) -> Scores:
    """Coefficients (T, K) that were made against the person's own."""
    shapes = [space.shape(rows) for rows in (made, real)]
    lips = [shape[:, _LIPS, :2] for shape in shapes]
    gaps = [shape[:, _BOTTOM, 1] - shape[:, _TOP, 1] for shape in shapes]
    return Scores(
        round(sync.lmd_best_lag(lips[1], lips[0], np.ones(len(real)))[0], 5),
        round(sync.best_lag(gaps[0], gaps[1])[0], 4),
        round(float(gaps[0].std() / max(gaps[1].std(), 1e-9)), 3),
    )
