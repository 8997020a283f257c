"""Pitch tracks of sounds whose pitch is known, and the transfer of their statistics."""

import numpy as np
import pytest

from avsynth.speech.pitch_track import PitchStatistics, pitch_track, transfer

RATE = 16_000


def glide(first: float, last: float, seconds: float = 1.0) -> np.ndarray:
    """Twelve harmonics whose fundamental glides."""
    frequency = np.linspace(first, last, int(seconds * RATE))
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    return 0.1 * sum(np.sin(k * phase) / k for k in range(1, 13))


@pytest.mark.parametrize("first,last", [(80, 100), (120, 240), (300, 220), (400, 410)])
def test_a_glide_is_followed_within_one_percent(first, last):
    track = pitch_track(glide(first, last))
    truth = np.linspace(first, last, 100)
    inside = slice(5, 95)
    assert len(track) == 100 and (track[inside] > 0).all()
    assert np.abs(track[inside] / truth[inside] - 1).max() < 0.01


def test_noise_and_silence_have_no_pitch():
    noise = np.random.default_rng(0).standard_normal(RATE) * 0.1
    assert (pitch_track(noise) > 0).mean() < 0.1
    assert not pitch_track(np.zeros(RATE)).any()
    assert len(pitch_track(np.zeros(100))) == 0


def test_values_that_are_not_numbers_count_as_silence():
    sound = glide(150, 150)
    sound[4000:4400] = np.nan
    track = pitch_track(sound)
    assert np.isfinite(track).all() and track[60] == pytest.approx(150, rel=0.01)


def test_quiet_sound_beside_loud_sound_is_unvoiced():
    sound = glide(150, 150) * 1e-3
    assert (pitch_track(sound) > 0).mean() > 0.9
    assert not (pitch_track(sound, loudest=1.0) > 0).any()


def test_statistics_are_those_of_the_voiced_steps():
    random = np.random.default_rng(1)
    track = np.exp(random.normal(5.0, 0.2, 4000))
    track[::4] = 0
    found = PitchStatistics.of(track)
    assert found.mean == pytest.approx(5.0, abs=0.02)
    assert found.std == pytest.approx(0.2, abs=0.02)
    assert found.voiced == 0.75
    assert PitchStatistics.of(np.zeros(50)).voiced == 0


def test_transfer_moves_mean_and_spread_and_leaves_the_unvoiced():
    random = np.random.default_rng(2)
    track = np.exp(random.normal(4.7, 0.1, 2000))
    track[:100] = 0
    aim = PitchStatistics(5.3, 0.15, 0.5)
    moved = transfer(track, PitchStatistics.of(track), aim)
    assert not moved[:100].any()
    found = PitchStatistics.of(moved)
    assert found.mean == pytest.approx(5.3, abs=0.01) and found.std == pytest.approx(0.15, rel=0.1)
    octave = transfer(track, PitchStatistics.of(track), aim, semitones=-12)
    assert np.median(octave[100:] / moved[100:]) == pytest.approx(0.5, rel=1e-3)
