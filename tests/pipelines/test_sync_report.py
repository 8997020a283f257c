"""Sync before and after, as the report tells it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from avsynth.face.mesh import MOUTH_JAW
from avsynth.face.mouth_space import MouthSpace, PersonStyle, canonical_opening
from avsynth.media import AudioChunk
from avsynth.metrics.sync import vocal_drive
from avsynth.models.speech_to_motion import MotionCurve
from avsynth.pipelines.speech import minute_by_minute
from avsynth.pipelines.sync import _seconds, openings_wanted

RATE = 16000


def syllables(seconds: float) -> np.ndarray:
    """A voice-like hum whose loudness follows an uneven rhythm."""
    time = np.arange(round(seconds * RATE)) / RATE
    rhythm = 0.5 + 0.5 * np.sin(2 * np.pi * (3.1 * time + 0.9 * np.sin(time * 1.7)))
    return (rhythm * np.sin(2 * np.pi * 800 * time)).astype(np.float32)


def chunks(samples: np.ndarray, size: int, start: Fraction = Fraction(0)) -> Iterator[AudioChunk]:
    for first in range(0, len(samples), size):
        yield AudioChunk(start + Fraction(first, RATE), RATE, samples[first : first + size])


@pytest.mark.parametrize("size", [640, 4001, 10**7])
def test_it_does_not_matter_how_the_sound_is_cut(size: int) -> None:
    sound = syllables(3.0)
    assert np.allclose(
        minute_by_minute(chunks(sound, size), vocal_drive), vocal_drive(sound), atol=1e-6
    )


def test_longer_than_a_block_has_no_gap() -> None:
    drive = minute_by_minute(chunks(syllables(130.0), 16000), vocal_drive)
    assert len(drive) == 130 * 25 and drive[1498:1503].min() >= 0


def test_sound_that_starts_late_is_late() -> None:
    sound = syllables(2.0)
    late = minute_by_minute(chunks(sound, 4000, Fraction(1)), vocal_drive)
    assert len(late) == 75 and not late[:23].any()
    assert np.allclose(late[27:], vocal_drive(sound)[2:], atol=0.05)


def test_no_sound_at_all() -> None:
    assert len(minute_by_minute(iter([]), vocal_drive)) == 0


@pytest.mark.parametrize("lag", [-5, 0, 3])
def test_a_mouth_that_lags_is_told_so(lag: int) -> None:
    drive = minute_by_minute(chunks(syllables(12.0), 16000), vocal_drive)
    told = _seconds(np.roll(drive, lag) * 0.1, drive)
    assert [second.time for second in told] == [n + 0.5 for n in range(12)]
    middle = told[3:-3]
    assert all(second.offset == pytest.approx(lag / 25, abs=0.001) for second in middle)
    assert all(second.confidence is not None and second.confidence > 0.3 for second in middle)


def test_a_still_mouth_has_no_offset() -> None:
    drive = minute_by_minute(chunks(syllables(5.0), 16000), vocal_drive)
    assert all(second.offset is None for second in _seconds(np.zeros(len(drive)), drive))
    assert all(second.offset is None for second in _seconds(np.full(len(drive), np.nan), drive))


def test_an_hour_of_mouths_is_never_held_at_once() -> None:
    rng = np.random.default_rng(1)
    points, count = (len(MOUTH_JAW), 3), 3600 * 25
    space = MouthSpace(
        rng.normal(size=points), rng.normal(size=(4, *points)), np.ones(4), np.ones(3)
    )
    style = PersonStyle(np.zeros(4), np.zeros(4), np.ones(4))
    units = rng.normal(size=(count, 4)).astype(np.float32)
    ones = np.ones(count, np.float32)
    curve = MotionCurve(Fraction(25), Fraction(0), units, ones, ones)
    tracemalloc.start()
    openings = openings_wanted(curve, style, space, count)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6  # 530 MB where all are
    few = slice(2000, 2100)  # around the end of what is done at a time
    shapes = space.shape(style.from_units(curve.at(np.arange(count)[few] / 25)))
    assert np.allclose(openings[few], canonical_opening(shapes))
