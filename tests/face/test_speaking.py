"""The mouth that moved with the sound is told from one that did not."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avsynth.face.choice import select
from avsynth.face.speaking import SoundLevel, score_tracks, speaking_score
from avsynth.face.store import TrackTable, TrackWriter
from avsynth.face.track import FaceTracker, wanted_side
from avsynth.media import AudioChunk, probe, read_audio, read_frames


def syllables(seed: int, seconds: float = 6.0) -> np.ndarray:
    """Loudness 0..1 at 100 Hz: bumps at about four a second."""
    rng = np.random.default_rng(seed)
    level = np.zeros(int(seconds * 100))
    at = 0.3
    while at < seconds - 0.3:
        width = rng.uniform(0.05, 0.09)
        t = np.arange(len(level)) / 100 - at
        level += rng.uniform(0.3, 1.0) * np.exp(-0.5 * (t / width) ** 2)
        at += rng.uniform(0.18, 0.45)
    return level


def sound_of(level: np.ndarray) -> SoundLevel:
    noise = np.random.default_rng(9).normal(0, 1e-4, len(level))
    return SoundLevel((0.2 * level + np.abs(noise)).astype(np.float32), 100.0, 0.0)


def mouth_of(level: np.ndarray, rate: float = 25.0) -> tuple[np.ndarray, np.ndarray]:
    times = np.arange(0.2, len(level) / 100 - 0.2, 1 / rate)
    return times, 0.08 * np.interp(times, np.arange(len(level)) / 100, level)


@pytest.mark.parametrize("rate", [25.0, 29.97, 60.0])
def test_own_sound_wins_at_any_frame_rate(rate: float) -> None:
    times, mouth = mouth_of(syllables(1), rate)
    own = speaking_score(times, mouth, sound_of(syllables(1)))
    others = [speaking_score(times, mouth, sound_of(syllables(s))) for s in range(2, 8)]
    assert own > 0.5 and own > max(others) + 0.1


def test_a_lag_of_three_frames_is_forgiven() -> None:
    times, mouth = mouth_of(syllables(1))
    assert speaking_score(times + 0.12, mouth, sound_of(syllables(1))) > 0.3


def test_still_mouth_silence_and_short_tracks_score_nothing() -> None:
    times, mouth = mouth_of(syllables(1))
    assert speaking_score(times, np.full_like(mouth, 0.05), sound_of(syllables(1))) == 0.0
    silent = SoundLevel(np.zeros(600, np.float32), 100.0, 0.0)
    assert speaking_score(times, mouth, silent) == 0.0
    assert speaking_score(times[:3], mouth[:3], sound_of(syllables(1))) == 0.0


def test_level_does_not_depend_on_the_chunks() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 16050).astype(np.float32)

    def chunks(size: int) -> Iterator[AudioChunk]:
        for i in range(0, len(samples), size):
            yield AudioChunk(Fraction(1, 2) + Fraction(i, 16000), 16000, samples[i : i + size])

    whole, parts = SoundLevel.of(chunks(20000)), SoundLevel.of(chunks(777))
    np.testing.assert_array_equal(whole.values, parts.values)
    assert len(whole.values) == 100 and parts.start == 0.5
    np.testing.assert_allclose(whole.values, 0.1, rtol=0.35)
    assert len(SoundLevel.of([]).values) == 0


@pytest.mark.data
def test_the_left_face_of_the_composite_speaks(data_dir: Path, tmp_path: Path) -> None:
    clip = data_dir / "clips" / "720x288_two_faces_composite_left_speaks.mp4"
    video = probe(clip).video
    assert video is not None
    times = []
    with (
        TrackWriter(tmp_path / "tracks", video.width, video.height) as writer,
        FaceTracker(video.width, video.height) as tracker,
    ):
        side = wanted_side(video.width, video.height)
        for i, frame in enumerate(read_frames(clip)):
            writer.write(i, tracker.update(i, frame.small(side), frame.rgb))
            times.append(float(frame.time))
    with TrackTable.open(tmp_path / "tracks") as table:
        scores = score_tracks(table, times, SoundLevel.of(read_audio(clip, 16000)))
        chosen = select(table.tracks, "speaking", scores)
        left = min(table.tracks, key=lambda t: t.centre[0])
        print(f"speaking scores: {scores}")
        assert chosen == (left.id,) and len(scores) == 2
        right = next(score for track, score in scores.items() if track != left.id)
        assert scores[left.id] > right + 0.2
