"""Excitation, vocoder, and streaming that equals the whole."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avsynth.models.synthesis import TOLERANCE, StreamingVocoder, synthesise
from avsynth.models.vocoder import Vocoder, VocoderConfig, envelope, example_batch
from avsynth.speech.excitation import Excitation, anchored, hold, phases, pulses
from avsynth.speech.spectrum import log_mel_spectrum
from avsynth.weights.engine import TorchEngine

SMALL = VocoderConfig(hidden=16, layers=2)


class Model:
    """What ``weights.load`` gives, untrained."""

    def __init__(self, config):
        torch.manual_seed(0)
        self.config = config
        self._run = TorchEngine(Vocoder(config), torch.device("cpu"))

    def __call__(self, batch):
        return self._run(batch)


def voice(seconds=1.0, rate=16000):
    """A buzz that glides from 100 to 160 Hz, with noise, and a pause in the middle."""
    time = np.arange(int(seconds * rate)) / rate
    pitch = 100 + 60 * time / seconds
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    sound = sum(np.cos(k * phase) / k**1.5 for k in range(1, 30)) * 0.1
    sound += np.random.default_rng(0).normal(0, 0.003, len(time))
    pause = (time > 0.4 * seconds) & (time < 0.55 * seconds)
    sound[pause] *= 0.01
    frames = slice(0, None, 160)
    return sound.astype(np.float32), np.where(pause, 0, pitch)[frames].astype(np.float32)


def heard(sound, pitch, config):
    mel = log_mel_spectrum(torch.from_numpy(sound)[None], config.spectrum)
    return mel, torch.from_numpy(pitch)[None]


def whole(model, mel, pitch, **options):
    with torch.inference_mode():
        filters = model({"mel": mel, "pitch": pitch})
        return synthesise(filters, pitch, model.config, **options)[0].numpy()


def streamed(model, mel, pitch, cuts, **options):
    vocoder = StreamingVocoder(model, **options)
    edges = [0, *sorted(cuts), pitch.shape[1]]
    parts = [
        vocoder.push(mel[0, :, a:b].numpy(), pitch[0, a:b].numpy())
        for a, b in itertools.pairwise(edges)
    ]
    return np.concatenate([*parts, vocoder.flush()])


@settings(deadline=None, max_examples=25)
@given(
    seconds=st.sampled_from([0.05, 0.3, 1.0]),
    cuts=st.lists(st.integers(0, 100), max_size=5),
    block=st.sampled_from([1, 7, 50]),
)
def test_streaming_gives_what_the_whole_file_gives(seconds, cuts, block):
    model = Model(SMALL)
    mel, pitch = heard(*voice(seconds), SMALL)
    expected = whole(model, mel, pitch, phase=0.3, seed=5)
    cuts = [min(cut, pitch.shape[1]) for cut in cuts]
    found = streamed(model, mel, pitch, cuts, phase=0.3, seed=5, block=block)
    assert found.shape == expected.shape == (pitch.shape[1] * 160,)
    assert np.abs(found - expected).max() < TOLERANCE


def test_plain_vocos_streams_too():
    config = SMALL.model_copy(update={"source": False})
    model = Model(config)
    mel, pitch = heard(*voice(0.5), config)
    expected = whole(model, mel, pitch)
    assert np.abs(streamed(model, mel, pitch, [13], block=8) - expected).max() < TOLERANCE


def test_memory_of_streaming_does_not_grow():
    model = Model(SMALL)
    vocoder = StreamingVocoder(model, block=20)
    mel, pitch = heard(*voice(0.5), SMALL)
    sizes = []
    for _ in range(12):
        vocoder.push(mel[0], pitch[0])
        held = (v for v in vars(vocoder).values() if isinstance(v, torch.Tensor))
        sizes.append(sum(v.untyped_storage().nbytes() for v in held))
    assert max(sizes[6:]) <= max(sizes[:6])


def test_an_untrained_vocoder_speaks_with_the_pitch_and_loudness_it_is_given():
    sound, pitch = voice()
    mel, heights = heard(sound, pitch, SMALL)
    made = whole(Model(SMALL), mel, heights)
    mel_made = log_mel_spectrum(torch.from_numpy(made)[None], SMALL.spectrum)
    assert (mel_made - mel)[..., 5:-5].abs().mean() < 0.9
    loudness = [np.sqrt(np.mean(x[:6000] ** 2)) for x in (made, sound)]
    assert loudness[0] == pytest.approx(loudness[1], rel=0.5)
    spectrum = np.abs(np.fft.rfft(made[:3200] * np.hanning(3200), 32000))
    assert 95 < np.argmax(spectrum[:300]) / 2 < 115


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_few_frames(frames):
    model = Model(SMALL)
    mel, pitch = torch.full((1, 80, frames), -3.0), torch.full((1, frames), 100.0)
    made = streamed(model, mel, pitch, [])
    assert made.shape == (frames * 160,) and np.isfinite(made).all()


def test_nothing_in_nothing_out():
    vocoder = StreamingVocoder(Model(SMALL))
    assert vocoder.push(np.zeros((80, 0), np.float32), np.zeros(0, np.float32)).shape == (0,)
    assert vocoder.flush().shape == (0,)


def test_silence_stays_silent_whatever_the_pitch():
    mel = torch.full((1, 80, 60), float(np.log(1e-5)))
    for hertz in (0.0, 120.0):
        made = whole(Model(SMALL), mel, torch.full((1, 60), hertz))
        assert np.abs(made).max() < 1e-3


def test_mel_and_pitch_must_be_of_one_length():
    with pytest.raises(ValueError, match="does not fit"):
        StreamingVocoder(Model(SMALL)).push(np.zeros((80, 3)), np.zeros(4))


def test_a_window_that_does_not_overlap_is_refused():
    with pytest.raises(ValueError, match="even number of hops"):
        VocoderConfig(window=480)


def test_pulses_are_at_the_pitch_and_below_half_the_rate():
    pitch = torch.full((1, 101), 200.0)
    train = pulses(*phases(pitch, 160, 16000, 0.25), 16000)[0]
    assert train.square().mean() == pytest.approx(1.0, rel=0.03)
    spectrum = torch.fft.rfft(train).abs()
    lines = spectrum[::200][1:40].clone()  # cosines at half the rate count double
    assert (lines.max() / lines.min()) < 1.01
    spectrum[::200] = 0
    assert spectrum.max() < 1e-2 * lines.max()


def test_pulses_do_not_click_when_a_harmonic_leaves_the_band():
    pitch = torch.linspace(199, 201, 101)[None]  # 8000 / pitch passes 40
    train = pulses(*phases(pitch, 160, 16000), 16000)[0]
    reference = pulses(*phases(torch.full((1, 101), 201.0), 160, 16000), 16000)[0]
    assert train.diff().abs().max() < 1.05 * reference.diff().abs().max()


def test_excitation_is_the_same_however_it_is_cut():
    pitch = torch.tensor([[0.0, 100, 110, 0, 0, 90, 95, 100, 0, 0]])
    one = Excitation(1, 160, 16000, 0.1, 3)(pitch)
    other = Excitation(1, 160, 16000, 0.1, 3)
    parts = [other(pitch[:, a : b + 1]) for a, b in ((0, 2), (2, 3), (3, 9))]
    for k in range(2):
        assert torch.equal(torch.cat([p[k] for p in parts], dim=1), one[k])


def test_unvoiced_frames_have_no_pulses():
    train, noise = Excitation(1, 160, 16000)(torch.zeros(1, 5))
    assert train.abs().max() == 0 and noise.std() == pytest.approx(1.0, rel=0.1)


def test_voiced_stretches_are_held():
    pitch = torch.tensor([[0.0, 0, 0, 100, 120, 0, 0, 0]])
    assert hold(pitch, 2).tolist() == [[0, 100, 100, 100, 120, 120, 120, 0]]


def test_anchored_phases_pass_through_their_anchors():
    pitch = torch.full((1, 11), 100.0)
    phase = phases(pitch, 160, 16000)[0]
    anchors = (phase[:, ::160] + torch.linspace(0, 1.7, 10, dtype=torch.float64)) % 1.0
    moved = anchored(phase, anchors, 160)
    difference = moved[:, ::160] - anchors
    assert (difference - difference.round()).abs().max() < 1e-9
    assert torch.allclose(anchored(phase, phase[:, ::160], 160), phase)


def test_the_envelope_of_noise_is_its_gain():
    """Noise at mean square 1 has gains of 1: filter and offset undo each other."""
    config = VocoderConfig()
    below, share, offset = envelope(config)
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=160000).astype(np.float32))
    mel = log_mel_spectrum(noise, config.spectrum)
    band = mel.exp().mean(dim=1).log()
    level = (torch.lerp(band[below], band[below + 1], share) + offset)[10:-10]
    assert level.abs().max() < 0.1


def test_the_example_batch_runs_and_filters_have_their_shapes():
    network = Vocoder(SMALL).eval()
    filters = network(example_batch(SMALL))
    assert set(filters) == {"gain", "phase", "noise"}
    assert {tuple(value.shape) for value in filters.values()} == {(1, 200, 321)}
