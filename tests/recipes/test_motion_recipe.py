"""The motion recipe on made data: golden losses, resuming, splits, sync."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import save_file

from avsynth import weights
from avsynth.errors import InputError, UsageError
from avsynth.face import mesh
from avsynth.face.mouth_space import MouthSpace
from avsynth.training import pack
from avsynth.weights import file as weights_file

RECIPE = Path(__file__).parents[2] / "recipes" / "motion"

#: Losses of the four steps of debug.yaml; a change of the arithmetic changes them.
GOLDEN = [6.889072, 5.287525, 4.445271, 6.659371]
#: The same with the discriminator of ADVERSARIAL from the second step on.
GOLDEN_ADVERSARIAL = [6.889072, 5.452637, 5.672758, 7.61974]
ADVERSARIAL = {"start": 1, "ramp": 2, "hidden": 8, "layers": 2, "window": 16, "batch": 4}


@pytest.fixture(scope="module")
def recipe():
    """The recipe's modules importable; other recipes have modules of the same names."""
    threads = torch.get_num_threads()
    names = {path.stem for path in RECIPE.glob("*.py")}
    hidden = {name: sys.modules.pop(name) for name in names & set(sys.modules)}
    sys.path.insert(0, str(RECIPE))
    yield
    sys.path.remove(str(RECIPE))
    for name in names & set(sys.modules):
        del sys.modules[name]
    sys.modules.update(hidden)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made_pack(tmp_path_factory):
    """Six people whose mouths follow the features, one person with her sound three rows late."""
    folder = tmp_path_factory.mktemp("pack")
    rng = np.random.default_rng(0)
    canonical = rng.normal(0, 0.1, (60, len(mesh.MOUTH_JAW), 3))
    space = MouthSpace.fit([canonical], size=4)
    clips, heard, moved, start = [], [], [], 0
    for person in range(6):
        for number in (3, 4):
            features = rng.normal(0, 1, (63, 6))
            motion = features[:, :4] * space.deviation
            lag = 3 if person == 1 else 0
            clips.append(
                pack.Clip(
                    name=f"p{person}_{number}", source="grid", person=f"p{person}",
                    split="dev" if person == 5 else "train", licence="none", purpose="commercial",
                    start=start, rows=60, lag=lag,
                )
            )  # fmt: skip
            heard.append(features[3:])
            moved.append(motion[3 - lag : 63 - lag])
            start += 60
    pack.save_index(folder, pack.PackIndex(rate=25, clips=tuple(clips)))
    opening = np.abs(np.concatenate(moved)[:, 0])
    pack.save_array(folder, "mel", np.concatenate(heard).astype(np.float16))
    pack.save_array(folder, "coefficients", np.concatenate(moved).astype(np.float32))
    pack.save_array(folder, "opening", opening.astype(np.float32))
    statistics = dict(space.arrays())
    statistics["mel.mean"] = np.zeros(12, np.float32)
    statistics["mel.directions"] = np.eye(12, 6, dtype=np.float32)
    save_file(statistics, folder / "statistics.safetensors")
    return folder


def settings(**changes):
    import train

    values = yaml.safe_load((RECIPE / "debug.yaml").read_text()) | changes
    return train.Settings.model_validate(values)


