"""Which of many frames stand for a file, so that long files count no more than short ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def frame_indices(total: int, count: int) -> NDArray[np.int64]:
    """At most ``count`` indices below ``total``, evenly spread, the first and the last included.

    ``linspace(0, total - 1, count)``, rounded down: what many papers state, and what taking the
    first ``count`` frames is not. All of them where there are no more than ``count``.
    """
    if count < 1:
        raise ValueError(f"{count} frames of a file")
    if total <= count:
        return np.arange(max(total, 0))
    return np.linspace(0, total - 1, count).astype(np.int64)
