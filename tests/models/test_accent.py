"""A person's own way of moving, read off that person's speech."""

import numpy as np
import pytest

from avsynth.models.speech_to_motion import Accent


@pytest.fixture
def speech():
    """A thousand rows of made motion, and a person who moves further, lower and a bit askew."""
    rng = np.random.default_rng(0)
    made = rng.normal(0, 0.7, (1000, 3))
    real = made @ np.array([[1.5, 0.0, 0.0], [0.3, 1.2, 0.0], [0.0, 0.0, 0.8]]) + [0.2, 0.0, -0.1]
    return made, real + rng.normal(0, 0.3, real.shape)


def test_an_accent_brings_new_speech_nearer_to_the_person(speech):
    made, real = speech
    accent = Accent.fit(made[:700], real[:700])
    before = np.abs(made[700:] - real[700:]).mean()
    after = np.abs(accent.apply(made[700:]) - real[700:]).mean()
    assert after < 0.8 * before
    assert accent.shift == pytest.approx([0.2, 0.0, -0.1], abs=0.05)


def test_few_rows_or_none_change_little(speech):
    made, real = speech
    sizes = [np.abs(Accent.fit(made[:n], real[:n]).turn).max() for n in (0, 10, 100, 1000)]
    assert sizes[0] == 0 and sizes == sorted(sizes) and sizes[1] < 0.1
    assert np.array_equal(Accent.fit(made[:0], real[:0]).apply(made), made)


def test_rows_without_a_face_are_left_out(speech):
    made, real = speech
    holes = real.copy()
    holes[::7] = np.nan
    kept = np.arange(len(real)) % 7 != 0
    expected = Accent.fit(made[kept], real[kept])
    assert np.array_equal(Accent.fit(made, holes).turn, expected.turn)


def test_the_presence_and_the_input_stay_as_they_are(speech):
    made, real = speech
    units = np.column_stack([made, np.linspace(0, 1, len(made))])
    before = units.copy()
    moved = Accent.fit(made, real).apply(units)
    assert np.array_equal(units, before) and np.array_equal(moved[:, 3], units[:, 3])
    assert np.allclose(moved[:, :3], Accent.fit(made, real).apply(made))
