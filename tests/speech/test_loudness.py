"""Loudness and true peaks against what BS.1770 says; levels that follow another sound."""

from __future__ import annotations

import math

import numpy as np
import pytest
from convert_helpers import speech
from numpy.typing import NDArray

from avsynth.speech.level_match import Envelope, LevelMatcher, Limiter
from avsynth.speech.loudness import LoudnessMeter, PeakMeter, Weighting, decibels, true_peaks

Floats = NDArray[np.float32]
_CEILING = 10 ** (-1 / 20)


def sine(hertz: float, seconds: float, rate: int, gain: float = 1.0, phase: float = 0.0) -> Floats:
    times = np.arange(round(seconds * rate)) / rate
    return (gain * np.sin(2 * np.pi * hertz * times + phase)).astype(np.float32)[:, None]


def lufs(samples: Floats, rate: int, cut: int = 4800) -> float:
    meter = LoudnessMeter(rate, samples.shape[1])
    for first in range(0, len(samples), cut):
        meter.push(samples[first : first + cut])
    return meter.integrated()


def true_peak(samples: Floats, rate: int, cut: int = 4800) -> float:
    meter = PeakMeter(rate)
    for first in range(0, len(samples), cut):
        meter.push(samples[first : first + cut])
    return meter.peak


def test_the_filter_is_that_of_the_recommendation() -> None:
    impulse = np.zeros((8, 1), np.float32)
    impulse[0] = 1
    b1, a1 = (1.53512485958697, -2.69169618940638, 1.19839281085285), (
        1.0, -1.69065929318241, 0.73248077421585)  # fmt: skip
    b2, a2 = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)
    from scipy.signal import lfilter

    wanted = lfilter(b2, a2, lfilter(b1, a1, impulse[:, 0]))
    assert Weighting(48000, 1)(impulse)[:, 0] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000, 192000])
def test_loudness_of_a_sine(rate: int) -> None:
    # BS.1770: 997 Hz at full scale in one channel is -3.01 LKFS.
    assert lufs(sine(997, 3, rate), rate) == pytest.approx(-3.01, abs=0.05)
    both = np.repeat(sine(997, 3, rate, 0.1), 2, axis=1)
    assert lufs(both, rate) == pytest.approx(-20.0, abs=0.05)


def test_pauses_do_not_count() -> None:
    # EBU Tech 3341, case 3: 10 s at -36, 60 s at -23, 10 s at -36 LUFS read -23, in stereo.
    quiet, loud = (np.repeat(sine(1000, s, 48000, 10 ** (db / 20)), 2, axis=1)
                   for s, db in ((10, -36), (60, -23)))  # fmt: skip
    assert lufs(np.concatenate([quiet, loud, quiet]), 48000) == pytest.approx(-23.0, abs=0.1)
    silent = np.zeros((48000, 1), np.float32)
    assert lufs(silent, 48000) == -math.inf
    assert lufs(silent[:100], 48000) == -math.inf


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_true_peaks_lie_between_samples(rate: int) -> None:
    # EBU Tech 3341, case 16: a quarter of the rate at 45 degrees, -6 dB; samples see 3 dB less.
    wave = sine(rate / 4, 0.5, rate, 0.5, math.pi / 4)
    wave[:200] *= np.linspace(0, 1, 200, dtype=np.float32)[:, None]
    wave[-200:] *= np.linspace(1, 0, 200, dtype=np.float32)[:, None]
    assert float(np.abs(wave).max()) == pytest.approx(0.354, abs=0.001)
    assert -6.0 - 0.4 <= decibels(true_peak(wave, rate)) <= -6.0 + 0.2
    assert true_peak(wave, rate, 333) == pytest.approx(true_peak(wave, rate, 7000))
    assert decibels(0.0) == -math.inf


