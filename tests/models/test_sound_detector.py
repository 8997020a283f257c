"""The network of the sound detector, and what it is shown."""

import pytest
import torch

from avsynth.models.sound_detector import (
    SoundDetector,
    SoundDetectorConfig,
    example_batch,
    gabor,
    views,
)

SMALL = SoundDetectorConfig(widths=(4, 4, 4, 4), filters=8, wave_widths=(8, 8, 8))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SoundDetector(SMALL).eval()


def noise(seconds=3.0, seed=0):
    return torch.randn(2, int(16_000 * seconds), generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def test_logit_is_the_weighted_mean_of_its_maps(network):
    result = network(views(noise(), SMALL))
    assert result["map"].shape == (2, 16, 19)
    assert torch.allclose(result["map"].mean(dim=(1, 2)), result["spectrum_logit"], atol=1e-5)
    assert torch.allclose(result["wave_map"].mean(dim=1), result["wave_logit"], atol=1e-5)
    both = 0.25 * result["spectrum_logit"] + 0.75 * result["wave_logit"]
    assert torch.allclose(both, result["logit"], atol=1e-5)


@torch.inference_mode()
def test_loudness_and_offset_say_nothing(network):
    sound = noise()
    plain = network(views(sound, SMALL))["logit"]
    changed = network(views(0.01 * sound + 0.002, SMALL))["logit"]
    assert torch.allclose(plain, changed, atol=0.01)


def test_a_microphone_leaves_no_mark_on_the_spectrum():
    sound = noise()
    filtered = torch.fft.irfft(torch.fft.rfft(sound) * torch.linspace(1, 0.5, 24_001))
    plain, changed = (views(each, SMALL)["spectrum"] for each in (sound, filtered))
    assert (plain - changed).abs().mean() < 0.02
    assert plain.mean(dim=3).abs().max() < 1e-4


def test_both_branches_learn(network):
    batch = views(noise(1.0), SMALL)
    fresh = SoundDetector(SMALL).train()
    fresh(batch)["logit"].sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in fresh.parameters())


def test_filters_lie_at_even_steps():
    peaks = torch.fft.rfft(gabor(8, 256)[:8], n=16_000).abs().argmax(dim=1)
    assert torch.allclose(peaks.float(), 500 + 1000 * torch.arange(8.0), atol=15)


def test_example_fits(network):
    assert network(example_batch(SMALL))["logit"].shape == (1,)
