"""Pitch scores on tracks whose answers are known."""

import numpy as np
import pytest

from avsynth.metrics import intonation


def tracks():
    """A contour, and the same a semitone higher, each unvoiced somewhere else."""
    first = 120 + 20 * np.sin(np.arange(100) / 7)
    second = first * 2 ** (1 / 12)
    first[:10], second[90:] = 0, 0
    return first, second


def test_a_semitone_is_a_semitone_on_frames_voiced_in_both():
    first, second = tracks()
    assert intonation.log_f0_rmse(first, second) == pytest.approx(np.log(2) / 12)
    voiced = first[10:90] * (2 ** (1 / 12) - 1)
    assert intonation.f0_rmse(first, second) == pytest.approx(np.sqrt((voiced**2).mean()))
    assert intonation.log_f0_correlation(first, second) == pytest.approx(1)
    assert intonation.voicing_error(first, second) == pytest.approx(0.2)


def test_a_contour_upside_down_is_anticorrelated():
    first, _ = tracks()
    mirrored = np.where(first > 0, 120**2 / np.maximum(first, 1), 0)
    assert intonation.log_f0_correlation(first, mirrored) == pytest.approx(-1)


def test_too_few_voiced_frames_say_nothing():
    first, second = tracks()
    second[15:] = 0
    assert np.isnan(intonation.f0_rmse(first, second))
    assert np.isnan(intonation.log_f0_correlation(first, np.full(100, 100.0)))
