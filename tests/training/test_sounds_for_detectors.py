"""The corpus of sounds on disk, and what is done to sounds before a detector hears them."""

import numpy as np
import pytest

from avsynth.errors import InputError
from avsynth.training.sound_corpus import SoundItem, open_sounds, read_items, save_sounds
from avsynth.training.sound_disturbance import disturb, resampled, shaped


def item(name, start, speaker="a", split="train", **more):
    values = {"label": "real", "family": "real", "system": "recording"} | more
    return SoundItem(name=name, speaker=speaker, split=split, start=start, samples=100, **values)


def test_corpus_comes_back(tmp_path):
    samples = np.arange(200, dtype=np.int16)
    fake = {"label": "fake", "family": "world", "system": "world", "original": "one"}
    items = (item("one", 0), item("one.world0", 100, **fake))
    save_sounds(tmp_path, items, samples)
    corpus = open_sounds(tmp_path)
    assert corpus.items == items == read_items(tmp_path)
    assert np.array_equal(corpus.sound(items[1]), samples[100:])


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ((item("one", 0), item("two", 100, split="dev")), "two splits"),
        ((item("one", 0), item("one", 100)), "twice"),
        ((item("one", 150),), "beyond the end"),
    ],
)
def test_corpus_that_is_wrong_is_refused(tmp_path, items, reason):
    with pytest.raises(InputError, match=reason):
        save_sounds(tmp_path, items, np.zeros(200, np.int16))


def test_no_corpus(tmp_path):
    with pytest.raises(InputError, match="not a corpus"):
        open_sounds(tmp_path)


def speechlike(seconds=1.0):
    rng = np.random.default_rng(1)
    time = np.arange(int(16_000 * seconds)) / 16_000
    voice = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 20))
    return (0.05 * voice + 0.01 * rng.standard_normal(len(time))).astype(np.float32)


def test_disturbances_are_drawn_from_the_generator_alone():
    sound = speechlike()
    made = [disturb(sound, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


def test_disturbed_sound_is_as_long_finite_and_within_full_scale():
    sound = speechlike()
    for seed in range(25):
        made = disturb(sound, np.random.default_rng(seed))
        assert made.dtype == np.float32
        assert len(made) == len(sound)
        assert np.isfinite(made).all()
        assert 0.02 < np.abs(made).max() < 1.0


def test_silence_survives():
    made = disturb(np.zeros(8000, np.float32), np.random.default_rng(0), strength=3.0)
    assert np.isfinite(made).all()


def test_shaping_turns_no_phase():
    sound = speechlike()
    assert np.allclose(shaped(sound, lambda f: np.ones_like(f)), sound, atol=1e-6)
    cut = shaped(sound, lambda f: (f < 1000).astype(float))
    power = np.abs(np.fft.rfft(cut * np.hanning(len(cut)))) ** 2
    assert power[1100:].sum() < 1e-4 * power.sum()  # a bin is 1 Hz


def test_resampling_there_and_back_keeps_time():
    sound = speechlike()
    made = resampled(sound, 22_050, "HQ")
    assert len(made) == len(sound)
    assert np.corrcoef(made[500:-500], sound[500:-500])[0, 1] > 0.99
