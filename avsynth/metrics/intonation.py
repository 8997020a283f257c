"""Pitch against pitch, frame by frame: on frames that are voiced in both.

Tracks in Hz, 0 where unvoiced, already aligned (see ``cepstral.Comparison``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Doubles = NDArray[np.float64]

_FEWEST = 10  # frames: 50 ms


def both_voiced(first: ArrayLike, second: ArrayLike) -> tuple[Doubles, Doubles]:
    """The frames of two tracks (P,) that are voiced in both: (V,) and (V,)."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    keep = (a > 0) & (b > 0)
    return a[keep], b[keep]


def f0_rmse(first: ArrayLike, second: ArrayLike) -> float:
    """Root of the mean squared difference in Hz; NaN with fewer than 10 frames voiced in both."""
    a, b = both_voiced(first, second)
    return _rms(a - b)


def log_f0_rmse(first: ArrayLike, second: ArrayLike) -> float:
    """Root of the mean squared difference of natural logarithms; NaN as ``f0_rmse``.

    0.0578 is a semitone; 1200 / ln 2 times it is in cents.
    """
    a, b = both_voiced(first, second)
    return _rms(np.log(a) - np.log(b))


def log_f0_correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Pearson correlation of natural logarithms; NaN as ``f0_rmse`` or when either is constant."""
    a, b = (np.log(x) for x in both_voiced(first, second))
    if len(a) < _FEWEST or a.std() < 1e-9 or b.std() < 1e-9:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def voicing_error(first: ArrayLike, second: ArrayLike) -> float:
    """Share of frames that are voiced in one and unvoiced in the other."""
    a, b = np.asarray(first) > 0, np.asarray(second) > 0
    return float((a != b).mean())


def _rms(difference: Doubles) -> float:
    if len(difference) < _FEWEST:
        return float("nan")
    return float(np.sqrt((difference**2).mean()))
