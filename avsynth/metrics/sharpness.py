"""How lively a spectrum is, against a person's natural one: what averaging networks lose.

On log-mel spectra (bands, T), natural logarithm of magnitude, 100 steps a second, of one loudness
(``speech.spectrum`` at ``SPEECH_LEVEL``). Made and natural speech need not say the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.metrics.cepstral import active_frames

Doubles = NDArray[np.float64]

_SEGMENT = 64  # steps of a modulation spectrum: 0.64 s


def active_steps(mel: ArrayLike) -> NDArray[np.bool_]:
    """Steps (T,) that are not silence, as ``cepstral.active_frames``."""
    return active_frames(np.exp(2 * np.asarray(mel, np.float64)).mean(axis=0))


def global_variance(mel: ArrayLike) -> Doubles:
    """Variance of each band over its active steps: (bands, T) -> (bands,). Toda and Tokuda 2007."""
    array = np.asarray(mel, np.float64)
    return np.asarray(array[:, active_steps(array)].var(axis=1))


def global_variance_ratio(made: ArrayLike, natural: ArrayLike) -> float:
    """Global variances (bands,), made over natural: geometric mean over bands.

    1 = as lively; below 1 = smoothed over.
    """
    a, b = (np.maximum(np.asarray(x, np.float64), 1e-9) for x in (made, natural))
    return float(np.exp(np.log(a / b).mean()))


def modulation_spectrum(mel: ArrayLike) -> Doubles:
    """How fast each band moves: (bands, T) -> mean power (bands, 32) at 1.6, 3.1 ... 50 Hz.

    Hann windows of 0.64 s, half overlapping, mean taken out, from the first active step to the last
    (Takamichi et al. 2014, with windows so that lengths may differ). Shorter sound is padded with
    its mean.
    """
    array = np.asarray(mel, np.float64)
    places = np.flatnonzero(active_steps(array))
    array = array[:, places[0] : places[-1] + 1]
    array = array - array.mean(axis=1, keepdims=True)
    array = np.pad(array, ((0, 0), (0, max(0, _SEGMENT - array.shape[1]))))
    windows = np.lib.stride_tricks.sliding_window_view(array, _SEGMENT, axis=1)
    windows = windows[:, :: _SEGMENT // 2]
    windows = (windows - windows.mean(axis=-1, keepdims=True)) * np.hanning(_SEGMENT)
    power = np.abs(np.fft.rfft(windows, axis=-1)[..., 1:]) ** 2
    return np.asarray(power.mean(axis=1))


def modulation_distance(made: ArrayLike, natural: ArrayLike) -> float:
    """Root mean square difference in dB of two modulation spectra (bands, 32)."""
    a, b = (10 * np.log10(np.maximum(np.asarray(x, np.float64), 1e-12)) for x in (made, natural))
    return float(np.sqrt(((a - b) ** 2).mean()))
