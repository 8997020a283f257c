"""Trivial properties of a sound: what a detector must not live on."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from avsynth.speech.loudness import LoudnessMeter

Samples = NDArray[np.float32]

_STEP_S = 0.01  # a frame of the level
_SILENT_DB = 40.0  # below the loud parts: so far down a frame counts as silence
_LEAST_DB = -100.0  # stands for the level of nothing at all
_BANDWIDTH_SHARE = 0.99  # of the energy
_CUTOFF_DB = 80.0  # below the strongest part of the spectrum nothing counts any more
_WINDOW_S = 0.032  # of the spectrum


def sound_properties(samples: Samples, rate: int) -> dict[str, float]:
    """Properties of mono sound by name, every one finite.

    - ``duration_s``;
    - ``dc_offset`` the mean, ``dc_offset_db`` its magnitude in dB below full scale;
    - ``loudness_lufs`` integrated, ITU-R BS.1770-4; ``peak_dbfs`` the largest sample;
    - ``leading_silence_s``, ``trailing_silence_s``, ``silence_share``: frames of 10 ms more than
      40 dB below the 95th percentile of the frames' levels;
    - ``zero_share``: samples that are exactly 0;
    - ``noise_floor_dbfs``: 5th percentile of the frames' levels;
    - ``bandwidth_hz``: 99 % of the energy lies below it;
    - ``cutoff_hz``: the highest frequency less than 80 dB under the strongest, which tells the
      sample rate of origin and a lossy coder's low-pass;
    - ``lossless_kbps``: what FLAC makes of it at 16 bits, kilobits a second.

    Args:
        samples: float (N,), nominally -1..1; what is not finite counts as 0.
        rate: samples a second.

    Raises:
        ValueError: no samples, or several channels.
    """
    if samples.ndim != 1 or not len(samples):
        raise ValueError(f"mono sound was expected, not an array of {samples.shape}")
    sound = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
    mean = float(sound.mean(dtype=np.float64))
    bandwidth, cutoff = _spectral_limits(sound, rate)
    return {
        "duration_s": len(sound) / rate,
        "dc_offset": mean,
        "dc_offset_db": _db(abs(mean)),
        "loudness_lufs": _loudness(sound, rate),
        "peak_dbfs": _db(float(np.abs(sound).max())),
        **silence(sound, rate),
        "zero_share": float((sound == 0).mean()),
        "bandwidth_hz": bandwidth,
        "cutoff_hz": cutoff,
        "lossless_kbps": _lossless_kbps(sound, rate),
    }


def _db(magnitude: float) -> float:
    return max(20 * float(np.log10(max(magnitude, 1e-12))), _LEAST_DB)


def _loudness(sound: Samples, rate: int) -> float:
    meter = LoudnessMeter(rate, 1)
    meter.push(sound[:, None])
    return max(meter.integrated(), _LEAST_DB)


def _levels(sound: Samples, rate: int) -> NDArray[np.float64]:
    """Level of each frame of 10 ms, dB below full scale; the last one may be shorter."""
    starts = np.arange(0, len(sound), max(round(rate * _STEP_S), 1))
    powers = np.add.reduceat(np.square(sound, dtype=np.float64), starts)
    counts = np.diff(np.append(starts, len(sound)))
    return np.asarray(np.maximum(10 * np.log10(np.maximum(powers / counts, 1e-24)), _LEAST_DB))


def silence(sound: Samples, rate: int) -> dict[str, float]:
    """The properties of mono sound (N,), N at least 1, that have to do with silence."""
    levels = _levels(sound, rate)
    loud = levels > max(float(np.percentile(levels, 95)) - _SILENT_DB, _LEAST_DB)
    where = np.flatnonzero(loud)
    first, last = (int(where[0]), int(where[-1])) if len(where) else (len(levels), -1)
    return {
        "leading_silence_s": first * _STEP_S,
        "trailing_silence_s": (len(levels) - 1 - last) * _STEP_S,
        "silence_share": 1 - float(loud.mean()),
        "noise_floor_dbfs": float(np.percentile(levels, 5)),
    }


def _spectral_limits(sound: Samples, rate: int) -> tuple[float, float]:
    """Bandwidth and cut-off, Hz; 0 for silence."""
    from scipy.signal import welch

    frequencies, power = welch(
        sound, rate, nperseg=min(len(sound), max(round(rate * _WINDOW_S), 16))
    )
    if power.max() <= 0:
        return 0.0, 0.0
    total = np.cumsum(power)
    bandwidth = frequencies[np.searchsorted(total, _BANDWIDTH_SHARE * total[-1])]
    heard = np.flatnonzero(power > power.max() * 10 ** (-_CUTOFF_DB / 10))
    return float(bandwidth), float(frequencies[heard[-1]])


def _lossless_kbps(sound: Samples, rate: int) -> float:
    import soundfile

    coded = io.BytesIO()
    whole = np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)
    soundfile.write(coded, whole, min(rate, 192_000), format="FLAC", subtype="PCM_16")
    return 8 * coded.getbuffer().nbytes / (len(sound) / rate) / 1000