def test_the_limiter_keeps_true_peaks_down_and_leaves_the_rest() -> None:
    random = np.random.default_rng(0)
    wave = (0.1 * random.standard_normal((16000, 2))).astype(np.float32)
    wave[5000:5003] = 1.7, -1.7
    wave[9000, 1] = -3.0

    def limited(cut: int) -> Floats:
        limiter = Limiter(16000, 2, _CEILING)
        pieces = [limiter.push(wave[k : k + cut]) for k in range(0, len(wave), cut)]
        return np.concatenate([*pieces, limiter.flush()])

    made = limited(1000)
    assert made.shape == wave.shape
    assert true_peak(made, 16000) <= _CEILING * 1.01
    assert np.array_equal(made[:4500], wave[:4500]) and np.array_equal(made[9500:], wave[9500:])
    ratio = made[5000:5003, 0] / made[5000:5003, 1]
    assert ratio == pytest.approx(wave[5000:5003, 0] / wave[5000:5003, 1])  # both channels alike
    assert np.abs(made - limited(37)).max() < 1e-6


def matched(old: Floats, new: Floats, rate: int, cuts: tuple[int, ...] = (4000,)) -> Floats:
    matcher = LevelMatcher(rate, old.shape[1], _CEILING)
    pieces, first, number = [], 0, 0
    while first < len(new):
        last = first + cuts[number % len(cuts)]
        pieces.append(matcher.push(old[first:last], new[first:last]))
        first, number = last, number + 1
    return np.concatenate([*pieces, matcher.flush()])


def other(rate: int) -> Floats:
    """Another sound of the same rhythm: noise under the envelope of the speech, too loud."""
    voice = speech(rate)
    shape = np.convolve(np.abs(voice), np.full(rate // 100, 100 / rate), "same")
    noise = np.random.default_rng(1).standard_normal(len(voice))
    return np.asarray(2 * shape * noise, np.float32)


@pytest.mark.parametrize("rate", [8000, 11025, 44100])
def test_the_new_sound_is_as_loud_as_the_old(rate: int) -> None:
    left = speech(rate)[:, None] * np.float32(0.3)
    old = np.concatenate([left, 0.5 * left, 0 * left], axis=1)
    made = matched(old, other(rate), rate)
    assert made.shape == old.shape
    assert lufs(made, rate) == pytest.approx(lufs(old, rate), abs=0.3)
    # Each channel keeps its share.
    assert lufs(made[:, :1], rate) - lufs(made[:, 1:2], rate) == pytest.approx(6.02, abs=0.05)
    assert not made[:, 2].any()


def test_levels_are_kept_over_time_and_silence_is_silent() -> None:
    rate = 16000
    old = speech(rate)[:, None].copy()
    old[:32000] *= 0.1  # 20 dB
    old[60000:90000] = 0
    new = other(rate)
    made = matched(old, new, rate)
    for part in (slice(0, 28000), slice(36000, 60000), slice(90000, None)):
        assert lufs(made[part], rate) == pytest.approx(lufs(old[part], rate), abs=0.7)
    assert np.abs(made[60000 + 3200 : 90000 - 1600]).max() < 1e-4 < np.abs(new[60000:90000]).max()


def test_nothing_depends_on_how_the_stream_is_cut() -> None:
    old, new = speech(11025)[:, None], other(11025)
    whole = matched(old, new, 11025, (len(old),))
    assert np.abs(whole - matched(old, new, 11025, (997, 13, 30011))).max() < 1e-6


@pytest.mark.parametrize("count", [0, 1, 59, 160, 161, 1000])
def test_sound_as_short_as_can_be(count: int) -> None:
    old = speech(16000)[16000 : 16000 + count, None]
    assert len(matched(old, old[:, 0], 16000)) == count


def test_an_envelope_forgets_what_is_not_asked_for() -> None:
    envelope, whole = Envelope(16000, 1, 160), Envelope(16000, 1, 160)
    voice = speech(16000)[:32000, None]
    envelope.push(voice[:16000])
    envelope.forget(90)
    envelope.push(voice[16000:])
    whole.push(voice)
    assert envelope.steps == whole.steps == 200
    assert envelope.smooth(110, 150, 20) == pytest.approx(whole.smooth(110, 150, 20))
    assert whole.smooth(0, 5, 3).shape == (5, 1)


def test_true_peaks_of_nothing() -> None:
    assert true_peaks(np.zeros((0, 1), np.float32), 16000).shape == (0,)
