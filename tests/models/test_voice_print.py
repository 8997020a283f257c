"""A voice as it is heard in recordings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from voice_helpers import RATE, line, noise, person, small_encoder

from avsynth.errors import NothingToDoError
from avsynth.models.listening import listen
from avsynth.models.voice_print import describe
from avsynth.weights.speakers import load_speaker

EMBEDDER = load_speaker(str(small_encoder())).embedder


def test_a_voice_is_what_is_heard() -> None:
    voice = describe([line()], EMBEDDER)
    heard = listen([line()])
    assert voice.pitch.mean == pytest.approx(heard.pitch.mean, abs=0.02)
    assert 0.5 * len(line()) / RATE < voice.seconds <= len(line()) / RATE
    # The lowest band holds the offset, which is taken away.
    np.testing.assert_allclose(voice.spectrum_mean[1:], heard.spectrum_mean[1:], atol=0.05)
    assert float(voice.embedding @ EMBEDDER.embed(line())) > 0.98
    assert voice.encoder == EMBEDDER.sha256 and not voice.synthetic


def test_loudness_does_not_matter() -> None:
    loud, quiet = describe([line()], EMBEDDER), describe([line() * np.float32(0.05)], EMBEDDER)
    np.testing.assert_allclose(loud.spectrum_mean, quiet.spectrum_mean, atol=0.05)
    np.testing.assert_allclose(loud.embedding, quiet.embedding, atol=0.01)


def test_several_recordings_are_one_voice() -> None:
    half = len(line()) // 2
    parts = describe([line()[:half], line()[half:] * np.float32(0.2)], EMBEDDER)
    whole = describe([line()], EMBEDDER)
    assert parts.pitch.mean == pytest.approx(whole.pitch.mean, abs=0.05)
    assert parts.seconds == pytest.approx(whole.seconds, abs=0.5)
    both = describe([line(), person()], EMBEDDER)
    assert both.seconds == pytest.approx(
        whole.seconds + describe([person()], EMBEDDER).seconds, abs=0.5
    )
    assert both.spread > whole.spread


def test_a_silent_recording_adds_nothing() -> None:
    silence = np.zeros(5 * RATE, np.float32)
    both, alone = describe([line(), silence], EMBEDDER), describe([line()], EMBEDDER)
    np.testing.assert_array_equal(both.embedding, alone.embedding)
    assert both.seconds == alone.seconds


@pytest.mark.parametrize("sounds", [[], [np.zeros(RATE)], [np.zeros(0)], [np.ones(100)]])
def test_no_sound_is_no_voice(sounds: list[np.ndarray]) -> None:
    with pytest.raises(NothingToDoError, match="no sound"):
        describe([np.asarray(sound, np.float32) for sound in sounds], EMBEDDER)


def test_a_steady_noise_is_described_without_a_second_of_speech() -> None:
    voice = describe([noise(4.0)], EMBEDDER)
    assert voice.seconds == 0 and voice.pitch.voiced == 0
    assert np.isfinite(voice.spectrum_mean).all() and voice.spectrum_std.min() > 0
    assert math.isfinite(voice.spread)
