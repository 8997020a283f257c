"""Speech features: mel, Whisper, activity, voicing, windows."""

import subprocess
import sys
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from avsynth.errors import WeightsError
from avsynth.speech import front_end, whisper
from avsynth.speech.activity import envelope, speech_level, voice_activity
from avsynth.speech.mel import log_mel
from avsynth.speech.pitch import fundamental, voicing
from avsynth.speech.windows import CONTEXT, KEPT, Windows


def tone(seconds: float, frequency: float = 150.0, level: float = 0.2) -> np.ndarray:
    time = np.arange(int(seconds * 16000)) / 16000
    harmonics = sum(np.sin(2 * np.pi * frequency * k * time) / k for k in range(1, 8))
    return (level * harmonics).astype(np.float32)


def noise(seconds: float, level: float = 0.1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, int(seconds * 16000)).astype(np.float32)


def test_torchaudio_loads_beside_any_torch():
    program = (
        "from avsynth.speech.torchaudio_loader import load_torchaudio\n"
        "a = load_torchaudio(); assert a is load_torchaudio()\n"
        "import torch\n"
        "assert a.functional.resample(torch.ones(1, 1600), 16000, 8000).shape[1] == 800"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_mel_agrees_with_librosa():
    import librosa

    samples = noise(1) + tone(1)
    power = librosa.feature.melspectrogram(
        y=samples, sr=16000, n_fft=400, hop_length=160, n_mels=80, pad_mode="reflect"
    )[:, :-1]
    expected = np.log10(np.maximum(power, 1e-10))
    expected = (np.maximum(expected, expected.max() - 8) + 4) / 4
    assert np.abs(log_mel(torch.from_numpy(samples)).numpy() - expected).max() < 1e-3


def test_mel_steps_follow_the_samples():
    assert log_mel(torch.zeros(3, 16000)).shape == (3, 80, 100)


@pytest.mark.skipif(whisper.find_weights() is None, reason="Whisper-tiny is not installed")
def test_our_whisper_is_the_one_of_ctranslate2():
    import ctranslate2

    path = whisper.find_weights()
    mel = log_mel(torch.from_numpy(noise(2) + tone(2)))[None]
    ours = whisper.load_encoder(path)(mel)[0, -1].numpy()
    theirs = ctranslate2.models.Whisper(str(path.parent), compute_type="float32").encode(
        ctranslate2.StorageView.from_array(np.ascontiguousarray(mel.numpy()))
    )
    assert np.abs(ours - np.array(theirs)[0]).max() < 5e-3 * np.abs(ours).max()


def test_whisper_is_found_by_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("AVSYNTH_WHISPER", str(tmp_path))
    (tmp_path / "model.bin").write_bytes(b"x")
    assert whisper.find_weights() == tmp_path / "model.bin"
    with pytest.raises(WeightsError, match="CTranslate2"):
        whisper.load_encoder(tmp_path / "model.bin")


def test_front_ends_give_one_row_per_40_ms():
    for name in ("mel", "whisper"):
        if name == "whisper" and whisper.find_weights() is None:
            continue
        made = front_end.make(name)
        assert made(noise(2), 0.1).shape == (50, made.width)
    with pytest.raises(WeightsError, match="perfume"):
        front_end.make("perfume")


def test_loudness_does_not_reach_the_features():
    made = front_end.make("mel")
    quiet = made(noise(1, 0.01), speech_level(noise(1, 0.01)))
    loud = made(noise(1, 0.3), speech_level(noise(1, 0.3)))
    assert torch.allclose(quiet, loud, atol=1e-3)


def test_activity_of_speech_pauses_silence_and_noise():
    pause = noise(1.0, 1e-4)
    bursts = [tone(0.5) * np.hanning(8000).astype(np.float32) for _ in range(2)]
    active = voice_activity(np.concatenate([pause, bursts[0], pause, bursts[1], pause]))
    assert len(active) == 100
    assert active[:20].max() == 0 and active[45:57].max() == 0 and active[-20:].max() == 0
    assert active[29:34].min() == 1 and active[66:71].min() == 1
    assert voice_activity(np.zeros(16000)).max() == 0
    assert voice_activity(noise(3)).max() == 0
    assert voice_activity(np.full(1600, np.nan)).max() == 0
    assert len(voice_activity(np.zeros(0))) == 0


def test_envelope_is_rms_and_refuses_odd_rates():
    assert np.allclose(envelope(np.full(1600, 0.5), 100), 0.5)
    with pytest.raises(ValueError, match="divide"):
        envelope(np.zeros(100), 30)


def test_voicing_tells_tones_from_noise():
    assert voicing(tone(1))[2:-2].min() > 0.9
    assert np.median(voicing(noise(1))) < 0.45
    assert voicing(np.zeros(16000)).max() == 0


@pytest.mark.slow
def test_fundamental_frequency():
    frequency, voiced = fundamental(tone(0.6, 120.0))
    assert np.abs(frequency[10:-10] - 120).max() < 3 and voiced[10:-10].min() > 0.5


@pytest.mark.parametrize("size", [999, 16000, 500_000])
def test_windows_cover_the_stream_once_whatever_the_chunks(size):
    samples = noise(37.3)
    chunks = [
        SimpleNamespace(time=Fraction(i, 16000), rate=16000, samples=samples[i : i + size])
        for i in range(0, len(samples), size)
    ]
    made = list(Windows(chunks))
    kept = np.concatenate([w.samples.reshape(-1, 640)[w.used].reshape(-1) for w in made])
    assert np.array_equal(kept[: len(samples)], samples)
    assert len(kept) - len(samples) < 640
    assert max(len(w.samples) for w in made) <= (KEPT + 2 * CONTEXT) * 640
    assert all(w.used.start == CONTEXT for w in made[1:])


def test_windows_refuse_other_rates():
    chunk = SimpleNamespace(time=Fraction(0), rate=8000, samples=np.zeros(10, np.float32))
    with pytest.raises(ValueError, match="16000"):
        list(Windows([chunk]))
