"""The spectrum that voices are made in, and the front ends that hear what is said."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from avsynth.errors import WeightsError
from avsynth.speech import content, whisper
from avsynth.speech.spectrum import SpectrumConfig, log_mel_spectrum, mel_filters, spectrum
from avsynth.speech.torchaudio_loader import load_torchaudio

CONFIG = SpectrumConfig()


def test_steps_lie_where_they_are_said_to_lie():
    samples = torch.zeros(1, 16_000)
    samples[0, 8_000] = 1.0
    loud = spectrum(samples, CONFIG).abs().sum(dim=1)[0]
    assert loud.shape == (100,) and int(loud.argmax()) == 50


def test_log_mel_is_the_logarithm_of_the_filtered_magnitude():
    time = torch.arange(16_000) / 16_000
    tone = 0.5 * torch.sin(2 * torch.pi * 1000 * time)
    mel = log_mel_spectrum(torch.stack([tone, 0 * tone]), CONFIG)
    assert mel.shape == (2, 80, 100)
    assert mel[1].max() == pytest.approx(np.log(1e-5), abs=1e-4)
    peak = int(mel[0, :, 50].argmax())
    centre = (mel_filters(CONFIG)[:, peak] * torch.arange(321)).sum() / mel_filters(CONFIG)[
        :, peak
    ].sum()
    assert float(centre) * 25 == pytest.approx(1000, abs=40)
    # Twice as loud is log 2 more.
    louder = log_mel_spectrum(2 * tone, CONFIG)
    assert float((louder - mel[0])[peak, 50]) == pytest.approx(np.log(2), abs=1e-4)


def test_the_spectrum_as_content_does_not_know_level_or_colour():
    random = torch.Generator().manual_seed(0)
    mel = torch.randn(80, 100, generator=random) - 5
    colour = torch.randn(80, 1, generator=random)
    front_end = content.make("mel")
    plain, coloured = (
        front_end(np.zeros(16_000, np.float32), x, x.mean(dim=1), x.std(dim=1))
        for x in (mel, mel + colour + 2)
    )
    assert plain.shape == (50, front_end.width)
    assert torch.allclose(plain, coloured, atol=1e-4)
    assert torch.allclose(plain[3, 80:], (mel[:, 7] - mel.mean(dim=1)) / mel.std(dim=1))


@pytest.mark.skipif(whisper.find_weights() is None, reason="extra `speech` is absent")
def test_whisper_states_belong_to_their_moment():
    front_end = content.make("whisper")
    random = np.random.default_rng(0)
    sound = (0.05 * random.standard_normal(32_000)).astype(np.float32)
    changed = sound.copy()
    changed[24_000:] = 0
    nothing = torch.zeros(80)
    first, second = (front_end(x, nothing, nothing, nothing) for x in (sound, changed))
    assert first.shape == (100, front_end.width)
    apart = (first - second).norm(dim=1)
    assert float(apart[80:].mean()) > 2 * float(apart[:60].mean())


def test_a_bundle_is_read_from_where_the_user_keeps_it(tmp_path, monkeypatch):
    models = load_torchaudio().models

    def small(name: str) -> torch.nn.Module:
        torch.manual_seed(0)
        return models.wav2vec2_model(
            extractor_mode="group_norm", extractor_conv_layer_config=None,
            extractor_conv_bias=False, encoder_embed_dim=32, encoder_projection_dropout=0.0,
            encoder_pos_conv_kernel=16, encoder_pos_conv_groups=2, encoder_num_layers=6,
            encoder_num_heads=2, encoder_attention_dropout=0.0, encoder_ff_interm_features=32,
            encoder_ff_interm_dropout=0.0, encoder_dropout=0.0, encoder_layer_norm_first=False,
            encoder_layer_drop=0.0, aux_num_out=None,
        )  # fmt: skip

    monkeypatch.setattr(content, "bundle", small)
    monkeypatch.setenv("AVSYNTH_MODELS", str(tmp_path))
    with pytest.raises(WeightsError, match="wavlm"):
        content.make("wavlm")
    save_file(small("wavlm").state_dict(), tmp_path / "wavlm-base.safetensors")
    front_end = content.make("wavlm")
    random = np.random.default_rng(0)
    sound = (0.05 * random.standard_normal(16_000)).astype(np.float32)
    nothing = torch.zeros(80)
    assert front_end(sound, nothing, nothing, nothing).shape == (50, 32)
    with pytest.raises(ValueError, match="28 s"):
        front_end(np.zeros(29 * 16_000, np.float32), nothing, nothing, nothing)


def test_unknown_front_ends_are_refused():
    with pytest.raises(WeightsError, match="ears"):
        content.make("ears")
