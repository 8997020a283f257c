"""The fundamental frequency of speech, fast: autocorrelation and the cheapest path.

Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise
ratio of a sampled sound" (1993): candidates are peaks of the autocorrelation of the windowed sound
divided by that of the window; a path through them is chosen that pays for weak peaks, for jumps,
and for changes between voiced and unvoiced. The sound is low-passed first.
WORLD's StoneMask (pyworld) refines what is found.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.speech.mel import SAMPLE_RATE

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

LOWEST, HIGHEST = 60.0, 450.0  # Hz
CONTEXT = 8_000  # samples after which the path has forgotten what came before, nearly always
_WINDOW = 800  # samples: three periods of the lowest voice
_CANDIDATES = 6
_SILENCE, _VOICING = 0.02, 0.4  # of the loudest peak; of the autocorrelation
_OCTAVE, _JUMP, _CHANGE = 0.01, 0.5, 0.14  # costs
_CUT = 800.0  # Hz: above this formants and breath blur the peaks


def pitch_track(samples: ArrayLike, hop: int = 160, loudest: float | None = None) -> Floats:
    """Fundamental frequency of 16 kHz sound: (N,) -> (N // hop,) in Hz, 0 where unvoiced.

    Step k is that of sample k hop. ``loudest`` is the peak of the sound that the samples are a part
    of (default: their own); what is quieter than 3 % of it hardly counts as voiced.
    """
    array = np.nan_to_num(np.asarray(samples, np.float64), posinf=0.0, neginf=0.0)
    steps = len(array) // hop
    if not steps:
        return np.zeros(0, np.float32)
    peak = float(np.abs(array - array.mean()).max()) if loudest is None else loudest
    if peak < 1e-5:
        return np.zeros(steps, np.float32)
    frequency, strength, unvoiced = _candidates(array, steps, hop, peak)
    track = _path(frequency, strength, unvoiced, hop)
    return np.asarray(_refined(array, track, hop), np.float32)


def _candidates(
    array: Doubles, steps: int, hop: int, peak: float
) -> tuple[Doubles, Doubles, Doubles]:
    """Frequencies and strengths (steps, K) of the best peaks, strength (steps,) of no voice."""
    padded = np.pad(array, (_WINDOW // 2, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[: steps * hop : hop]
    frames = frames - frames.mean(axis=1, keepdims=True)
    loud = np.abs(frames).max(axis=1) / peak
    taper = np.hanning(_WINDOW)
    shape = _autocorrelation(frames * taper)
    own = _autocorrelation(taper[None])
    shape /= np.maximum(shape[:, :1], 1e-12) * (own / own[:, :1])
    low, high = int(SAMPLE_RATE / HIGHEST), math.ceil(SAMPLE_RATE / LOWEST)
    band = shape[:, low - 1 : high + 2]
    peaks = (band[:, 1:-1] > band[:, :-2]) & (band[:, 1:-1] >= band[:, 2:])
    score = np.where(peaks, band[:, 1:-1], -1.0)
    best = np.argpartition(-score, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    rows = np.arange(steps)[:, None]
    before, at, after = (band[rows, best + k] for k in range(3))
    bend = before - 2 * at + after
    bend = np.where(np.abs(bend) > 1e-9, bend, -1.0)
    shift = 0.5 * (before - after) / bend
    lag = best + low + np.clip(shift, -0.5, 0.5)
    value = np.minimum(at - 0.25 * (before - after) * shift, 1.0)
    strength = value - _OCTAVE * np.log2(lag * LOWEST / SAMPLE_RATE)
    strength[score[rows, best] < 0] = -9.0
    unvoiced = _VOICING + np.maximum(0.0, 2.0 - loud / (_SILENCE / (1 + _VOICING)))
    return SAMPLE_RATE / lag, strength, unvoiced


def _path(frequency: Doubles, strength: Doubles, unvoiced: Doubles, hop: int) -> Doubles:
    """The path of the greatest sum of strengths less costs (Viterbi); (steps,) Hz."""
    scale = 0.01 * SAMPLE_RATE / hop  # costs are those of steps of 10 ms
    octaves = np.log2(frequency)
    steps, count = frequency.shape
    total = np.append(strength[0], unvoiced[0])
    came = np.zeros((steps, count + 1), np.int8)
    move = np.full((count + 1, count + 1), _CHANGE * scale)
    move[-1, -1] = 0.0
    for k in range(1, steps):
        move[:-1, :-1] = _JUMP * scale * np.abs(octaves[k - 1][:, None] - octaves[k])
        options = total[:, None] - move
        came[k] = options.argmax(axis=0)
        total = options.max(axis=0) + np.append(strength[k], unvoiced[k])
    track = np.zeros(steps)
    state = int(total.argmax())
    for k in range(steps - 1, -1, -1):
        if state < count:
            track[k] = frequency[k, state]
        state = int(came[k, state])
    return track


def _refined(array: Doubles, track: Doubles, hop: int) -> Doubles:
    times = np.arange(len(track)) * hop / SAMPLE_RATE
    refined: Doubles = load_world().stonemask(array, track, times, SAMPLE_RATE)
    near = np.abs(refined - track) < 0.06 * track  # a semitone: else it went astray
    return np.where(near, refined, track)


def _autocorrelation(frames: Doubles) -> Doubles:
    spectrum = np.fft.rfft(frames, 2 * _WINDOW, axis=1)
    frequency = np.fft.rfftfreq(2 * _WINDOW, 1 / SAMPLE_RATE)
    power = np.abs(spectrum) ** 2 / (1 + (frequency / _CUT) ** 4)
    return np.fft.irfft(power, axis=1)[:, : _WINDOW // 2]


def load_world() -> Any:
    """The package pyworld, without the warning that its import gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyworld
    return pyworld


class PitchStatistics(NamedTuple):
    """Of the natural logarithm of the pitch in Hz: mean and spread; share of voiced steps."""

    mean: float
    std: float
    voiced: float

    @classmethod
    def of(cls, pitch: ArrayLike) -> PitchStatistics:
        """Of a track in Hz, 0 where unvoiced. Median and spread by quartiles: octave errors do
        not move them. Without any voice: 120 Hz, and a share of 0."""
        track = np.asarray(pitch, np.float64)
        voiced = np.log(track[track > 0])
        if len(voiced) < 5:
            return cls(math.log(120.0), 0.2, 0.0)
        low, middle, high = (float(q) for q in np.quantile(voiced, (0.25, 0.5, 0.75)))
        return cls(middle, max((high - low) / 1.349, 0.02), len(voiced) / len(track))


def transfer(
    pitch: ArrayLike, source: PitchStatistics, target: PitchStatistics, semitones: float = 0.0
) -> Floats:
    """A track (N,) in Hz moved from one speaker's log-pitch statistics to another's.

    Unvoiced steps (0) stay; ``semitones`` are added; the result stays within 40 to 600 Hz.
    """
    track = np.asarray(pitch, np.float64)
    voiced = track > 0
    ratio = float(np.clip(target.std / source.std, 0.5, 2.0))
    moved = (np.log(np.where(voiced, track, 1.0)) - source.mean) * ratio + target.mean
    hertz = np.clip(np.exp(moved + semitones * math.log(2) / 12), 40.0, 600.0)
    return np.asarray(np.where(voiced, hertz, 0.0), np.float32)
