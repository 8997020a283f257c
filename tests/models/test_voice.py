"""The voice network: shapes, what it is told, engines."""

import math

import pytest
import torch

from avsynth.models.voice import (
    VoiceConfig,
    VoiceNetwork,
    energy_of,
    example_batch,
    harmonic_table,
    speaker_vector,
    sung,
)
from avsynth.speech.spectrum import SpectrumConfig, log_mel_spectrum
from avsynth.weights import engine

CONFIG = VoiceConfig(
    latent=4, encoder=16, encoder_blocks=1, decoder=16, decoder_blocks=2, embedding=8
)


def network() -> VoiceNetwork:
    torch.manual_seed(0)
    made = VoiceNetwork(CONFIG).eval()
    for block in made.decoder:
        torch.nn.init.normal_(block.film.weight, std=0.2)
    return made


def batch(steps: int = 30, size: int = 2) -> dict[str, torch.Tensor]:
    pitch = 100 + 100 * torch.rand(size, 2 * steps)
    pitch[:, ::7] = 0
    return {
        "content": torch.randn(size, steps, CONFIG.features),
        "pitch": sung(pitch, CONFIG.spectrum),
        "energy": torch.randn(size, 2 * steps),
        "speaker": torch.rand(size, CONFIG.speaker),
    }


def test_a_step_of_content_is_two_of_the_spectrum():
    given = batch()
    with torch.inference_mode():
        assert network()(given)["mel"].shape == (2, 80, 60)
        assert network()(example_batch(CONFIG))["mel"].shape == (1, 80, 400)


def test_output_is_in_units_of_the_voice():
    made, given = network(), batch()
    other = given["speaker"].clone()
    mean = slice(CONFIG.embedding, CONFIG.embedding + 80)
    made.speaker_std[mean] = 1e9  # the network itself no longer hears this part
    other[:, mean] += 3.0
    with torch.inference_mode():
        first, second = (made(given | {"speaker": x})["mel"] for x in (given["speaker"], other))
    assert torch.allclose(second, first + 3.0, atol=1e-4)


def test_every_part_of_the_batch_matters():
    made, given = network(), batch()
    with torch.inference_mode():
        plain = made(given)["mel"]
        for name in given:
            changed = given | {name: given[name] * 1.3 + 0.1}
            assert float((made(changed)["mel"] - plain).abs().max()) > 1e-4, name


def test_steps_beyond_the_reach_do_not_matter():
    made, given = network(), batch(60)
    later = {k: v.clone() for k, v in given.items()}
    later["content"][:, 40:] = 9.0
    later["pitch"][:, 80:] = 3.0
    later["energy"][:, 80:] = 5.0
    with torch.inference_mode():
        difference = (made(given)["mel"] - made(later)["mel"]).abs().amax(dim=(0, 1))
    assert float(difference[: 2 * (40 - CONFIG.reach)].max()) == 0
    assert float(difference[80:].max()) > 0


def test_harmonics_lie_where_a_pulse_train_has_them():
    hertz, spectrum = 200.0, SpectrumConfig()
    place = round(239 * math.log(hertz / 40) / math.log(15))
    row = harmonic_table(spectrum)[place]
    time = torch.arange(16_000) / 16_000
    pulses = sum(torch.cos(2 * torch.pi * hertz * k * time + k * k) for k in range(1, 40))
    real = log_mel_spectrum(0.01 * pulses, spectrum)[:, 50]
    low = slice(0, 30)  # where bands are narrower than the pitch
    together = torch.corrcoef(torch.stack([row[low], real[low]]))[0, 1]
    assert float(together) > 0.9


def test_what_is_told_of_a_pitch_changes_smoothly():
    pitch = torch.tensor([[0.0, 150.0, 151.0, 152.0, 900.0]])
    told = sung(pitch, SpectrumConfig())[0]
    assert not told[0].any() and told[1:, -1].eq(1).all() and told.isfinite().all()
    steps = (told[2:4] - told[1:3]).abs().amax(dim=1)
    assert float(steps.min()) > 0 and float(steps.max()) < 1.5


def test_energy_grows_with_loudness_and_knows_silence():
    time = torch.arange(16_000) / 16_000
    tone = 0.1 * torch.sin(2 * torch.pi * 300 * time)
    loud, quiet, silent = (
        float(energy_of(log_mel_spectrum(x, SpectrumConfig()))[50])
        for x in (tone, 0.1 * tone, 0 * tone)
    )
    assert loud - quiet == pytest.approx(math.log(10) / 4.5, abs=0.02)
    assert silent == -1.0 < quiet


def test_speaker_vector_has_its_parts_in_order():
    parts = torch.arange(8.0), torch.full((80,), -1.0), torch.full((80,), 2.0), torch.ones(2)
    made = speaker_vector(*(part[None] for part in parts))
    assert made.shape == (1, CONFIG.speaker) and torch.equal(made[0], torch.cat(parts))


@pytest.mark.skipif(not engine.openvino_installed(), reason="extra `fast` is absent")
@pytest.mark.parametrize("steps", [4, 111])
def test_openvino_agrees_with_torch(steps):
    given = batch(steps, 1)
    with torch.inference_mode():
        expected = network()(given)["mel"]
    made = engine.prepare(network(), example_batch(CONFIG), "openvino", "cpu")
    tolerance = engine.TOLERANCE[made.precision] * float(expected.abs().max())
    assert float((made(given)["mel"] - expected).abs().max()) <= tolerance
