"""Sync metrics on signals whose answers are known."""

import numpy as np
import pytest

from avsynth.metrics import sync


def wander(count, seed=0):
    """A smooth random signal."""
    raw = np.random.default_rng(seed).normal(0, 1, count + 8)
    return np.convolve(raw, np.hanning(9), "valid")[:count]


@pytest.mark.parametrize("lag", [-8, -3, 0, 5, 8])
def test_a_known_lag_is_found(lag):
    signal = wander(300)
    first, second = signal[20:220], signal[20 - lag : 220 - lag]
    score, found = sync.best_lag(first, second)
    assert found == lag and score > 0.999


def test_correlation_leaves_nan_out_and_constants_score_nothing():
    a = wander(100)
    b = 2 * a + 1
    b[10:30] = np.nan
    assert sync.correlation(a, b) == pytest.approx(1)
    assert sync.correlation(a, np.ones(100)) == 0
    assert sync.correlation(a[:5], a[:5]) == 0


def test_landmark_distance_ignores_where_the_lips_are_and_scales_by_the_eyes():
    rng = np.random.default_rng(0)
    lips = rng.normal(0, 1, (50, 40, 2))
    moved = lips + rng.normal(0, 100, (50, 1, 2))
    assert sync.lmd(lips, moved, np.full(50, 100.0)) == pytest.approx(0, abs=1e-12)
    one_off = lips.copy()
    one_off[:, 0, 0] += 4.0
    expected = (4 * 39 / 40 + 39 * 4 / 40) / 40 / 100
    assert sync.lmd(lips, one_off, np.full(50, 100.0)) == pytest.approx(expected)


def test_landmark_distance_at_the_best_lag():
    rng = np.random.default_rng(0)
    lips = rng.normal(0, 1, (60, 10, 2))
    distance, lag = sync.lmd_best_lag(lips[5:50], lips[2:47], np.ones(45))
    assert lag == 3 and distance == pytest.approx(0)


def test_drive_follows_vowels_not_hiss():
    time = np.arange(32000) / 16000
    vowel = sum(np.sin(2 * np.pi * 120 * k * time) for k in range(1, 20)) * 0.02
    loud = (np.sin(2 * np.pi * 2 * time) > 0).astype(float)
    hiss = np.diff(np.random.default_rng(0).normal(0, 0.05, 32001)) * (1 - loud)
    drive = sync.vocal_drive((vowel * loud + hiss).astype(np.float32))
    assert len(drive) == 50
    assert sync.correlation(drive, loud.reshape(50, 640).mean(axis=1)) > 0.9


def test_the_scorer_finds_offset_and_loses_confidence_without_sync():
    drive = np.abs(wander(25 * 30, seed=1))
    mouth = np.roll(drive, 4) + 0.1 * wander(25 * 30, seed=2)
    mouth[100:110] = np.nan
    good = sync.sync_over_time(mouth, drive)
    assert len(good.times) == 30
    assert np.nanmedian(good.offset) == pytest.approx(4 / 25)
    stranger = sync.sync_over_time(np.abs(wander(25 * 30, seed=3)), drive)
    assert np.nanmedian(good.confidence) > 2 * np.nanmedian(stranger.confidence)


def test_the_scorer_says_nothing_without_face_or_voice():
    empty = sync.sync_over_time(np.full(100, np.nan), wander(100))
    assert np.isnan(empty.offset).all() and np.isnan(empty.confidence).all()
    silent = sync.sync_over_time(wander(100), np.zeros(100))
    assert np.isnan(silent.confidence).all()


@pytest.mark.data
def test_grid_is_in_sync_and_its_shifted_sound_is_not(data_dir):
    from avsynth.face.landmarks import open_detector
    from avsynth.face.mouth_space import opening
    from avsynth.media import read_audio, read_frames

    path = data_dir / "grid" / "s1_bbaf2n.mp4"
    sound = np.concatenate([chunk.samples for chunk in read_audio(path, 16000)])
    with open_detector("mediapipe") as detector:
        points = np.stack([detector.detect(f.rgb())[0].points for f in read_frames(path)])
    gaps = opening(points)
    drive = sync.vocal_drive(sound)
    assert abs(sync.sync_over_time(gaps, drive).offset[1]) <= 1 / 25
    late = sync.sync_over_time(gaps, np.roll(drive, -5))
    assert late.offset[1] == pytest.approx(5 / 25, abs=1 / 25)
