"""The shipped vocoder on speech of somebody it never heard, and on what is no speech."""

import csv

import numpy as np
import pytest
import torch

from avsynth import weights
from avsynth.media import read_audio
from avsynth.models.synthesis import TOLERANCE, StreamingVocoder, synthesise
from avsynth.speech.activity import SPEECH_LEVEL, speech_level
from avsynth.speech.pitch_track import pitch_track
from avsynth.speech.spectrum import log_mel_spectrum


@pytest.fixture(scope="module")
def vocoder():
    return weights.load("vocoder-small", engine="torch")


def streamed(model, mel, pitch, size):
    stream = StreamingVocoder(model)
    parts = [
        stream.push(mel[:, k : k + size], pitch[k : k + size]) for k in range(0, len(pitch), size)
    ]
    return np.concatenate([*parts, stream.flush()])


@pytest.mark.data
def test_real_speech_keeps_its_spectrum_and_its_pitch(vocoder, data_dir):
    with (data_dir / "speech.csv").open(encoding="utf-8", newline="") as file:
        row = next(r for r in csv.DictReader(file) if r["split"] == "dev")
    sound = np.concatenate([c.samples for c in read_audio(data_dir / row["file"], 16000)])[:48000]
    sound = sound * np.float32(SPEECH_LEVEL / speech_level(sound))
    mel = log_mel_spectrum(torch.from_numpy(sound), vocoder.config.spectrum)
    pitch = pitch_track(sound)
    made = streamed(vocoder, mel, pitch, 37)
    heights = torch.from_numpy(pitch)[None]
    with torch.inference_mode():
        filters = vocoder({"mel": mel[None], "pitch": heights})
        whole = synthesise(filters, heights, vocoder.config)[0].numpy()
    assert np.abs(made - whole).max() < TOLERANCE
    again = log_mel_spectrum(torch.from_numpy(made), vocoder.config.spectrum)
    loud = mel.exp().mean(dim=0) > 0.02
    distance = float((again - mel)[:, loud].abs().mean())
    found = pitch_track(made)
    both = (pitch > 0) & (found > 0)
    cents = 1200 * np.abs(np.log2(found[both] / pitch[both]))
    agreement = ((pitch > 0) == (found > 0)).mean()
    print(f"log-mel distance {distance:.3f}, {np.median(cents):.1f} cents, voicing {agreement:.3f}")
    assert distance < 0.35 and np.median(cents) < 15 and agreement > 0.85


@pytest.mark.parametrize("hertz", [0.0, 120.0])
def test_silence_does_not_hum(vocoder, hertz):
    mel = np.full((80, 150), np.log(1e-5), np.float32)
    made = streamed(vocoder, mel, np.full(150, hertz, np.float32), 150)
    assert np.sqrt(np.mean(made**2)) < 3e-4  # 70 dB below full scale


def test_whispered_speech_is_noise_and_nothing_bursts(vocoder):
    rng = np.random.default_rng(0)
    mel = rng.normal(-3, 1.5, (80, 120)).astype(np.float32)
    for hertz in (0.0, 45.0, 600.0):
        made = streamed(vocoder, mel, np.full(120, hertz, np.float32), 120)
        assert np.isfinite(made).all() and 1e-3 < np.abs(made).max() < 10
