"""Frame scores -> the score of a video. Frame level and video level never share a column."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from detectors.metrics.polarity import from_probability, to_probability

#: How frames become a video; stored in every result file.
Pooling = Literal["mean", "max", "mean-probability"]


def pool(frames: ArrayLike, how: Pooling = "mean") -> float | None:
    """Log-likelihood ratios of frames (N,) -> one; None without frames: the video has no score.

    ``mean`` of the ratios (LipForensics: mean of logits); ``max``; ``mean-probability``: the ratio
    of the mean of the probabilities at equal priors (DeepfakeBench, SBI: mean of frame scores).
    """
    values = np.asarray(frames, np.float64)
    if not len(values):
        return None
    if how == "max":
        return float(values.max())
    if how == "mean-probability":
        return float(from_probability(to_probability(values).mean()))
    return float(values.mean())
