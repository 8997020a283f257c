"""Loudness, envelope and voice activity of 16 kHz speech, in numpy and cheap."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.speech.mel import SAMPLE_RATE

Floats = NDArray[np.float32]

#: Loudness that speech is brought to before any network hears it: RMS of its loud frames.
SPEECH_LEVEL = 0.1
_QUIETEST = 1e-3  # -60 dBFS: louder than the noise of silent files, quieter than any speech


def envelope(samples: ArrayLike, rate: int, sample_rate: int = SAMPLE_RATE) -> Floats:
    """RMS of consecutive frames: samples (N,) -> (ceil(N rate / sample_rate),), linear scale.

    ``sample_rate`` must be a multiple of ``rate`` (frames a second); the last frame is padded with
    silence. NaN and infinities count as silence.
    """
    size, rest = divmod(sample_rate, rate)
    if rest:
        raise ValueError(f"{rate} frames a second do not divide {sample_rate} Hz")
    array = np.nan_to_num(np.asarray(samples, np.float32), posinf=0.0, neginf=0.0)
    padded = np.pad(array, (0, -len(array) % size)).reshape(-1, size)
    return np.asarray(np.sqrt((padded.astype(np.float64) ** 2).mean(axis=1)), np.float32)


def speech_level(samples: ArrayLike) -> float:
    """Loudness of the speech in samples (N,): RMS of the loudest 5 % of 10 ms frames' threshold.

    At least 0.001 (-60 dBFS), so that silence is not blown up into noise.
    """
    frames = envelope(samples, 100)
    return max(float(np.quantile(frames, 0.95)), _QUIETEST) if len(frames) else _QUIETEST


def voice_activity(samples: ArrayLike, rate: int = 25, level: float | None = None) -> Floats:
    """How surely somebody speaks: samples (N,) at 16 kHz -> (ceil(N rate / 16000),) in 0..1.

    By energy above 80 Hz: 0 up to 6 dB over the quietest twentieth of the sound, but at most 33 and
    at least 55 dB below the speech ``level`` (default: of these samples); 1 from 8 dB above that.
    Frames within 100 ms of speech count as speech, so that stops and weak fricatives do. Sound
    that hardly varies (less than 6 dB) is a noise, not speech.
    """
    array = np.nan_to_num(np.asarray(samples, np.float32), posinf=0.0, neginf=0.0)
    if not len(array):
        return np.zeros(0, np.float32)
    frames = _decibels(envelope(array - _smooth(array, SAMPLE_RATE // 80), 100))
    loudest = float(_decibels(speech_level(array) if level is None else level))
    quiet, loud = (float(np.quantile(frames, q)) for q in (0.05, 0.95))
    lowest = min(max(quiet + 6, loudest - 55), loudest - 33)
    sure = np.clip((frames - lowest) / 8, 0, 1)
    if loud - quiet < 6 or loud <= _decibels(_QUIETEST):
        sure = np.zeros_like(sure)
    held = np.lib.stride_tricks.sliding_window_view(np.pad(sure, 10), 21).max(axis=1)
    steps = int(np.ceil(len(array) * rate / SAMPLE_RATE))
    times = (np.arange(steps) + 0.5) / rate * 100 - 0.5
    return np.asarray(np.interp(times, np.arange(len(held)), held), np.float32)


def _decibels(value: ArrayLike) -> Floats:
    return np.asarray(20 * np.log10(np.maximum(np.asarray(value), 1e-6)), np.float32)


def _smooth(array: Floats, width: int) -> Floats:
    """Moving average of odd width, in linear time."""
    half = width // 2
    total = np.cumsum(np.pad(array.astype(np.float64), (half + 1, half), mode="edge"))
    mean = (total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1)
    return np.asarray(mean, np.float32)
