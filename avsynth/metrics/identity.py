"""Is it still the same person: distances of identity embeddings.

Of pairs of embeddings (N, D), any embedder's, NaN where it found no face; such pairs are left out.
The embedder, and what was compared (the source, or the true frame), belong beside every number:
figures of different embedders have nothing to do with each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def aed(made: ArrayLike, real: ArrayLike) -> float:
    """Average embedding distance: mean absolute difference (L1 mean over D), mean over pairs.

    ``np.mean(np.abs(a - b))``, as the first ``cmp.py`` of pose-evaluation (Siarohin 2018, Monkey-
    Net), whose later version, of 2019, is ``aed_squared``. NaN if no pair is left.
    """
    return _mean(np.abs(_difference(made, real)).mean(axis=1))


def aed_squared(made: ArrayLike, real: ArrayLike) -> float:
    """Mean over pairs of the squared Euclidean distance: ``cmp.py`` of pose-evaluation since 2019
    (First Order Motion Model).
    """
    return _mean((_difference(made, real) ** 2).sum(axis=1))


def embedding_distance(made: ArrayLike, real: ArrayLike) -> float:
    """Mean Euclidean distance (L2): what face recognition has its thresholds in.

    dlib's authors call two pictures one person below 0.6.
    """
    return _mean(np.linalg.norm(_difference(made, real), axis=1))


def csim(made: ArrayLike, real: ArrayLike) -> float:
    """Mean cosine of the angle between embeddings ("CSIM", Zakharov et al. 2019, there ArcFace's).

    NaN if no pair is left.
    """
    a, b = np.broadcast_arrays(np.asarray(made, np.float64), np.asarray(real, np.float64))
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = (a * b).sum(axis=1) / norms
    return _mean(cosines[np.isfinite(cosines)])


def _difference(made: ArrayLike, real: ArrayLike) -> Floats:
    """``made - real`` (n, D) of the pairs that both exist."""
    apart = np.asarray(made, np.float64) - np.asarray(real, np.float64)
    return np.asarray(apart[np.isfinite(apart).all(axis=1)])


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
