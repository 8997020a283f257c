"""A stretch of sound as a picture, for reports."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WINDOW, _HOP = 512, 128


def spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Decibels of full scale, float32 (257, steps), low bands first; at least 512 samples."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    spectra = np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)
    return np.asarray(20 * np.log10(np.abs(spectra).T / (_WINDOW / 4) + 1e-6), np.float32)
