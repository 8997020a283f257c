"""PESQ and STOI against their goldens; DNSMOS on clean and spoiled speech."""

import csv

import numpy as np
import pytest
import soundfile as sf

from avsynth.metrics import quality


@pytest.fixture(scope="module")
def goldens(request):
    """Expected values by the first word of the metric, and the pair, 16 bit."""
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    folder = request.getfixturevalue("data_dir")
    with (folder / "golden.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if "pesq_speech" in row["file"]]
    expected = {row["metric"].split(" (")[0]: float(row["expected"]) for row in rows}
    names = ("golden/pesq_speech.flac", "golden/pesq_speech_bab_0dB.flac")
    return expected, *(sf.read(folder / name, dtype="int16")[0] for name in names)


@pytest.mark.data
def test_pesq_is_the_golden(goldens):
    expected, clean, noisy = goldens
    assert quality.pesq_wb(clean, noisy) == pytest.approx(expected["PESQ wb"], abs=1e-6)
    assert quality.pesq_nb(clean, noisy) == pytest.approx(expected["PESQ nb"], abs=1e-6)


@pytest.mark.data
def test_stoi_is_the_golden(goldens):
    expected, clean, noisy = goldens
    clean, noisy = clean / 32768, noisy / 32768
    assert quality.stoi(clean, noisy) == pytest.approx(expected["STOI"], abs=1e-9)
    assert quality.estoi(clean, noisy) == pytest.approx(expected["ESTOI"], abs=1e-9)
    assert quality.stoi(clean, np.pad(noisy, (0, 500))) == pytest.approx(expected["STOI"])


def test_pesq_of_silence_says_nothing():
    pytest.importorskip("pesq")
    assert np.isnan(quality.pesq_wb(np.zeros(16000), np.zeros(16000)))


@pytest.mark.data
def test_dnsmos_hears_noise_in_the_background(goldens, data_dir):
    pytest.importorskip("speechmos")
    rate = quality.Dnsmos()
    clean, _ = sf.read(data_dir / "speech/vctk_parallel/p225_019.flac")
    noise = np.random.default_rng(0).normal(0, 0.02, len(clean))
    good, bad = rate(clean), rate(clean + noise)
    assert good.overall > 2.8 and good.background > bad.background + 0.5
    assert good.overall > bad.overall + 0.3
    again = rate(np.concatenate([clean, clean]))  # what it does itself to short sound
    assert again.overall == pytest.approx(good.overall, abs=1e-5)
    with pytest.raises(ValueError, match="no samples"):
        rate(np.zeros(0))
