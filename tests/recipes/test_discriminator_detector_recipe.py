"""The recipe of judges on made sound: golden losses, ways, data budgets."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from avsynth import weights
from avsynth.training.sound_corpus import SoundItem, save_sounds

RECIPE = Path(__file__).parents[2] / "recipes" / "discriminator_detector"
MODULES = tuple(path.stem for path in RECIPE.glob("*.py"))

#: Losses of the head over the four steps of debug.yaml; a change of the arithmetic changes them.
GOLDEN = [0.76236, 0.62025, 0.50013, 0.85865]


@pytest.fixture(scope="module")
def recipe():
    """The recipe's modules, whose names other recipes use too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    before = {name: sys.modules.pop(name, None) for name in MODULES}
    sys.path.insert(0, str(RECIPE))
    yield lambda name: importlib.import_module(name)
    sys.path.remove(str(RECIPE))
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pack(recipe, tmp_path_factory):
    """Six speakers that hum; the made ones hum with a whistle."""
    corpus, out = (tmp_path_factory.mktemp(name) for name in ("corpus", "pack"))
    items, sounds, time = [], [], np.arange(16_000) / 16_000
    generator = np.random.default_rng(0)
    for person in range(6):
        hum = 0.1 * np.sign(np.sin(2 * np.pi * (90 + 20 * person) * time))
        hum += 0.01 * generator.standard_normal(len(time))
        for family in ("real", "whistle", "buzz"):
            made = {"real": 0, "whistle": 0.1 * np.sin(2 * np.pi * 5000 * time)}
            sound = hum + made.get(family, 0.05 * np.sign(np.sin(2 * np.pi * 333 * time)))
            items.append(
                SoundItem(
                    name=f"p{person}-{family}", label="real" if family == "real" else "fake",
                    family=family, system="", speaker=f"p{person}",
                    split="train" if person < 4 else "dev",
                    original="" if family == "real" else f"p{person}-real",
                    start=16_000 * len(items), samples=16_000,
                )
            )  # fmt: skip
            sounds.append(np.round(sound * 32767).astype(np.int16))
    save_sounds(corpus, items, np.concatenate(sounds))
    prepare = recipe("prepare")
    for part in (slice(0, None, 2), slice(1, None, 2)):
        rows = prepare.prepare_voices(corpus, out, 2, part, 0, ("train", "dev"))
    prepare.write(out, rows, "voice", 2)
    return out


def settings(recipe, **changes):
    values = yaml.safe_load((RECIPE / "debug.yaml").read_text()) | changes
    return recipe("settings").Settings.model_validate(values)


def test_training_repeats_itself_and_loads(recipe, pack, tmp_path) -> None:
    examples = recipe("examples").load(pack)
    train = recipe("train")
    first = train.train(settings(recipe), examples, tmp_path / "a")
    second = train.train(settings(recipe), examples, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    lines = [json.loads(line) for line in (tmp_path / "a" / "log.jsonl").read_text().splitlines()]
    assert [line["head"] for line in lines] == pytest.approx(GOLDEN, rel=2e-3)
    model = weights.load(first)
    assert model.metadata["trained_on"] == ["buzz", "whistle"] and model.metadata["people"] == 4
    rows = recipe("scoring").judged(examples.rows, ("dev",))
    network = weights.read(first).network
    scores = recipe("scoring").score(network, "sound", examples, rows, 0, raw=False)
    assert len(scores) == 6 and np.isfinite(scores).all()
    assert model(examples.whole(rows[0], 0))["logit"].mean() == pytest.approx(scores[0], abs=1e-3)


def test_frozen_discriminators_stay_and_scratch_ones_know_nothing(recipe, pack, tmp_path) -> None:
    examples = recipe("examples").load(pack)
    train = recipe("train")
    known = weights.read("vocoder-small-period-discriminator").network.state_dict()
    frozen = weights.read(train.train(settings(recipe, frozen=True), examples, tmp_path / "f"))
    tuned = weights.read(train.train(settings(recipe), examples, tmp_path / "t"))
    scratch = train.build(settings(recipe, start="scratch"))
    for judge, same in ((frozen.network, True), (tuned.network, False), (scratch, False)):
        part = judge.parts[0].state_dict()
        assert all(torch.equal(part[name], known[name]) for name in known) is same


def test_budgets_and_held_out_families(recipe, pack) -> None:
    examples = recipe("examples").load(pack)
    draw = recipe("examples").Draw
    half = draw(examples.rows, "commercial", (), 0.5, 0)
    assert len({row.person for row in half.rows}) == 2 and half.families == ("buzz", "whistle")
    assert {row.split for row in half.rows} == {"train"}
    without = draw(examples.rows, "commercial", ("buzz",), 1.0, 0)
    assert without.families == ("whistle",)
    for real, fake in without.pairs(8, np.random.default_rng(0), matched=True):
        assert examples.rows[fake].original == examples.rows[real].name
    one, other = examples.batch([0, 0], [5, 5])["x"]
    assert torch.equal(one, other)


def test_areas_have_intervals_over_people(recipe, pack) -> None:
    examples, scoring = recipe("examples").load(pack), recipe("scoring")
    rows = scoring.judged(examples.rows, ("dev",))
    scores = np.array([float(row.fake) for row in rows])
    area = scoring.area(rows, scores, lambda row: row.family == "buzz")
    assert (area.value, area.real, area.fake) == (1.0, 2, 2)
    scores[0] = np.nan  # a detector that abstains has no say
    assert scoring.area(rows, scores, lambda row: row.family == "buzz").real == 1
