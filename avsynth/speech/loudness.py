"""Loudness and true peak of sound at any rate, as streams: ITU-R BS.1770-4."""

from __future__ import annotations

import functools
import math
from array import array

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal import firwin, sosfilt

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_OFFSET = -0.691  # dB: a sine of 997 Hz at full scale reads -3.01
_GATE, _RELATIVE = -70.0, -10.0  # LUFS; dB below the mean of what passes the first gate
_TAPS = 12  # of the interpolation filter, of each phase
#: How many samples on either side a true peak depends on.
PEAK_CONTEXT = _TAPS // 2


class Weighting:
    """The K filter, continued from call to call: samples (n, C) -> (n, C)."""

    def __init__(self, rate: int, channels: int) -> None:
        self._sections = _k_filter(rate)
        self._state = np.zeros((2, 2, channels))

    def __call__(self, samples: Floats) -> Doubles:
        """Weight what follows on what came before."""
        weighted: Doubles
        weighted, self._state = sosfilt(
            self._sections, samples.astype(np.float64), axis=0, zi=self._state
        )
        return weighted


class LoudnessMeter:
    """Integrated loudness of a stream (n, C). Every channel counts the same.

    BS.1770 counts surround channels 1.4 times and leaves the low-frequency one out; sound is only
    compared here with sound of the same channels. Memory: 290 kB an hour.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._weighting = Weighting(rate, channels)
        self._step = max(round(rate / 10), 1)  # a quarter of a block
        self._power = array("d")
        self._sum, self._count = 0.0, 0

    def push(self, samples: Floats) -> None:
        """Hear what follows."""
        power = (self._weighting(samples) ** 2).sum(axis=1)
        while len(power):
            taken = power[: self._step - self._count]
            self._sum += float(taken.sum())
            self._count += len(taken)
            power = power[len(taken) :]
            if self._count == self._step:
                self._power.append(self._sum / self._step)
                self._sum, self._count = 0.0, 0

    def integrated(self) -> float:
        """LUFS of all that was heard; minus infinity for silence. Under 0.4 s without gates."""
        steps = np.asarray(self._power, np.float64)
        if len(steps) < 4:
            total = float(steps.sum()) * self._step + self._sum
            return _lufs(total / max(len(steps) * self._step + self._count, 1))
        blocks = np.convolve(steps, np.full(4, 0.25), "valid")
        blocks = blocks[blocks > 10 ** ((_GATE - _OFFSET) / 10)]
        if not len(blocks):
            return -math.inf
        blocks = blocks[blocks > blocks.mean() * 10 ** (_RELATIVE / 10)]
        return _lufs(float(blocks.mean()))


class PeakMeter:
    """The largest true peak of a stream (n, C), linear."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._held: Floats | None = None
        self._largest = 0.0

    def push(self, samples: Floats) -> None:
        """Hear what follows."""
        before = 0 if self._held is None else PEAK_CONTEXT
        held = samples if self._held is None else np.concatenate([self._held, samples])
        # Between samples a band-limited wave is seldom twice as large as at them.
        if len(held) and 2 * float(np.abs(held).max()) > self._largest:
            inside = true_peaks(held, self._rate)[before : len(held) - PEAK_CONTEXT]
            self._largest = max(self._largest, float(inside.max(initial=0.0)))
        self._held = held[max(len(held) - 2 * PEAK_CONTEXT, 0) :]

    @property
    def peak(self) -> float:
        """Of all that was heard, as if silence followed."""
        if self._held is None:
            return 0.0
        last = true_peaks(self._held, self._rate)[-PEAK_CONTEXT:]
        return max(self._largest, float(last.max(initial=0.0)))


def true_peaks(samples: Floats, rate: int) -> Floats:
    """Largest magnitude at and just after each sample, over all channels: (n, C) -> (n,).

    Sound below 96 kHz is interpolated 4 times, below 192 kHz twice. ``PEAK_CONTEXT`` samples at
    either end are not quite right, as what is beyond them counts as silence.
    """
    magnitude = np.abs(samples).max(axis=1)
    factor = 4 if rate < 96_000 else 2 if rate < 192_000 else 1
    if factor > 1 and len(samples):
        phases = _interpolation(factor)
        for channel in np.pad(samples.astype(np.float32), ((PEAK_CONTEXT, PEAK_CONTEXT), (0, 0))).T:
            between = np.abs(sliding_window_view(channel, len(phases)) @ phases).max(axis=1)
            magnitude = np.maximum(magnitude, between)
    return np.asarray(magnitude, np.float32)


@functools.cache
def _interpolation(factor: int) -> Floats:
    """Weights of the samples around one for ``factor`` points at and after it (13, factor)."""
    taps = firwin(_TAPS * factor + 1, 1 / factor, window=("kaiser", 5.0)) * factor
    padded = np.pad(taps, (0, factor - 1))
    return np.asarray(padded.reshape(_TAPS + 1, factor)[::-1], np.float32)


def decibels(value: float) -> float:
    """A linear magnitude in dB; minus infinity for 0."""
    return 20 * math.log10(value) if value > 0 else -math.inf


def _lufs(power: float) -> float:
    return _OFFSET + 10 * math.log10(power) if power > 0 else -math.inf


def _k_filter(rate: int) -> Doubles:
    """The two sections of the K filter for any rate (2, 6).

    BS.1770 gives coefficients for 48 kHz alone; these are the analogue filters behind them, as
    found by De Man ("Evaluation of implementations of the EBU R128 loudness measurement", 2018).
    """
    k = math.tan(math.pi * 1681.974450955533 / rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = [
        (high + band * k / q + k * k) / a0, 2 * (k * k - high) / a0,
        (high - band * k / q + k * k) / a0, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0,
    ]  # fmt: skip
    k = math.tan(math.pi * 38.13547087602444 / rate)
    q = 0.5003270373238773
    a0 = 1 + k / q + k * k
    low = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]
    return np.array([shelf, low])
