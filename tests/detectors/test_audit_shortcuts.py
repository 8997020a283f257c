"""Trivial properties of sound, and what they come to as a detector."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.audit import shortcut_auc, sound_properties

RATE = 16_000


def noise(seconds: float, level: float = 0.1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE)).astype(np.float32)


def test_properties_of_a_sound_that_is_known() -> None:
    time = np.arange(2 * RATE) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 997 * time) + 0.01).astype(np.float32)
    padded = np.concatenate([np.zeros(RATE // 2), tone, np.zeros(RATE // 4)]).astype(np.float32)
    found = sound_properties(padded, RATE)
    assert found["duration_s"] == pytest.approx(2.75)
    assert found["leading_silence_s"] == pytest.approx(0.5, abs=0.011)
    assert found["trailing_silence_s"] == pytest.approx(0.25, abs=0.011)
    assert found["silence_share"] == pytest.approx(0.75 / 2.75, abs=0.01)
    assert found["zero_share"] == pytest.approx(0.75 / 2.75, abs=0.01)
    assert found["dc_offset"] == pytest.approx(0.01 * 2 / 2.75, rel=0.01)
    assert found["peak_dbfs"] == pytest.approx(20 * np.log10(0.51), abs=0.01)
    assert found["loudness_lufs"] == pytest.approx(-3.01 - 6.02, abs=0.6)
    assert found["bandwidth_hz"] == pytest.approx(997, abs=60)
    assert all(np.isfinite(value) for value in found.values())


def test_the_sample_rate_of_origin_and_a_noise_that_cannot_be_packed() -> None:
    from scipy.signal import butter, sosfiltfilt

    wide = noise(1.0)
    narrow = sosfiltfilt(butter(12, 4000, fs=RATE, output="sos"), wide).astype(np.float32)
    assert sound_properties(wide, RATE)["cutoff_hz"] > 7900
    assert 4000 < sound_properties(narrow, RATE)["cutoff_hz"] < 6000
    silent = sound_properties(np.zeros(RATE, np.float32), RATE)
    assert silent["lossless_kbps"] < 10 < 100 < sound_properties(wide, RATE)["lossless_kbps"]
    assert silent["silence_share"] == 1.0
    assert all(np.isfinite(value) for value in silent.values())


@pytest.mark.parametrize("count", [1, 2, 15, 161])
def test_short_and_broken_sound(count: int) -> None:
    broken = np.full(count, np.nan, np.float32)
    broken[0] = np.inf
    assert all(np.isfinite(v) for v in sound_properties(broken, RATE).values())
    with pytest.raises(ValueError, match="mono"):
        sound_properties(np.zeros((5, 2), np.float32), RATE)
    with pytest.raises(ValueError):
        sound_properties(np.zeros(0, np.float32), RATE)


def rows(fake: np.ndarray, informative: float, seed: int = 0) -> list[dict[str, float]]:
    """A property that shifts by ``informative`` for fakes, and two that mean nothing."""
    rng = np.random.default_rng(seed)
    shifted = rng.normal(size=len(fake)) + informative * fake
    return [{"telling": x, "a": a, "b": b}
            for x, a, b in zip(shifted, *rng.normal(size=(2, len(fake))), strict=True)]  # fmt: skip


def test_a_property_that_tells_is_found_whichever_way_it_points() -> None:
    fake = np.arange(200) % 2 == 0
    for sign in (1, -1):
        found = shortcut_auc(rows(fake, 2.0 * sign), fake, rounds=200)
        best = found.alone[0]
        assert best.name == "telling"
        assert best.separation > 0.88 and best.telling
        assert (best.auc > 0.5) == (sign > 0)
        assert found.together.auc > 0.85 and found.together.low > 0.8
        assert found.together.low < found.together.auc < found.together.high


def test_properties_that_mean_nothing_stay_near_one_half() -> None:
    fake = np.arange(300) % 2 == 0
    aucs = [shortcut_auc(rows(fake, 0.0, seed), fake, rounds=50).together.auc for seed in range(5)]
    assert 0.42 < np.mean(aucs) < 0.55


def test_auc_agrees_with_counting_pairs_and_with_the_metrics() -> None:
    from detectors.metrics import auc

    rng = np.random.default_rng(3)
    values = rng.integers(0, 6, 80).astype(float)  # many ties
    fake = rng.random(80) < 0.4
    (alone,) = shortcut_auc([{"x": v} for v in values], fake, rounds=10).alone
    pairs = [(f > r) + 0.5 * (f == r) for f in values[fake] for r in values[~fake]]
    assert alone.auc == pytest.approx(np.mean(pairs))
    assert alone.auc == pytest.approx(auc(values, fake))


def test_what_a_group_alone_gives_away_does_not_count() -> None:
    """Ten people, each with files of one class and a mark of their own: nothing generalises."""
    person = np.repeat(np.arange(10), 20)
    fake = person % 2 == 0
    marks = [{f"is {n}": float(p == n) for n in range(10)} for p in person]
    by_person = shortcut_auc(marks, fake, [str(p) for p in person], rounds=50)
    by_file = shortcut_auc(marks, fake, rounds=50)
    assert by_file.together.auc > 0.99
    assert by_person.together.auc < 0.7
    assert by_person.groups == 10
    one = shortcut_auc(marks, fake, ["somebody"] * 200, rounds=50)
    assert one.together == by_file.together  # one group alone: files have to do


def test_gaps_are_filled_and_impossible_questions_refused() -> None:
    fake = np.arange(40) % 2 == 0
    table = rows(fake, 3.0)
    for row in table[::5]:
        row["telling"] = float("nan")
    table = [{**row, "unknown": float("nan")} for row in table]
    assert shortcut_auc(table, fake, rounds=20).alone[0].name == "telling"
    with pytest.raises(ValueError, match="two files"):
        shortcut_auc(table, np.arange(40) == 0)
    with pytest.raises(ValueError, match="no properties"):
        shortcut_auc([{}] * 40, fake)
    with pytest.raises(ValueError, match="labels"):
        shortcut_auc(table, fake[:-1])


def test_the_same_every_time() -> None:
    fake = np.arange(60) % 3 == 0
    assert shortcut_auc(rows(fake, 1.0), fake) == shortcut_auc(rows(fake, 1.0), fake)
