"""Judges over every kind of discriminator: shapes, polarity, weights files, engines."""

import pytest
import torch

from avsynth import weights
from avsynth.errors import WeightsError
from avsynth.models import discriminator_kinds
from avsynth.models.discriminators import Judgement
from avsynth.models.judge import Judge, JudgeConfig, Part, example_batch, raw_score
from avsynth.weights import architectures
from avsynth.weights import file as weights_file

SMALL = {
    "patch-discriminator": {"channels": 9, "condition": 9, "widths": [4, 8]},
    "sequence-discriminator": {"condition": 3, "hidden": 8},
    "sync": {"looks": [8, 8, 8, 8, 8], "hears": [8, 8, 8, 8], "embedding": 8},
    "period-discriminator": {"periods": [2, 3], "widths": [4, 4]},
    "resolution-discriminator": {"windows": [256], "widths": [4, 4, 4]},
}


def judge_of(*kinds: str, **more: object) -> Judge:
    parts = tuple(Part(kind=kind, config=SMALL[kind]) for kind in kinds)
    torch.manual_seed(0)
    return Judge(JudgeConfig(parts=parts, **more)).eval()


@pytest.mark.parametrize("kind", sorted(discriminator_kinds.KINDS))
def test_any_discriminator_gets_a_head(kind: str) -> None:
    judge = judge_of(kind)
    batch = {
        name: torch.rand(value.shape, generator=torch.Generator().manual_seed(1))
        for name, value in example_batch(judge.config).items()
    }
    made = judge(batch)
    assert made["logit"].shape == (2,) and torch.isfinite(made["logit"]).all()
    assert made["logit"][0] != made["logit"][1]  # the two halves of the batch differ
    assert len(made["map"]) == 2


def test_several_discriminators_are_weighed_together() -> None:
    one, two = judge_of("period-discriminator"), judge_of("resolution-discriminator")
    both = judge_of("period-discriminator", "resolution-discriminator")
    widths = [each.standard.num_features for each in (one, two, both)]
    assert widths[0] + widths[1] == widths[2]


def test_statistics_are_mean_deviation_and_largest_over_places() -> None:
    layer = torch.tensor([[[1.0, 3.0], [2.0, 2.0]]])  # a batch of one, two channels, two places
    found = Judge.statistics([Judgement([torch.tensor([[4.0]])], [[layer]])])[0]
    assert found.tolist() == pytest.approx([2, 2, 1, 0, 3, 2, 4, 0, 4], abs=2e-4)


def test_raw_discriminators_are_turned_round() -> None:
    judged = [Judgement([torch.tensor([[2.0, 4.0], [-1.0, -1.0]]), torch.zeros(2, 1)], [[], []])]
    assert raw_score(judged).tolist() == [-1.5, 0.5]  # high logits are real, high scores made


def test_weights_come_back_and_run_on_an_engine(tmp_path) -> None:
    judge = judge_of("resolution-discriminator", "period-discriminator", hidden=0)
    path = tmp_path / "judge.safetensors"
    weights_file.write(path, "judge", judge, judge.config, {}, {"name": "judge"})
    sound = {"x": 0.1 * torch.randn(3, 4096, generator=torch.Generator().manual_seed(0))}
    made = weights.load(path)(sound)
    with torch.inference_mode():
        wanted = judge(sound)
    assert torch.allclose(made["logit"], wanted["logit"], atol=2e-2)
    assert made["map"].shape == wanted["map"].shape and made["map"].dim() == 3


def test_an_unknown_discriminator_is_refused() -> None:
    config = {"parts": [{"kind": "oracle", "config": {}}]}
    with pytest.raises((WeightsError, ValueError), match="oracle"):
        architectures.build("judge", config)


def test_discriminators_are_registered_once() -> None:
    assert set(discriminator_kinds.KINDS) == architectures.DISCRIMINATORS
    assert set(discriminator_kinds.KINDS) <= set(architectures.ARCHITECTURES)
