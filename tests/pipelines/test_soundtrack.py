"""The sound of the output: exact length, mixing, channels; and the time line of what is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.media import AudioChunk
from avsynth.models.speech_to_motion import MotionCurve
from avsynth.pipelines.speech import Speech, from_zero, listen, soundtrack

_STILL = {field.name: np.zeros((1, 2), np.float32) for field in fields(MotionCurve)}
CURVE = MotionCurve(**_STILL | {"rate": Fraction(25), "start": Fraction(0)})  # type: ignore[arg-type]


def wave(seconds: float, rate: int = 16000, hertz: float = 440.0, gain: float = 0.25) -> NDArray:
    return (gain * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype("f4")


def stored(path: Path, samples: NDArray, rate: int = 16000) -> Speech:
    soundfile.write(path, samples, rate, subtype="FLOAT")
    channels = 1 if samples.ndim == 1 else min(samples.shape[1], 2)
    return Speech(path, rate, channels, Fraction(len(samples), rate), CURVE)


def whole(
    speeches: Sequence[Speech], seconds: Fraction, start: Fraction = Fraction(0)
) -> tuple[int, NDArray]:
    rate, chunks = soundtrack(speeches, start, seconds)
    parts, at = [], start
    for chunk in chunks:
        assert chunk.rate == rate and chunk.time == at and chunk.samples.dtype == np.float32
        at = chunk.end
        parts.append(chunk.samples)
    return rate, np.concatenate(parts)


@pytest.mark.parametrize("seconds", [Fraction(1, 3), Fraction(1), Fraction(1001, 700)])
def test_it_is_exactly_as_long_as_asked(tmp_path: Path, seconds: Fraction) -> None:
    samples = wave(1.0)
    rate, sound = whole([stored(tmp_path / "a.wav", samples)], seconds)
    assert rate == 16000 and sound.shape == (round(seconds * rate), 1)
    kept = min(len(samples), len(sound))
    assert np.array_equal(sound[:kept, 0], samples[:kept])
    assert not sound[kept:].any()  # silence to the end


def test_it_begins_where_the_picture_begins(tmp_path: Path) -> None:
    whole([stored(tmp_path / "a.wav", wave(0.5))], Fraction(1, 2), start=Fraction(7, 3))


def test_two_speeches_are_added_and_kept_within_range(tmp_path: Path) -> None:
    a, b = wave(0.5, gain=0.3), wave(1.0, hertz=220.0, gain=0.4)
    both = [stored(tmp_path / "a.wav", a), stored(tmp_path / "b.wav", b)]
    _, sound = whole(both, Fraction(1))
    assert np.allclose(sound[:8000, 0], a + b[:8000], atol=1e-6)
    assert np.allclose(sound[8000:, 0], b[8000:], atol=1e-6)
    loud = stored(tmp_path / "loud.wav", wave(0.5, gain=3.0))
    _, sound = whole([loud, loud], Fraction(1, 2))
    assert sound.max() == 1.0 and sound.min() == -1.0


def test_mono_beside_stereo_is_heard_on_both_sides(tmp_path: Path) -> None:
    left = np.stack([wave(0.5), np.zeros(8000, "f4")], axis=1)
    stereo, mono = stored(tmp_path / "s.wav", left), stored(tmp_path / "m.wav", wave(0.5, hertz=99))
    _, sound = whole([stereo, mono], Fraction(1, 2))
    assert sound.shape == (8000, 2)
    assert np.allclose(sound - left, wave(0.5, hertz=99)[:, None], atol=1e-6)


def test_the_higher_rate_counts(tmp_path: Path) -> None:
    slow, fast = stored(tmp_path / "a.wav", wave(0.5)), stored(
        tmp_path / "b.wav", wave(0.5, 48000, gain=0.0), 48000
    )  # fmt: skip
    rate, sound = whole([slow, fast], Fraction(1, 2))
    expected = wave(0.5, 48000)
    assert rate == 48000 and sound.shape == (24000, 1)
    assert np.abs(sound[2000:-2000, 0] - expected[2000:-2000]).max() < 0.005


class Motion:
    """Stands in for the network: counts what it hears."""

    def __init__(self) -> None:
        self.heard = 0

    def predict(self, audio: Sequence[AudioChunk]) -> MotionCurve:
        self.heard = sum(len(chunk.samples) for chunk in audio)
        return CURVE


def test_listening_measures_the_length(tmp_path: Path) -> None:
    stored(tmp_path / "a.wav", wave(1.5, 44100), 44100)
    motion = Motion()
    speech = listen(tmp_path / "a.wav", motion)  # type: ignore[arg-type]
    assert abs(speech.seconds - Fraction(3, 2)) <= Fraction(2, 16000)
    assert motion.heard == speech.seconds * 16000
    assert (speech.rate, speech.channels) == (44100, 1)


def test_six_channels_keep_the_voice_in_the_middle(tmp_path: Path) -> None:
    surround = np.zeros((8000, 6), "f4")
    surround[:, 2] = wave(0.5)  # front centre, where films put the dialogue
    soundfile.write(tmp_path / "six.wav", surround, 16000, subtype="FLOAT")
    speech = listen(tmp_path / "six.wav", Motion())  # type: ignore[arg-type]
    _, sound = whole([speech], Fraction(1, 2))
    assert np.abs(sound).max() > 0.03  # as one of six, where the file names none


def test_sound_that_is_empty_or_missing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0, "f4"), 16000)
    with pytest.raises(InputError):
        listen(tmp_path / "empty.wav", Motion())  # type: ignore[arg-type]


def chunks(start: Fraction, *lengths: int) -> list[AudioChunk]:
    found, value = [], 1.0
    for length in lengths:
        samples = np.arange(value, value + length, dtype=np.float32)
        found.append(AudioChunk(start, 100, samples))
        start, value = found[-1].end, value + length
    return found


@pytest.mark.parametrize("late", [0, 1, 7, 250])
def test_sound_that_starts_late_is_led_by_silence(late: int) -> None:
    out = list(from_zero(iter(chunks(Fraction(late, 100), 5, 5))))
    sound = np.concatenate([chunk.samples for chunk in out])
    assert sound.tolist() == [0.0] * late + list(range(1, 11))
    assert out[0].time == 0 and all(a.end == b.time for a, b in pairwise(out))


@pytest.mark.parametrize("early", [1, 5, 7, 10, 12])
def test_sound_before_the_start_is_cut(early: int) -> None:
    out = list(from_zero(iter(chunks(Fraction(-early, 100), 5, 5))))
    sound = [value for chunk in out for value in chunk.samples.tolist()]
    assert sound == list(range(1 + early, 11))
    assert all(chunk.time >= 0 for chunk in out) and (not out or out[0].time == 0)
