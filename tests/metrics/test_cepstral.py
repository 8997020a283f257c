"""Mel-cepstral distortion: closed forms, SPTK's conventions, and the published golden."""

import csv

import numpy as np
import pytest
import soundfile as sf

from avsynth.metrics import cepstral
from avsynth.metrics.cepstral import Cepstra, Comparison


def vowel(pitch=120.0, seconds=1.0, tilt=1.0, seed=0):
    """Harmonics that fall off, with a breath of noise and silence around."""
    time = np.arange(int(16000 * seconds)) / 16000
    tones = pitch * np.arange(1, int(7900 / pitch))
    waves = [np.sin(2 * np.pi * tone * time) * (tone / 100) ** -tilt for tone in tones]
    noise = np.random.default_rng(seed).normal(0, 1e-4, len(time) + 8000)
    return noise + np.pad(0.1 * np.sum(waves, axis=0), 4000)


def all_pass_phase(omega, alpha):
    return omega + 2 * np.arctan2(alpha * np.sin(omega), 1 - alpha * np.cos(omega))


@pytest.mark.parametrize(
    "rate, constant",  # pysptk.util.mcepalpha's documented answers, to two digits
    [(8000, 0.31), (11025, 0.36), (16000, 0.41), (22050, 0.45), (44100, 0.54), (48000, 0.55)],
)
def test_the_all_pass_constant_is_that_of_sptk(rate, constant):
    assert cepstral.all_pass_constant(rate) == pytest.approx(constant, abs=0.0101)
    assert cepstral.all_pass_constant(16000) == 0.41


def test_a_spectrum_made_of_two_coefficients_gives_them_back():
    omega = np.linspace(0, np.pi, 513)
    warped = all_pass_phase(omega, 0.41)
    power = np.exp(2 * (0.7 + 0.3 * np.cos(warped) - 0.2 * np.cos(5 * warped)))[None]
    wanted = np.zeros(25)
    wanted[[0, 1, 5]] = 0.7, 0.3, -0.2
    np.testing.assert_allclose(cepstral.mel_cepstrum(power, 0.41)[0], wanted, atol=1e-9)


def test_distortion_between_constant_cepstra_in_closed_form():
    a, b = np.zeros((7, 25)), np.zeros((7, 25))
    b[:, 0], b[:, 3], b[:, 24] = 5.0, 0.3, 0.4
    unit = 10 / np.log(10) * np.sqrt(2)
    assert cepstral.mcd_noc0(a, b) == pytest.approx(unit * 0.5)
    assert cepstral.mcd_c0(a, b) == pytest.approx(unit * np.sqrt(25.25))
    b[:4] = 0
    assert cepstral.mcd_noc0(a, b) == pytest.approx(unit * 0.5 * 3 / 7)


def test_loudness_counts_with_c0_alone():
    sound = vowel()
    both = Comparison.of(Cepstra.of(sound), Cepstra.of(2 * sound))
    scores = both.scores()
    assert scores["mcd_noc0"] == pytest.approx(0, abs=1e-3)
    assert scores["mcd_c0"] == pytest.approx(10 / np.log(10) * np.sqrt(2) * np.log(2), rel=1e-3)
    assert both.penalty == 0


def test_silence_is_left_out_and_stretching_is_undone():
    slow, fast = Cepstra.of(vowel(seconds=1.5)), Cepstra.of(vowel(seconds=1.0, seed=1))
    assert slow.active.mean() == pytest.approx(1.5 / 2, abs=0.03)
    assert Comparison.of(slow, fast).scores()["mcd_noc0"] < 1.0
    dull = Cepstra.of(vowel(tilt=1.6))
    assert Comparison.of(slow, dull).scores()["mcd_noc0"] > 3.0


def test_pitch_does_not_count_in_cepstra():
    low, high = Cepstra.of(vowel(110.0)), Cepstra.of(vowel(150.0))
    assert np.median(low.pitch[low.pitch > 0]) == pytest.approx(110, rel=0.01)
    tilted = Cepstra.of(vowel(110.0, tilt=1.6))
    apart, other = (Comparison.of(low, x).scores()["mcd_noc0"] for x in (high, tilted))
    assert apart < other


def test_too_short_for_mcd_mel_is_said():
    with pytest.raises(ValueError, match="shorter"):
        cepstral.mcd_mel(np.ones(100), np.ones(16000))


@pytest.mark.data
def test_the_golden_of_mel_cepstral_distance(data_dir):
    with (data_dir / "golden.csv").open(newline="", encoding="utf-8") as file:
        wanted = [float(row["expected"]) for row in csv.DictReader(file) if "mcd_GT" in row["file"]]
    pair = [sf.read(data_dir / f"golden/mcd_{name}.flac") for name in ("GT", "WaveGlow")]
    found = cepstral.mcd_mel(pair[0][0], pair[1][0], pair[0][1])
    assert found == pytest.approx(wanted, abs=1e-12)