def losses(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_debug_run_has_the_golden_losses_and_writes_weights(recipe, made_pack, tmp_path):
    import train

    path = train.train(settings(), made_pack, tmp_path)
    assert losses(tmp_path) == pytest.approx(GOLDEN, rel=1e-4)
    loaded = weights.load(path, engine="torch")
    assert loaded.metadata["people"] == 5 and loaded.metadata["steps"] == 4
    assert MouthSpace.from_arrays({k: v.numpy() for k, v in loaded.extras.items()}).size == 4


def test_adversarial_debug_run_has_the_golden_losses_and_writes_both_networks(
    recipe, made_pack, tmp_path
):
    import train

    train.train(settings(adversarial=ADVERSARIAL), made_pack, tmp_path)
    assert losses(tmp_path)[0] == pytest.approx(GOLDEN[0], rel=1e-4)
    assert losses(tmp_path) == pytest.approx(GOLDEN_ADVERSARIAL, rel=1e-4)
    judge = weights_file.read(tmp_path / "motion-debug-discriminator.safetensors")
    assert judge.kind == "sequence-discriminator" and judge.metadata["people"] == 5
    assert judge.network(torch.zeros(2, 9, 4), torch.zeros(2, 9, 6)).logits[0].shape == (2, 9, 1)


@pytest.mark.parametrize("adversarial", [None, ADVERSARIAL])
def test_an_interrupted_run_goes_on_to_the_same_end(
    recipe, made_pack, tmp_path, monkeypatch, adversarial
):
    import train

    configured = settings(adversarial=adversarial)
    whole = train.train(configured, made_pack, tmp_path / "whole")
    calls = {"count": 0}
    original = train.schedule

    def stop_in_the_third_step(step, configured):
        calls["count"] += 1
        if calls["count"] == 3:
            raise KeyboardInterrupt
        return original(step, configured)

    monkeypatch.setattr(train, "schedule", stop_in_the_third_step)
    with pytest.raises(KeyboardInterrupt):
        train.train(configured, made_pack, tmp_path / "cut")
    monkeypatch.setattr(train, "schedule", original)
    train.train(configured, made_pack, tmp_path / "cut")
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    for path in sorted((tmp_path / "whole").glob("motion-debug*.safetensors")):
        assert (tmp_path / "cut" / path.name).read_bytes() == path.read_bytes()
    assert whole.is_file()


def test_training_learns_what_the_features_say(recipe, made_pack, tmp_path):
    import train

    configured = settings(steps=120, validate_every=60, noise=0.0, mixup=0, learning_rate=0.02)
    train.train(configured, made_pack, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["validation"] > 0.8


def test_the_discriminator_learns_what_goes_with_the_sound(recipe, made_pack):
    import losses
    import train
    import windows
    from configuration import Adversarial
    from safetensors.numpy import load_file

    space = MouthSpace.from_arrays(load_file(made_pack / "statistics.safetensors"))
    configured = settings(noise=0.0, channel_dropout=0.0)
    training, _ = windows.load_examples(configured, made_pack, space)
    train.seed_everything(0)
    draw = windows.Sampler(training, configured, np.random.default_rng(0))
    adversary = losses.Adversary(space, 6, Adversarial(**ADVERSARIAL))
    network = torch.nn.Linear(6, 4)
    optimizer = torch.optim.Adam(adversary.network.parameters(), 0.01)
    for step in range(2, 150):
        own, other = adversary(network, draw.pairs(16, 16), step)
        optimizer.zero_grad()
        own.backward()
        assert network.weight.grad is None  # its loss leaves the motion network alone
        optimizer.step()
    optimizer.zero_grad()
    other.backward()
    assert all(weight.grad is None for weight in adversary.network.parameters())
    assert network.weight.grad.abs().max() > 0
    batch = draw.pairs(16, 64)
    own, other = (
        adversary.judge(batch[name], batch["heard"], batch["mask"]).logits[0].mean(dim=(1, 2))
        for name in ("motion", "other")
    )
    assert (own > other).float().mean() > 0.9


def test_pairs_hold_another_moment_of_the_same_person(recipe, made_pack):
    import windows
    from safetensors.numpy import load_file

    space = MouthSpace.from_arrays(load_file(made_pack / "statistics.safetensors"))
    configured = settings(noise=0.0, channel_dropout=0.0, stretch=0)
    training, _ = windows.load_examples(configured, made_pack, space)
    for number, example in enumerate(training):  # each row tells its place and its person
        example.real[:] = np.arange(len(example.real))[:, None]
        example.real[:, 1] = int(example.clip.person[1])
        example.real[:, 2] = number
    draw = windows.Sampler(training, configured, np.random.default_rng(1))
    batch = draw.pairs(20, 64)
    motion, other = batch["motion"], batch["other"]
    assert batch["mask"].all()
    assert torch.equal(motion[:, :, 1], other[:, :, 1])
    assert torch.equal(motion[:, :, 2], other[:, :, 2])  # clips of 57 rows have room for a shift
    shift = (motion - other)[:, 0, 0].abs()
    assert shift.min() >= 4 and shift.max() <= 25
    longer = draw.pairs(80, 8)
    assert longer["mask"].sum(dim=1).max() <= 60
    assert not longer["motion"][longer["mask"] == 0].any()


def test_closed_mouths_weigh_more_when_asked_to(recipe, made_pack):
    import losses
    from safetensors.numpy import load_file

    space = MouthSpace.from_arrays(load_file(made_pack / "statistics.safetensors"))
    weighted = losses.MotionLoss(space, settings(closure_weight=3))
    truth = (3 * weighted.opens).repeat(1, 10, 1)
    truth[:, 5:] *= -1
    mask = torch.ones(1, 10)
    open_wrong, closed_wrong = truth.clone(), truth.clone()
    open_wrong[:, :5] = 0
    closed_wrong[:, 5:] = 0
    pair = [weighted(made, truth, mask)["opening"].item() for made in (closed_wrong, open_wrong)]
    assert pair[0] == pytest.approx(4 * pair[1], rel=1e-3)


def test_sound_and_mouth_are_moved_onto_each_other(recipe, made_pack):
    import windows
    from safetensors.numpy import load_file

    space = MouthSpace.from_arrays(load_file(made_pack / "statistics.safetensors"))
    training, _ = windows.load_examples(settings(), made_pack, space)
    for example in training:
        assert len(example.motion) == 60 - example.clip.lag
        score = np.corrcoef(example.heard[0][:, 0], example.motion[:, 0])[0, 1]
        assert score > 0.999


def test_held_out_people_are_not_trained_on(recipe, made_pack):
    import windows
    from safetensors.numpy import load_file

    space = MouthSpace.from_arrays(load_file(made_pack / "statistics.safetensors"))
    training, validation = windows.load_examples(settings(hold_out=["p2"]), made_pack, space)
    assert {e.clip.person for e in training} == {"p0", "p1", "p3", "p4"}
    assert {e.clip.person for e in validation} == {"p2", "p5"}
    with pytest.raises(UsageError, match="no clips"):
        windows.load_examples(settings(hold_out=[f"p{k}" for k in range(6)]), made_pack, space)


def test_sync_finds_the_late_person(recipe, made_pack, tmp_path, monkeypatch):
    import shutil

    import sync

    folder = tmp_path / "pack"
    shutil.copytree(made_pack, folder)
    opened = pack.Pack.open(folder, ["mel"])
    pack.save_array(folder, "whisper", opened.arrays["mel"])
    blank = tuple(clip.model_copy(update={"lag": 0}) for clip in opened.index.clips)
    pack.save_index(folder, opened.index.model_copy(update={"clips": blank}))
    monkeypatch.setattr(sys, "argv", ["sync.py", "--pack", str(folder)])
    sync.main()
    found = {c.name: c.lag for c in pack.Pack.open(folder, []).index.clips}
    assert found["p1_3"] == found["p1_4"] == 3
    assert [found[f"p{k}_3"] for k in (0, 2, 3, 4)] == [0, 0, 0, 0]


@pytest.mark.data
@pytest.mark.slow
def test_preparing_real_clips(recipe, data_dir, tmp_path, monkeypatch):
    import prepare

    from avsynth.speech.whisper import find_weights

    if find_weights() is None:
        pytest.skip("Whisper-tiny is not installed")
    arguments = ["prepare.py", "--data", str(data_dir), "--out", str(tmp_path / "pack")]
    arguments += ["--cache", str(tmp_path / "cache"), "--limit", "3", "--copies", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    prepare.main()
    names = ["coefficients", "opening", "whisper", "whisper_1", "mel", "mel_1"]
    made = pack.Pack.open(tmp_path / "pack", names)
    assert [clip.rows for clip in made.index.clips] == [75, 75, 75]
    rows = made.arrays["coefficients"]
    assert rows.shape == (225, 16) and np.isfinite(rows).all()
    assert np.corrcoef(rows[:, 0], made.arrays["opening"])[0, 1] > 0.7
    assert made.arrays["whisper"].shape == (225, 128) and made.arrays["mel"].shape == (225, 96)


def test_configs_are_valid_and_the_purposes_right(recipe):
    import train

    for path in sorted(RECIPE.glob("config*.yaml")):
        made = train.Settings.model_validate(yaml.safe_load(path.read_text()))
        assert ("research" in made.name) == (made.purpose == "research")


def test_a_person_in_two_splits_is_refused(tmp_path):
    clip = {"source": "s", "licence": "x", "purpose": "research", "start": 0, "rows": 5}
    both = [
        pack.Clip(name="a", person="p", split="train", **clip),
        pack.Clip(name="b", person="p", split="test", **clip),
    ]
    with pytest.raises(InputError, match="train"):
        pack.save_index(tmp_path, pack.PackIndex(rate=25, clips=tuple(both)))
    sentence = both[1].model_copy(update={"split": "test_sentence"})
    pack.save_index(tmp_path, pack.PackIndex(rate=25, clips=(both[0], sentence)))


@pytest.mark.data
def test_the_people_of_grid_are_split_as_the_data_list_says(recipe, data_dir):
    import sources

    splits = {}
    for item in sources.table(data_dir / "grid.csv"):
        splits.setdefault(item.split, set()).add(item.person)
    assert splits["dev"] == {"u07", "u10", "u11", "u13"} and splits["test"] == {"s26"}
    assert splits["test_sentence"] == {"s1"}
    assert splits["train"].isdisjoint(splits["dev"] | splits["test"])
