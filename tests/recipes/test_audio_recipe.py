"""The recipes of fake sounds and of the sound detector, in small, on real recordings."""

import csv
import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from avsynth.errors import UsageError
from avsynth.training.sound_corpus import open_sounds
from avsynth.weights import file as weights_file
from detectors.audit import shortcut_auc, sound_properties

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(scope="module")
def recipe():
    """Modules of both recipes by folder and name; other recipes use the names too."""
    threads, path = torch.get_num_threads(), list(sys.path)
    folders = [RECIPES / "fake_sounds", RECIPES / "audio_detector"]
    names = {file.stem for folder in folders for file in folder.glob("*.py")}
    hidden = {name: sys.modules.pop(name) for name in names & set(sys.modules)}

    def find(folder, name):
        for known in names & set(sys.modules):
            if Path(sys.modules[known].__file__).parent != RECIPES / folder:
                del sys.modules[known]
        sys.path[:] = [str(RECIPES / folder), *path]
        return importlib.import_module(name)

    yield find
    sys.path[:] = path
    for name in names & set(sys.modules):
        del sys.modules[name]
    sys.modules.update(hidden)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def corpus(recipe, data_dir, tmp_path_factory):
    """Two speakers of each split, with classical fakes."""
    prepare = recipe("fake_sounds", "prepare")
    out = tmp_path_factory.mktemp("sounds")
    values = yaml.safe_load((RECIPES / "fake_sounds" / "debug.yaml").read_text())
    prepare.prepare(prepare.Settings.model_validate(values), data_dir, None, out)
    return out


