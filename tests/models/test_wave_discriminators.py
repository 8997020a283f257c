"""Discriminators of sound: places, resolutions, and what they can learn."""

import pytest
import torch

from avsynth.training.adversarial import discriminator_loss
from avsynth.weights.architectures import build

KINDS = ["period-discriminator", "resolution-discriminator"]


def made(kind, **config):
    torch.manual_seed(0)
    return build(kind, config)[1]


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_no_condition(kind):
    with pytest.raises(ValueError, match="takes 0"):
        made(kind)(torch.zeros(1, 2000), torch.zeros(1, 2000))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1, 999, 4001])
def test_any_length(kind, length):
    judgement = made(kind)(torch.randn(2, length) * 0.1)
    assert all(torch.isfinite(logits).all() for logits in judgement.logits)


def test_samples_a_period_apart_stand_beneath_one_another():
    network = made("period-discriminator", periods=(4,), widths=(4,))
    sound = torch.zeros(1, 400)
    sound[0, 2::4] = 0.5
    logits = network(sound).logits[0]
    columns = logits[0, 0, 2:-2]
    assert logits.shape == (1, 1, 34, 4)
    assert torch.allclose(columns[:, 0], columns[:, 3])
    assert not torch.allclose(columns[:, 0], columns[:, 2])


def test_each_resolution_has_its_own_frames():
    network = made("resolution-discriminator", windows=(512, 128), widths=(4, 8))
    frames = [logits.shape[2] for logits in network(torch.randn(1, 4096)).logits]
    assert frames == [4096 // 128 + 1, 4096 // 32 + 1]


SMALL = {
    "period-discriminator": {"periods": (2, 3), "widths": (8, 16)},
    "resolution-discriminator": {"windows": (256,), "widths": (8, 16)},
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_to_tell_noise_from_a_tone(kind):
    network = made(kind, **SMALL[kind])
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(40):
        real = torch.randn(4, 1200) * 0.1
        fake = 0.14 * torch.sin(torch.arange(1200) * 0.3 + 6.3 * torch.rand(4, 1))
        loss = discriminator_loss(network(real), network(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 1.0
