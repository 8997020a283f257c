"""Codecs in memory: how long, how late, how near."""

import numpy as np
import pytest

from avsynth.errors import UsageError
from avsynth.media.recode_sound import SOUND_CODECS, recode_sound


def speechlike(rate, seconds=1.5):
    """Noise in bursts, mostly low: what no codec can shift unnoticed."""
    rng = np.random.default_rng(0)
    time = np.arange(int(rate * seconds)) / rate
    noise = np.convolve(rng.standard_normal(len(time)), np.ones(rate // 2000) / 8, "same")
    return (0.2 * noise * (0.3 + np.sin(2 * np.pi * 3 * time) ** 2)).astype(np.float32)


def lag(made, sound):
    size = 2 * len(sound)
    cross = np.fft.irfft(np.fft.rfft(made, size) * np.conj(np.fft.rfft(sound, size)))
    at = int(cross.argmax())
    return at if at < len(sound) else at - size


@pytest.mark.parametrize("codec", SOUND_CODECS)
@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
def test_comes_back_as_long_and_no_later(codec, rate):
    sound = speechlike(rate)
    made = recode_sound(sound, rate, codec, 64_000)
    assert made.dtype == np.float32
    assert len(made) == len(sound)
    assert abs(lag(made, sound)) <= 1
    error = np.square(made - sound).sum() / np.square(sound).sum()
    assert 1e-6 < error < 0.3  # lossy, and yet the same sound


def test_more_bits_come_nearer():
    sound = speechlike(16_000)
    errors = [np.square(recode_sound(sound, 16_000, "mp3", b) - sound).sum() for b in (16e3, 64e3)]
    assert errors[1] < 0.5 * errors[0]


def test_telephony_has_no_treble():
    made = recode_sound(speechlike(16_000), 16_000, "mulaw")
    power = np.abs(np.fft.rfft(made)) ** 2
    treble = np.fft.rfftfreq(len(made), 1 / 16_000) > 4_300
    assert power[treble].sum() < 1e-4 * power.sum()


def test_odd_input():
    assert len(recode_sound(np.zeros(0, np.float32), 16_000, "mp3")) == 0
    broken = np.array([np.nan, np.inf, 5.0] * 2000, np.float32)
    assert np.isfinite(recode_sound(broken, 16_000, "mp3")).all()
    with pytest.raises(UsageError, match="no sound codec"):
        recode_sound(np.zeros(9, np.float32), 16_000, "wma")  # type: ignore[arg-type]