@pytest.fixture(scope="module")
def views(recipe, corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("views")
    recipe("audio_detector", "prepare").prepare(corpus, out, 1)
    return out


@pytest.mark.data
def test_every_fake_has_its_original_and_its_level(corpus):
    opened = open_sounds(corpus)
    by_name = {item.name: item for item in opened.items}
    fakes = [item for item in opened.items if item.label == "fake"]
    assert {item.family for item in fakes} == {"world", "griffinlim", "signal"}
    for item in fakes:
        real = by_name[item.original]
        assert (real.speaker, real.split, real.samples) == (item.speaker, item.split, item.samples)
        levels = [np.sqrt(np.square(opened.sound(x).astype(float)).mean()) for x in (item, real)]
        assert 0.5 < levels[0] / levels[1] < 2
        assert not np.array_equal(opened.sound(item), opened.sound(real))


@pytest.mark.data
def test_trivial_properties_do_not_tell_loudness(corpus):
    opened = open_sounds(corpus)
    properties = [
        sound_properties(opened.sound(item).astype(np.float32) / 32768, 16_000)
        for item in opened.items
    ]
    named = ("loudness_lufs", "duration_s")
    found = shortcut_auc(
        [{name: each[name] for name in named} for each in properties],
        [item.label == "fake" for item in opened.items],
        [item.speaker for item in opened.items], rounds=50,
    )  # fmt: skip
    assert found.together.auc < 0.75


@pytest.mark.data
def test_a_fake_is_disturbed_as_its_original(recipe, corpus, views):
    prepare = recipe("audio_detector", "prepare")
    opened = open_sounds(corpus)
    names = {item.name: item for item in opened.items}
    fake = next(item for item in opened.items if item.label == "fake")
    array = np.load(views / "views.npy", mmap_mode="r")
    real = names[fake.original]
    assert np.array_equal(array[0], opened.samples)
    same = opened.sound(real).astype(np.float32)
    again = prepare.disturbed(opened, real, 1)
    assert np.array_equal(array[1, real.start : real.start + real.samples], again)
    assert not np.array_equal(again, same)
    assert prepare.basis(fake) == prepare.basis(real)


@pytest.mark.data
def test_pairs_are_stretches_of_one_recording(recipe, views):
    pairs = recipe("audio_detector", "pairs")
    drawn = pairs.Pairs(views, "train", ("signal",))
    assert drawn.families == ["griffinlim", "world"]
    real, fake = drawn.batch(6, 16_000, np.random.default_rng(0))
    assert real.shape == fake.shape == (6, 16_000)
    loud = [torch.nn.functional.avg_pool1d(x.abs()[:, None], 800)[:, 0] for x in (real, fake)]
    for one, other in zip(*loud, strict=True):  # loud where the other is, whoever made it
        assert np.corrcoef(one, other)[0, 1] > 0.5
    with pytest.raises(UsageError, match="no fake"):
        pairs.Pairs(views, "train", ("signal", "world", "griffinlim"))


@pytest.mark.data
def test_training_learns_resumes_and_is_scored(recipe, corpus, views, tmp_path):
    train = recipe("audio_detector", "train")
    values = yaml.safe_load((RECIPES / "audio_detector" / "debug.yaml").read_text())
    whole = train.train(train.Settings.model_validate(values), views, tmp_path / "whole")
    # Stopped at the half and taken up again: as if nothing had been.
    out = tmp_path / "parts"
    train.train(train.Settings.model_validate(values | {"steps": 2}), views, out)
    first = json.loads((out / "log.jsonl").read_text().splitlines()[0])
    assert first == json.loads((tmp_path / "whole" / "log.jsonl").read_text().splitlines()[0])
    source = weights_file.read(whole)
    assert source.kind == "sound-detector"
    assert source.metadata["families"] == ["griffinlim", "signal", "world"]
    assert source.metadata["held_out"] == []

    evaluate = recipe("audio_detector", "evaluate")
    opened = open_sounds(corpus)
    items = [item for item in opened.items if item.split != "train"]
    detector = evaluate.AudioDetector(str(whole))
    rows = evaluate.of_items(detector, opened, items, evaluate.through_mp3)
    assert [row.file for row in rows] == [item.name for item in items]
    evaluate.write(tmp_path / "scores.csv", rows)
    with (tmp_path / "scores.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert list(read[0]) == ["file", "label", "family", "system", "person", "split", "score"]
    both = {"": rows, "-mp3": rows}
    assert evaluate.tables.families(both).count("\n| ") == 4  # all, and three families
    limit = evaluate.tables.false_alarms(both, {"others": rows})
    assert f"of {2 * sum(item.split == 'dev' and item.label == 'real' for item in items)}" in limit
    assert f"| others | {len({item.speaker for item in items})} |" in limit


@pytest.mark.data
def test_held_out_families_are_not_seen(recipe, views, tmp_path):
    train = recipe("audio_detector", "train")
    values = yaml.safe_load((RECIPES / "audio_detector" / "debug.yaml").read_text())
    settings = train.Settings.model_validate(values | {"held_out": "world", "steps": 1})
    source = weights_file.read(train.train(settings, views, tmp_path))
    assert source.metadata["families"] == ["griffinlim", "signal"]
    assert source.metadata["held_out"] == ["world"]
    assert "world" in source.metadata["validation"]  # scored all the same


def test_upsamplers_copy_whatever_their_kind(recipe, tmp_path):
    from safetensors.torch import save_file

    upsampler = recipe("fake_sounds", "upsampler")
    kept = recipe("fake_sounds", "train_upsampler")
    neural = recipe("fake_sounds", "neural")
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal(16_000)).astype(np.float32)
    for heard, mode in (("mel", "transposed"), ("wave", "nearest"), ("wave", "shuffle")):
        config = upsampler.UpsamplerConfig(
            heard=heard, mode=mode, strides=(8, 4), width=16, least=8, latent=4, bands=20
        )
        network = upsampler.Upsampler(config)
        path = kept.stage_path(tmp_path, f"{heard}-{mode}", 3)
        save_file(network.state_dict(), path, {"config": config.model_dump_json(), "step": "3"})
        made = neural.upsampler_copy(sound, rng, path)
        assert made.shape == sound.shape
        assert np.isfinite(made).all() and made.std() > 0
