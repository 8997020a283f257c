"""The neural voice engine, on small untrained networks: lengths, cuts, silence, shifts."""

import numpy as np
import pytest
import torch

from avsynth.models.neural_engine import NeuralEngine, warped
from avsynth.models.vocoder import Vocoder, VocoderConfig
from avsynth.models.voice import VoiceConfig, VoiceNetwork
from avsynth.models.voice_engine import Shifts, convert
from avsynth.models.voice_print import Voice
from avsynth.speech.content import SpectrumContent
from avsynth.speech.pitch_track import PitchStatistics, pitch_track
from avsynth.speech.spectrum import SpectrumConfig, band_centres

VOICE = VoiceConfig(
    latent=4, encoder=16, encoder_blocks=1, decoder=16, decoder_blocks=1, embedding=8
)


class Loaded:
    """The part of ``LoadedModel`` that engines use."""

    def __init__(self, network: torch.nn.Module, config: object) -> None:
        self._network, self.config = network.eval(), config

    def __call__(self, batch):
        return self._network(batch)


@pytest.fixture(scope="module")
def engine() -> NeuralEngine:
    torch.manual_seed(0)
    vocoder = VocoderConfig(hidden=16, layers=1)
    return NeuralEngine(
        "debug", Loaded(VoiceNetwork(VOICE), VOICE), Loaded(Vocoder(vocoder), vocoder),
        SpectrumContent(),
    )  # fmt: skip


TARGET = Voice(
    embedding=np.ones(128, np.float32) / 128**0.5,
    spectrum_mean=np.linspace(-3, -7, 80).astype(np.float32),
    spectrum_std=np.full(80, 1.5, np.float32),
    pitch=PitchStatistics(5.3, 0.2, 0.5),
    seconds=10.0, spread=0.1, synthetic=False, encoder="e" * 64,
)  # fmt: skip


def speech(seconds: float) -> np.ndarray:
    """A buzz that comes and goes."""
    time = np.arange(int(seconds * 16_000)) / 16_000
    phase = 2 * np.pi * (110 * time + 3 * np.sin(2 * np.pi * 0.7 * time))
    buzz = sum(np.sin(k * phase) / k for k in range(1, 20))
    return (0.1 * buzz * (np.sin(2 * np.pi * 1.3 * time) > -0.3)).astype(np.float32)


def run(engine, chunks, shifts=Shifts()):
    source = engine.listen(chunks)
    return np.concatenate(list(convert(engine, chunks, source, TARGET, shifts)))


@pytest.mark.parametrize("seconds", [0.01, 0.1, 1.003, 8.0, 17.55])
def test_as_many_samples_come_out_as_go_in(engine, seconds):
    sound = speech(seconds)
    made = run(engine, [sound])
    assert len(made) == len(sound) and np.isfinite(made).all()


def test_how_the_input_is_cut_does_not_matter(engine):
    sound = speech(19.3)
    whole = run(engine, [sound])
    pieces = np.split(sound, [1, 700, 60_001, 131_072, 200_000])
    assert np.abs(run(engine, pieces) - whole).max() < 1e-5


def test_windows_join_without_a_trace(engine, monkeypatch):
    """Made in windows of eight seconds or all at once: the same, but for rounding."""
    sound = speech(19.3)
    whole = run(engine, [sound])
    monkeypatch.setattr("avsynth.models.neural_engine._KEPT", 60 * 16_000)
    difference = np.abs(run(engine, [sound]) - whole)
    assert difference.max() < 0.02 * np.abs(whole).max()


def test_silence_around_speech_stays_in_its_place(engine):
    sound = speech(3.0)
    sound[:16_000] = 0
    made = run(engine, [sound])
    assert np.isfinite(made).all() and len(made) == 48_000


def test_the_pitch_is_the_targets(engine):
    made = run(engine, [speech(4.0)])
    heard = PitchStatistics.of(pitch_track(made))
    assert heard.mean == pytest.approx(5.3, abs=0.07)
    lower = PitchStatistics.of(pitch_track(run(engine, [speech(4.0)], Shifts(pitch=-5))))
    assert heard.mean - lower.mean == pytest.approx(np.log(2) * 5 / 12, abs=0.07)


def test_formants_move_up_by_the_shift():
    centres = band_centres(SpectrumConfig()).numpy()
    place = 40
    mel = torch.full((80, 3), -8.0)
    mel[place] = 0.0
    higher = warped(mel, 5.0, centres)
    found = centres[int(higher[:, 1].argmax())] / centres[place]
    assert found == pytest.approx(2 ** (5 / 12), rel=0.06)
    assert warped(mel, 0.0, centres) is mel
