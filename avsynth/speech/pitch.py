"""Voicing in numpy (hot path) and the fundamental frequency by librosa (analysis)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.speech.mel import SAMPLE_RATE

Floats = NDArray[np.float32]

LOWEST, HIGHEST = 65.0, 400.0  # Hz: deep men to children
_WINDOW = 640  # 40 ms


def voicing(samples: ArrayLike, rate: int = 25) -> Floats:
    """How periodic 16 kHz sound is: samples (N,) -> (ceil(N rate / 16000),) in 0..1.

    Peak of the normalised autocorrelation of 40 ms windows between 65 and 400 Hz, corrected for
    the window's taper (Boersma, "Accurate short-term analysis of the fundamental frequency", 1993).
    Windows 50 dB below the loudest count as unvoiced. ``rate`` is frames a second.
    """
    array = np.nan_to_num(np.asarray(samples, np.float32), posinf=0.0, neginf=0.0)
    steps = int(np.ceil(len(array) * rate / SAMPLE_RATE))
    if not steps:
        return np.zeros(0, np.float32)
    padded = np.pad(array, (_WINDOW // 2, _WINDOW))
    starts = ((np.arange(steps) + 0.5) * SAMPLE_RATE / rate).astype(np.intp)
    taper = np.hanning(_WINDOW).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[starts] * taper
    frames = frames - frames.mean(axis=1, keepdims=True)
    correlation = _autocorrelation(frames)
    energy = correlation[:, :1]
    own = _autocorrelation(taper[None])
    shape = correlation / np.maximum(energy, 1e-9) / (own / own[:, :1])
    band = shape[:, int(SAMPLE_RATE / HIGHEST) : int(SAMPLE_RATE / LOWEST)]
    audible = energy[:, 0] > max(1e-6, 1e-5 * float(energy.max()))
    return np.asarray(np.clip(band.max(axis=1), 0, 1) * audible, np.float32)


def _autocorrelation(frames: Floats) -> Floats:
    spectrum = np.fft.rfft(frames, 2 * _WINDOW, axis=1)
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, : _WINDOW // 2], np.float32)


def fundamental(samples: ArrayLike, hop: int = 160) -> tuple[Floats, Floats]:
    """Pitch track of 16 kHz sound (N,): frequency in Hz and voicing (0..1), every ``hop`` samples.

    Frequency by librosa's pYIN, 0 where unvoiced. Slow: about real time on one core.
    """
    import librosa

    array = np.nan_to_num(np.asarray(samples, np.float32), posinf=0.0, neginf=0.0)
    frequency, _, probability = librosa.pyin(
        array, fmin=LOWEST, fmax=HIGHEST, sr=SAMPLE_RATE, hop_length=hop, fill_na=0.0
    )
    return frequency.astype(np.float32), probability.astype(np.float32)
