"""The door: scores and labels of others turned into ours.

Inside, a score is a log-likelihood ratio (natural logarithm) and positive means synthetic; labels
are booleans, true for synthetic. What is not so is converted here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Doubles = NDArray[np.float64]
Booleans = NDArray[np.bool_]

#: What a higher score stands for, in somebody's score file.
Polarity = Literal["synthetic", "bona-fide"]


def from_polarity(scores: ArrayLike, higher_is: Polarity) -> Doubles:
    """Scores (N,) of either polarity -> (N,), higher = synthetic.

    ASVspoof, AASIST and most anti-spoofing code give high scores to bona fide speech
    (``higher_is="bona-fide"``); their sign is turned. Verification scores (high = the same
    speaker) go the same way.
    """
    array = np.asarray(scores, np.float64)
    return -array if higher_is == "bona-fide" else array


def from_probability(probabilities: ArrayLike, prior: float = 0.5) -> Doubles:
    """Probabilities (N,) of being synthetic -> log-likelihood ratios (N,).

    ``log(p / (1 - p)) - log(prior / (1 - prior))``, where ``prior`` is the share of synthetic
    files that the probabilities were made for. Exactly 0 and 1, which have no finite ratio, count
    as the nearest numbers between them; the order is kept in any case. ValueError outside 0..1.
    """
    array = np.asarray(probabilities, np.float64)
    if not ((array >= 0) & (array <= 1)).all():
        raise ValueError("a probability lies outside 0..1")
    inside = np.clip(array, np.nextafter(0.0, 1.0), np.nextafter(1.0, 0.0))
    return np.asarray(np.log(inside) - np.log1p(-inside) - np.log(prior / (1 - prior)))


def to_probability(ratios: ArrayLike, prior: float = 0.5) -> Doubles:
    """Log-likelihood ratios (N,) -> probabilities of being synthetic (N,), for a ``prior``."""
    shifted = np.asarray(ratios, np.float64) + np.log(prior / (1 - prior))
    return np.asarray(np.exp(-np.logaddexp(0, -shifted)))


def from_celeb_df(labels: Sequence[str]) -> Booleans:
    """Labels as in Celeb-DF's ``List_of_testing_videos.txt``, "1" = real -> true for synthetic.

    ValueError for anything but "0" and "1".
    """
    wrong = sorted(set(labels) - {"0", "1"})
    if wrong:
        raise ValueError(f"a label of Celeb-DF's list is 0 or 1, not {wrong[0]!r}")
    return np.array([label == "0" for label in labels], bool)
