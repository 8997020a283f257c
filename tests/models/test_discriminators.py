"""Every discriminator keeps the one contract; the losses do what they say."""

import pytest
import torch

from avsynth.models.discriminators import Judgement
from avsynth.training.adversarial import (
    discriminator_loss,
    feature_matching,
    generator_loss,
    paired_loss,
)
from avsynth.weights.architectures import ARCHITECTURES, build, example_batch

CONDITIONED = {
    "patch-discriminator": [{}, {"condition": 3}, {"channels": 9, "condition": 9, "scales": 1}],
    "sequence-discriminator": [{}, {"condition": 8}],
    "period-discriminator": [{}],
    "resolution-discriminator": [{}],
    "sync": [{}],
}
CASES = [(kind, config) for kind, configs in CONDITIONED.items() for config in configs]


def made(kind, config):
    torch.manual_seed(0)
    return build(kind, config)


@pytest.mark.parametrize(("kind", "config"), CASES)
def test_the_contract(kind, config):
    settings, network = made(kind, config)
    network.eval()
    batch = {k: torch.rand_like(v) for k, v in example_batch(kind, settings).items()}
    batch["x"].requires_grad_(True)
    judgement = network(**batch)
    assert isinstance(judgement, Judgement)
    assert len(judgement.logits) == len(judgement.features) >= 1
    for logits, features in zip(judgement.logits, judgement.features, strict=True):
        assert logits.shape[0] == len(batch["x"]) and torch.isfinite(logits).all()
        assert features and all(f.shape[0] == len(batch["x"]) for f in features)
    generator_loss(judgement).backward()
    assert batch["x"].grad is not None and batch["x"].grad.abs().sum() > 0


def test_every_discriminator_of_the_registry_is_held_to_it():
    kinds = {kind for kind, paths in ARCHITECTURES.items() if "iscriminator" in paths[1]}
    assert kinds <= CONDITIONED.keys()


@pytest.mark.parametrize("kind", ["patch-discriminator", "sequence-discriminator"])
def test_a_condition_is_there_exactly_when_it_is_expected(kind):
    for config in ({}, {"condition": 4}):
        settings, network = made(kind, config)
        batch = example_batch(kind, settings)
        x = batch.pop("x")
        wrong = None if batch else torch.zeros_like(x)
        with pytest.raises(ValueError, match="takes"):
            network(x, wrong)


def test_a_film_is_judged_like_its_pictures_laid_on_one_another():
    _, network = made("patch-discriminator", {"channels": 9, "condition": 6, "scales": 2})
    film, maps = torch.rand(2, 3, 3, 32, 32), torch.rand(2, 3, 2, 32, 32)
    a = network(film, maps)
    b = network(film.flatten(1, 2), maps.flatten(1, 2))
    assert torch.equal(a.logits[1], b.logits[1])


def test_each_scale_sees_the_picture_smaller():
    _, network = made("patch-discriminator", {"scales": 3})
    sides = [logits.shape[-1] for logits in network(torch.rand(1, 3, 128, 128)).logits]
    assert sides == [16, 8, 4]


def judged(value):
    return Judgement([torch.full((2, 1), value)], [[torch.full((2, 4), value)]])


def test_losses_fall_when_the_right_side_wins():
    assert discriminator_loss(judged(1.0), judged(-1.0)) == 0
    assert discriminator_loss(judged(0.0), judged(0.0)) == 2
    assert generator_loss(judged(3.0)) < generator_loss(judged(-3.0))
    assert paired_loss(judged(2.0), judged(-2.0)) < paired_loss(judged(0.0), judged(0.0))
    assert paired_loss(judged(5.0), judged(5.0)) == pytest.approx(0.6931, abs=1e-4)
    assert feature_matching(judged(2.0), judged(2.0)) == 0
    assert feature_matching(judged(2.0), judged(1.0)) == pytest.approx(0.5, rel=1e-4)


def test_feature_matching_teaches_nothing_to_the_real_side():
    real = Judgement([], [[torch.ones(1, 2, requires_grad=True)]])
    fake = Judgement([], [[torch.zeros(1, 2, requires_grad=True)]])
    feature_matching(real, fake).backward()
    assert real.features[0][0].grad is None and fake.features[0][0].grad is not None


def test_paired_discriminators_learn_a_difference_that_content_hides():
    """Faces differ by far more than real from made: only pairs show it."""
    torch.manual_seed(0)
    _, network = made("patch-discriminator", {"widths": [8, 16], "scales": 1})
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(60):
        real = torch.rand(8, 3, 1, 1).expand(8, 3, 16, 16).contiguous()
        fake = real + 0.02 * torch.sin(torch.arange(16.0))
        loss = paired_loss(network(real), network(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.35
