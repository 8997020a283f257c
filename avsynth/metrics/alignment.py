"""Dynamic time warping: which frame of one recording goes with which of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Path = NDArray[np.intp]


def warping_path(first: ArrayLike, second: ArrayLike) -> Path:
    """The cheapest path through Euclidean distances: (T, D), (U, D) -> (P, 2) pairs of indices.

    Exact, unbanded, monotonic, from (0, 0) to (T - 1, U - 1) by steps of one in either or both;
    a step costs the distance of the pair that it reaches (Sakoe and Chiba 1978, symmetric form P
    = 0 with equal weights). P is at least max(T, U), less than T + U. ValueError when either is
    empty.
    """
    import librosa
    from scipy.spatial.distance import cdist

    a, b = (np.asarray(x, np.float64) for x in (first, second))
    if not len(a) or not len(b):
        raise ValueError("nothing to align: no frames")
    _, path = librosa.sequence.dtw(C=cdist(a, b))
    return np.asarray(path[::-1], np.intp)


def stretch_penalty(first: int, second: int, path: int) -> float:
    """How much the warping stretched, 0 (not at all) to 1: lengths T, U and P of the path.

    2 - (T + U) / P, the "penalty" of the mel-cepstral-distance package.
    """
    return 2.0 - (first + second) / path
