"""Does the mouth go with the sound: lagged correlation, landmark distance, a simple scorer.

Functions of arrays at a fixed frame rate. A lag is positive when the second signal comes later
than the first: ``second[t + lag]`` goes with ``first[t]``. NaN frames (no face) are left out.
The scorer knows nothing of any network here and no network is trained on it.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.speech.mel import SAMPLE_RATE

Floats = NDArray[np.float64]

#: Frames to either side that a best lag is looked for in (0.32 s at 25 frames a second).
MAX_LAG = 8
RATE = 25
_FEWEST = 12  # frames that a correlation is taken over


def correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Pearson correlation of two signals (T,); 0 when either is constant or too short."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    good = np.isfinite(a) & np.isfinite(b)
    a, b = a[good], b[good]
    if len(a) < _FEWEST or a.std() < 1e-9 or b.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def lagged(
    first: NDArray[np.generic], second: NDArray[np.generic], lag: int
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """The parts of two arrays (T, ...) that overlap once ``second`` is moved ``lag`` earlier."""
    if lag >= 0:
        return first[: len(first) - lag], second[lag:]
    return first[-lag:], second[: len(second) + lag]


def lag_curve(first: ArrayLike, second: ArrayLike, max_lag: int = MAX_LAG) -> Floats:
    """Correlation at every lag from -max_lag to max_lag, (2 max_lag + 1,)."""
    a, b = np.asarray(first), np.asarray(second)
    lags = range(-max_lag, max_lag + 1)
    return np.array([correlation(*lagged(a, b, lag)) for lag in lags])


def best_lag(first: ArrayLike, second: ArrayLike, max_lag: int = MAX_LAG) -> tuple[float, int]:
    """Largest correlation within ``max_lag`` frames, and its lag.

    >>> signal = np.sin(np.arange(100) * 0.3)
    >>> score, lag = best_lag(signal[:-2], signal[2:])
    >>> round(score, 3), lag
    (1.0, -2)
    """
    curve = lag_curve(first, second, max_lag)
    place = int(curve.argmax())
    return float(curve[place]), place - max_lag


def lmd(first: ArrayLike, second: ArrayLike, eye_distance: ArrayLike) -> float:
    """Landmark distance at lag 0: lips (T, L, 2), (T, L, 2) and eye distances (T,) -> mean.

    Each frame's lips are centred on their own mean; distances are in units of the distance between
    the outer eye corners (mesh 33-263) of that frame. NaN when no frame is usable.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    distance = np.linalg.norm(a - b, axis=-1).mean(axis=1) / np.asarray(eye_distance, np.float64)
    good = np.isfinite(distance)
    return float(distance[good].mean()) if good.any() else float("nan")


def lmd_best_lag(
    first: ArrayLike, second: ArrayLike, eye_distance: ArrayLike, max_lag: int = MAX_LAG
) -> tuple[float, int]:
    """Smallest ``lmd`` within ``max_lag`` frames, and its lag; eye distances are ``first``'s."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    eyes = np.asarray(eye_distance, np.float64)
    found = []
    for lag in range(-max_lag, max_lag + 1):
        scale, _ = lagged(eyes, eyes, lag)
        x, y = lagged(a, b, lag)
        if len(x) >= _FEWEST:
            found.append((lmd(x, y, scale), lag))
    return min(found, default=(float("nan"), 0))


def vocal_drive(samples: ArrayLike) -> Floats:
    """What opens a mouth, as far as loudness tells: 16 kHz samples (N,) -> (ceil(N / 640),).

    Square root of the amplitude between 450 and 1900 Hz, where open vowels are loud and closed
    lips, nasals, hiss and hum are not, every 40 ms. Chosen on GRID's training speakers against
    plain envelopes and voicing.
    """
    array = np.nan_to_num(np.asarray(samples, np.float32), posinf=0.0, neginf=0.0)
    step = SAMPLE_RATE // RATE
    count = -(-len(array) // step)
    padded = np.pad(array, (step // 2, count * step - len(array) + step // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * step)[::step][:count]
    taper = np.hanning(2 * step).astype(np.float32)
    low, high = (round(f * 2 * step / SAMPLE_RATE) for f in (450, 1900))
    power = np.empty(count)
    for start in range(0, count, 1024):  # hours of sound in constant memory
        spectrum = np.fft.rfft(frames[start : start + 1024] * taper, axis=1)[:, low:high]
        power[start : start + 1024] = (np.abs(spectrum) ** 2).mean(axis=1)
    return np.asarray(power**0.25)


@dataclasses.dataclass(frozen=True)
class SyncCurve:
    """Sync over time: at ``times`` (S,) seconds, ``offset`` (S,) seconds and ``confidence`` (S,).

    The offset is positive when the mouth comes later than the sound. Confidence is the height of
    the best lag's correlation over the median of all lags; below about 0.3 the offset means
    little. NaN where there is no face or nobody speaks.
    """

    times: Floats
    offset: Floats
    confidence: Floats


def sync_over_time(
    openings: ArrayLike, drive: ArrayLike, every: float = 1.0, window: float = 5.0
) -> SyncCurve:
    """The simple scorer: mouth openings (T,) against ``vocal_drive`` (T,), both 25 a second.

    For a window of ``window`` seconds around each multiple of ``every`` seconds: the best lag of
    the two signals, without their slow parts (over about 0.6 s), within 8 frames. Both start at
    the same moment; the shorter one counts.
    """
    length = min(len(np.asarray(openings)), len(np.asarray(drive)))
    mouth = _lively(np.asarray(openings, np.float64)[:length])
    sound = _lively(np.asarray(drive, np.float64)[:length])
    half = round(window * RATE / 2)
    times = np.arange(every / 2, length / RATE, every)
    offset = np.full(len(times), np.nan)
    confidence = np.full(len(times), np.nan)
    for index, time in enumerate(times):
        centre = round(time * RATE)
        part = slice(max(0, centre - half), centre + half)
        curve = lag_curve(sound[part], mouth[part])
        if np.isfinite(mouth[part]).sum() < RATE or not curve.any():
            continue
        offset[index] = (int(curve.argmax()) - MAX_LAG) / RATE
        confidence[index] = curve.max() - np.median(curve)
    return SyncCurve(times, offset, confidence)


def _lively(signal: Floats) -> Floats:
    """The part of a signal between about 1.5 and 8 Hz; NaN stay and do not spread."""
    return _blur(signal, 0.7) - _blur(signal, 4.0)


def _blur(signal: Floats, sigma: float) -> Floats:
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    good = np.isfinite(signal)
    total = np.convolve(np.where(good, signal, 0.0), kernel, "full")[reach : reach + len(signal)]
    weight = np.convolve(good.astype(np.float64), kernel, "full")[reach : reach + len(signal)]
    return np.where(good, total / np.maximum(weight, 1e-12), np.nan)
