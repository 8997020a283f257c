"""Mel-cepstral distortion, under three names because the field has three.

``mcd_noc0`` and ``mcd_c0`` compare mel-cepstra by the convention of WORLD and SPTK; ``mcd_mel``
compares cosine transforms of a mel spectrum. Their values are not to be compared with each other.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.metrics.alignment import stretch_penalty, warping_path
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.speech.pitch_track import load_world, pitch_track

Doubles = NDArray[np.float64]

ORDER = 24
HOP = 80  # samples: 5 ms
QUIET = 30.0  # dB under the loud frames: silence
_DECIBELS = 10.0 / math.log(10.0) * math.sqrt(2.0)


@dataclass(frozen=True)
class Cepstra:
    """What a recording sounds like, every 5 ms.

    ``cepstrum`` (T, 25): mel-cepstrum, zeroth coefficient first; ``pitch`` (T,) in Hz, 0 unvoiced;
    ``active`` (T,): not silence.
    """

    cepstrum: Doubles
    pitch: Doubles
    active: NDArray[np.bool_]

    @classmethod
    def of(cls, samples: ArrayLike) -> Cepstra:
        """Of 16 kHz samples (N,), N at least 80: envelope by CheapTrick (Morise 2015), 24 + 1
        mel-cepstral coefficients with the all-pass constant 0.41."""
        array = np.ascontiguousarray(np.nan_to_num(np.asarray(samples, np.float64)))
        pitch = pitch_track(array, hop=HOP).astype(np.float64)
        times = np.arange(len(pitch)) * (HOP / SAMPLE_RATE)
        envelope = load_world().cheaptrick(array, pitch, times, SAMPLE_RATE)
        cepstrum = mel_cepstrum(envelope, all_pass_constant(SAMPLE_RATE))
        return cls(cepstrum, pitch, active_frames(envelope.mean(axis=1)))

    def spoken(self) -> Cepstra:
        """Without the frames of silence."""
        keep = self.active
        return Cepstra(self.cepstrum[keep], self.pitch[keep], keep[keep])


def active_frames(power: ArrayLike) -> NDArray[np.bool_]:
    """Frames (T,) whose power is at most 30 dB under the loud ones, the 95th percentile.

    All of them when the loudest is digital silence.
    """
    level = 10.0 * np.log10(np.maximum(np.asarray(power, np.float64), 1e-20))
    return np.asarray(level >= np.quantile(level, 0.95) - QUIET)


@functools.cache
def all_pass_constant(rate: int) -> float:
    """The constant, to 0.01, whose all-pass phase is nearest to the mel scale at ``rate`` Hz.

    Least squares over frequencies, as SPTK's tables (0.31 at 8 kHz, 0.41 or 0.42 at 16 kHz: here
    0.41; 0.45 at 22.05, 0.55 at 48 kHz); mel of Fant, log(1 + f / 1000).
    """
    omega = np.linspace(0.0, np.pi, 1000)
    mel = np.log1p(omega / np.pi * rate / 2 / 1000.0)
    wanted = mel / mel[-1] * np.pi
    constants = np.arange(0.0, 0.9, 0.01)[:, None]
    warped = omega + 2 * np.arctan2(constants * np.sin(omega), 1 - constants * np.cos(omega))
    error = ((warped - wanted) ** 2).sum(axis=1)
    return round(float(constants[error.argmin(), 0]), 2)


def mel_cepstrum(power: ArrayLike, alpha: float, order: int = ORDER) -> Doubles:
    """Power spectra (T, F), F = half a Fourier size + 1 -> mel-cepstra (T, order + 1).

    log |H(w)| = sum of c(m) cos(m v(w)), v the phase of the all-pass filter ``alpha``: SPTK's
    ``freqt`` of the cepstrum (Oppenheim and Johnson 1972), as ``pysptk.sp2mc``.
    """
    logarithm = 0.5 * np.log(np.maximum(np.asarray(power, np.float64), 1e-20))
    cepstrum = np.fft.irfft(logarithm, axis=1)[:, : logarithm.shape[1]]
    cepstrum[:, 1:-1] *= 2.0
    return np.asarray(cepstrum @ _frequency_transform(logarithm.shape[1], order, alpha))


@functools.cache
def _frequency_transform(size: int, order: int, alpha: float) -> Doubles:
    """Matrix (size, order + 1) from cepstrum to mel-cepstrum: row m is where quefrency m goes."""
    matrix = np.zeros((size, order + 1))
    matrix[0, 0] = 1.0
    for row in range(1, size):
        before, after = matrix[row - 1], matrix[row]
        after[0] = alpha * before[0]
        after[1] = (1 - alpha**2) * before[0] + alpha * before[1]
        for m in range(2, order + 1):
            after[m] = before[m - 1] + alpha * (before[m] - after[m - 1])
    return matrix


def mcd_noc0(first: ArrayLike, second: ArrayLike) -> float:
    """Distortion in dB of aligned mel-cepstra (P, 25) and (P, 25), loudness left out.

    Mean over frames of 10 / ln 10 sqrt(2 sum of squared differences of coefficients 1 to 24).
    """
    return _distortion(first, second, 1)


def mcd_c0(first: ArrayLike, second: ArrayLike) -> float:
    """As ``mcd_noc0``, with coefficient 0, which is loudness, in the sum: 0 to 24."""
    return _distortion(first, second, 0)


def _distortion(first: ArrayLike, second: ArrayLike, start: int) -> float:
    a, b = (np.asarray(x, np.float64)[:, start:] for x in (first, second))
    return float(_DECIBELS * np.linalg.norm(a - b, axis=1).mean())


@dataclass(frozen=True)
class Comparison:
    """Two recordings of one sentence, frame by frame: silence left out, then aligned.

    The path is that of coefficients 1 to 24, for every score. ``first`` and ``second`` hold P
    frames each; ``penalty`` says how much was stretched (0 to 1).
    """

    first: Cepstra
    second: Cepstra
    penalty: float

    @classmethod
    def of(cls, first: Cepstra, second: Cepstra) -> Comparison:
        """Align two recordings. ValueError when either has no frames."""
        a, b = first.spoken(), second.spoken()
        path = warping_path(a.cepstrum[:, 1:], b.cepstrum[:, 1:])
        penalty = stretch_penalty(len(a.cepstrum), len(b.cepstrum), len(path))
        one, two = (_picked(x, path[:, side]) for side, x in enumerate((a, b)))
        return cls(one, two, penalty)

    def scores(self) -> dict[str, float]:
        """``mcd_noc0`` and ``mcd_c0`` in dB."""
        pair = self.first.cepstrum, self.second.cepstrum
        return {"mcd_noc0": mcd_noc0(*pair), "mcd_c0": mcd_c0(*pair)}


def _picked(recording: Cepstra, index: NDArray[np.intp]) -> Cepstra:
    return Cepstra(recording.cepstrum[index], recording.pitch[index], recording.active[index])


def mcd_mel(first: ArrayLike, second: ArrayLike, rate: int = SAMPLE_RATE) -> tuple[float, float]:
    """Mel-cepstral distance and penalty by the package mel-cepstral-distance 0.0.4, its defaults.

    Samples (N,), (M,) of any scale at ``rate`` Hz. Each is divided by its peak; 32 ms Hann windows
    every 8 ms, energies of 20 mel bands, log10, aligned on these by exact DTW (the package's
    approximates it), then the Euclidean distance of cosine coefficients 2 to 16: no factor, so not
    decibels. Kubichek 1993; silence stays in. ValueError when either is shorter than a window.
    """
    bands = [_mel_bels(np.asarray(x, np.float64), rate) for x in (first, second)]
    path = warping_path(*bands)
    count = np.arange(1, 21)
    cosines = np.cos(count[:, None] * (count - 0.5) * np.pi / 20)[1:16]
    a, b = (x[path[:, side]] @ cosines.T for side, x in enumerate(bands))
    distance = float(np.linalg.norm(a - b, axis=1).mean())
    return distance, stretch_penalty(len(bands[0]), len(bands[1]), len(path))


def _mel_bels(samples: Doubles, rate: int) -> Doubles:
    """log10 of the energies of 20 mel bands: (frames, 20)."""
    size, hop = int(0.032 * rate), int(0.008 * rate)
    if len(samples) <= size:
        raise ValueError("nothing to compare: shorter than a window of 32 ms")
    frames = np.lib.stride_tricks.sliding_window_view(samples / np.abs(samples).max(), size)
    frames = frames[: len(samples) - size : hop] * np.hanning(size)
    energy = np.abs(np.fft.rfft(frames)) ** 2
    return np.asarray(np.log10(energy @ _triangles(size, rate).T + np.finfo(float).eps))


@functools.cache
def _triangles(size: int, rate: int) -> Doubles:
    """Mel filters (20, size // 2 + 1) with corners on whole bins, HTK's mel scale."""
    mel = np.linspace(0.0, 2595 * math.log10(1 + (rate // 2) / 700), 22)
    corners = np.floor((size + 1) * 700 * (10 ** (mel / 2595) - 1) / rate).astype(int)
    bins = np.arange(size // 2 + 1)
    bank = np.zeros((20, len(bins)))
    for band, (left, centre, right) in enumerate(
        zip(corners, corners[1:], corners[2:], strict=False)
    ):
        rise = (bins >= left) & (bins < centre)
        fall = (bins >= centre) & (bins < right)
        bank[band, rise] = (bins[rise] - left) / (centre - left)
        bank[band, fall] = (right - bins[fall]) / (right - centre)
    return bank
