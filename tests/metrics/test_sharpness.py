"""Liveliness of spectra, on sounds whose answers are known."""

import numpy as np
import pytest

from avsynth.metrics import sharpness


def lively(steps=400, seed=0):
    """A random walk of 80 bands, kept near its mean."""
    noise = np.random.default_rng(seed).normal(0, 1, (80, steps + 20))
    kernel = np.hanning(7)
    return np.apply_along_axis(np.convolve, 1, noise, kernel, "valid")[:, :steps] * 0.3 - 3


def blurred(mel, width=9):
    kernel = np.hanning(width + 2)
    padded = np.pad(mel, ((0, 0), (width, width)), mode="edge")
    soft = np.apply_along_axis(np.convolve, 1, padded, kernel / kernel.sum(), "same")
    return soft[:, width:-width]


def test_variance_of_a_known_signal_and_its_ratio():
    mel = np.tile(np.array([-1.0, 1.0]), (80, 50))
    np.testing.assert_allclose(sharpness.global_variance(mel), 1.0)
    half = sharpness.global_variance(mel / 2)
    assert sharpness.global_variance_ratio(half, np.ones(80)) == pytest.approx(0.25)


def test_silence_does_not_count():
    mel = lively()
    quiet = np.concatenate([np.full((80, 100), -11.5), mel, np.full((80, 100), -11.5)], axis=1)
    assert sharpness.active_steps(quiet).sum() == mel.shape[1]
    np.testing.assert_allclose(sharpness.global_variance(quiet), sharpness.global_variance(mel))
    same = sharpness.modulation_spectrum(quiet), sharpness.modulation_spectrum(mel)
    assert sharpness.modulation_distance(*same) == pytest.approx(0)


def test_a_modulation_is_found_at_its_frequency():
    steps = np.arange(640)
    mel = np.tile(np.sin(2 * np.pi * steps * 8 / 64), (80, 1))  # 12.5 Hz
    power = sharpness.modulation_spectrum(mel)
    assert power.shape == (80, 32) and (power.argmax(axis=1) == 7).all()


def test_smoothing_is_seen_by_both():
    natural, again = lively(seed=1), lively(seed=2)
    soft = blurred(again)
    variance = [sharpness.global_variance(x) for x in (natural, again, soft)]
    assert sharpness.global_variance_ratio(variance[1], variance[0]) == pytest.approx(1, abs=0.1)
    assert sharpness.global_variance_ratio(variance[2], variance[0]) < 0.7
    spectra = [sharpness.modulation_spectrum(x) for x in (natural, again, soft)]
    near, far = (sharpness.modulation_distance(x, spectra[0]) for x in spectra[1:])
    assert near < 4 < 10 < far


def test_a_tenth_of_a_second_is_enough():
    short = lively()[:, :10]
    assert np.isfinite(sharpness.modulation_spectrum(short)).all()
