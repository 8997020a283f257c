"""Offsets of made films by a stand-in that reads time off the picture and off the sound."""

import math

import numpy as np
import pytest
import torch

from avsynth.metrics.picture_sync import offset_and_confidence, offsets_over_time, similarity
from avsynth.models.sync import STEPS, SyncConfig, SyncExpert


class Clock(SyncExpert):
    """Looks at the brightness of a film's first picture, hears the level of its first step."""

    def look(self, film):
        return self._at(film[:, 0].mean(dim=(1, 2, 3)) * 255)

    def hear(self, mel):
        return self._at(mel[:, :, self.config.context].mean(dim=1))

    def _at(self, time):
        angle = time / 100 * 2 * math.pi
        return torch.stack([angle.cos(), angle.sin()], dim=1)


@pytest.fixture(scope="module")
def clock():
    return Clock(SyncConfig(looks=(4,), strides=(4,), hears=(4,), paces=(4,), embedding=2)).eval()


def talk(lag, length=100):
    """Picture t shows t - lag, the sound says t."""
    film = np.arange(length)[:, None, None, None] - lag + 50
    film = np.broadcast_to(film, (length, 8, 8, 3)).astype(np.uint8)
    mel = np.repeat(np.arange(length) + 50.0, STEPS)[None].repeat(80, axis=0).astype(np.float32)
    return film, mel


@pytest.mark.parametrize("lag", [0, 3, -7, 15, -15])
def test_a_late_mouth_has_a_positive_offset(clock, lag):
    matrix = similarity(clock, *talk(lag))
    assert matrix.shape == (96, 31)
    assert np.isnan(matrix[:15, -1]).all() and np.isfinite(matrix[15:, -1]).all()
    assert np.isnan(matrix[-15:, 0]).all() and np.isfinite(matrix[:-15, 0]).all()
    offset, confidence = offset_and_confidence(matrix)
    assert offset == lag and confidence > 0.05


def test_long_films_are_seen_in_parts(clock):
    film, mel = talk(2, 700)
    np.testing.assert_allclose(
        similarity(clock, film, mel)[300:310],
        similarity(clock, film[280:], mel[:, 280 * STEPS :])[20:30],
    )


def test_without_a_best_lag_there_is_no_confidence():
    assert offset_and_confidence(np.full((40, 31), 0.3))[1] == 0


def test_a_short_film_is_judged_by_the_lags_it_has(clock):
    matrix = similarity(clock, *talk(1, 9))
    assert matrix.shape == (5, 31) and offset_and_confidence(matrix)[0] == 1
    with pytest.raises(ValueError, match="at least 5"):
        similarity(clock, *talk(0, 4))


def test_offsets_over_time_follow_a_change(clock):
    (first, mel), (second, _) = talk(-2), talk(4)
    film = np.concatenate([first[:50], second[50:]])
    curve = offsets_over_time(similarity(clock, film, mel), 5, every=0.5, window=1.0)
    assert curve.times.tolist() == [0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75]
    assert curve.offset[[0, 1, 2]].tolist() == [-0.08] * 3
    assert curve.offset[[5, 6, 7]].tolist() == [0.16] * 3
    assert (curve.confidence > 0.05).all()
