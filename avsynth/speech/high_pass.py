"""Sound without what is lower than sound, such as an offset."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

LOWEST = 20.0  # Hz


class HighPass:
    """Takes what is below 20 Hz out of a stream, as if its first sample had been there for ever."""

    def __init__(self, rate: int) -> None:
        """For ``rate`` samples a second."""
        self._pole = 1 - 2 * np.pi * LOWEST / rate
        self._state: NDArray[np.float64] | None = None

    def __call__(self, samples: ArrayLike) -> NDArray[np.float32]:
        """What follows, (n,) or (n, channels), at least a sample the first time: the same shape."""
        numbers = np.asarray(samples, np.float64)
        if self._state is None:
            self._state = -numbers[:1]
        made, self._state = lfilter(
            [1.0, -1.0], [1.0, -self._pole], numbers, axis=0, zi=self._state
        )  # fmt: skip
        return np.asarray(made, np.float32)
