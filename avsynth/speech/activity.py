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


def voice_activity(
    samples: ArrayLike, rate: int = 25, level: float | None = None, floor: float | None = None
) -> Floats:
    """How surely somebody speaks: samples (N,) at 16 kHz -> (frames,) in 0..1.

    Energy above 80 Hz, in decibels, between the noise floor and the speech level: 0 up to 6 dB
    above the floor (or 40 dB below the level), 1 from 14 dB above. Frames within 80 ms of speech
    count as speech (stops and weak fricatives). ``level`` and ``floor`` (RMS) default to the
    loudest and quietest twentieth of these samples.
    """
    array = np.nan_to_num(np.asarray(samples, np.float32), posinf=0.0, neginf=0.0)
    if not len(array):
        return np.zeros(0, np.float32)
    high = array - _smooth(array, SAMPLE_RATE // 80)  # hum and rumble out
    frames = envelope(high, 100)
    level = speech_level(high) if level is None else level
    floor = float(np.quantile(frames, 0.05)) if floor is None else floor
    # Speech without a pause has a "floor" that is speech: never within 30 dB of the level.
    floor_db = min(_decibels(max(floor, 1e-6)), _decibels(level) - 30)
    lowest = max(floor_db + 6, _decibels(level) - 40)
    loud = np.clip((20 * np.log10(np.maximum(frames, 1e-6)) - lowest) / 8, 0, 1)
    if level <= _QUIETEST:
        loud = np.zeros_like(loud)
    padded = np.pad(loud, 8, mode="edge")
    held = np.lib.stride_tricks.sliding_window_view(padded, 17).max(axis=1)
    steps = int(np.ceil(len(array) * rate / SAMPLE_RATE))
    times = (np.arange(steps) + 0.5) / rate * 100 - 0.5
    return np.asarray(np.interp(times, np.arange(len(held)), held), np.float32)


def _decibels(value: float) -> float:
    return float(20 * np.log10(value))


def _smooth(array: Floats, width: int) -> Floats:
    """Moving average of odd width, in linear time."""
    half = width // 2
    total = np.cumsum(np.pad(array.astype(np.float64), (half + 1, half), mode="edge"))
    mean = (total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1)
    return np.asarray(mean, np.float32)
