"""The speaker recipe on made voices: golden losses, resuming, new voices, disturbances, trials."""

import dataclasses
import importlib
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from avsynth.errors import UsageError
from avsynth.speech.spectrum import FLOOR
from avsynth.training import pack
from avsynth.weights import file as weights_file

RECIPE = Path(__file__).parents[2] / "recipes" / "speaker"
MODULES = ("disturb", "trials", "voices", "segments", "train", "evaluate")

#: Losses of the four steps of debug.yaml; a change of the arithmetic changes them.
GOLDEN = [19.664616, 26.899137, 26.221325, 31.401281]


@pytest.fixture(scope="module")
def recipe():
    """The recipe's modules; other recipes have a ``train`` and a ``voices`` too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    before = {name: sys.modules.pop(name, None) for name in MODULES}
    sys.path.insert(0, str(RECIPE))
    yield {name: importlib.import_module(name) for name in MODULES}
    sys.path.remove(str(RECIPE))
    for name, module in before.items():
        sys.modules.pop(name)
        if module is not None:
            sys.modules[name] = module
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made_pack(tmp_path_factory):
    """Eight buzzing people of different pitch and colour, 6.5 s each, two to validate on."""
    folder = tmp_path_factory.mktemp("pack")
    random = np.random.default_rng(0)
    clips, sounds, rows = [], [], 650
    time = np.arange(rows * 160) / 16_000
    for person in range(8):
        parts = np.arange(1, 24)
        colour = np.exp(0.7 * random.normal(size=24))[1:] / parts
        buzz = colour[:, None] * np.sin(2 * np.pi * (90 + 17 * person) * parts[:, None] * time)
        loud = 0.2 + np.sin(2 * np.pi * 1.7 * time + person) ** 2
        sound = 0.05 * buzz.sum(axis=0) * loud + 1e-3 * random.normal(size=len(time))
        sounds.append(np.clip(sound * 32767, -32768, 32767).astype(np.int16).reshape(-1, 160))
        clips.append(
            pack.Clip(
                name=f"p{person}", source="made", person=f"p{person}", licence="none",
                split="dev" if person > 5 else "train", purpose="commercial",
                start=person * rows, rows=rows,
            )
        )  # fmt: skip
    pack.save_array(folder, "sound", np.concatenate(sounds))
    pack.save_index(folder, pack.PackIndex(rate=100, clips=tuple(clips)))
    return folder


def settings(recipe, **changes):
    values = yaml.safe_load((RECIPE / "debug.yaml").read_text()) | changes
    return recipe["train"].Settings.model_validate(values)


def losses(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_debug_run_has_the_golden_losses_and_writes_weights(recipe, made_pack, tmp_path):
    path = recipe["train"].train(settings(recipe), made_pack, tmp_path)
    assert losses(tmp_path) == pytest.approx(GOLDEN, rel=1e-4)
    source = weights_file.read(path)
    assert source.kind == "speaker"
    assert source.metadata["people"] == 6 and source.metadata["steps"] == 4
    assert source.metadata["threshold_eer"] <= 1 and source.metadata["threshold_far1"] <= 1
    speakers = source.extras["speakers"]
    assert speakers.shape == (6, 8) and speakers.dtype == torch.float16
    assert torch.allclose(speakers.float().norm(dim=1), torch.ones(6), atol=1e-2)


def test_an_interrupted_run_goes_on_to_the_same_end(recipe, made_pack, tmp_path, monkeypatch):
    train = recipe["train"]
    whole = train.train(settings(recipe), made_pack, tmp_path / "whole")
    original = train.schedule

    def stop_in_the_fourth_step(step, configured):
        if step == 4:
            raise KeyboardInterrupt
        return original(step, configured)

    monkeypatch.setattr(train, "schedule", stop_in_the_fourth_step)
    with pytest.raises(KeyboardInterrupt):
        train.train(settings(recipe), made_pack, tmp_path / "cut")
    monkeypatch.setattr(train, "schedule", original)
    resumed = train.train(settings(recipe), made_pack, tmp_path / "cut")
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    assert resumed.read_bytes() == whole.read_bytes()


def test_it_learns_to_tell_voices_apart(recipe, made_pack, tmp_path):
    recipe["train"].train(
        settings(recipe, steps=60, strength=0, margin=0, validate_every=60), made_pack, tmp_path
    )
    curve = losses(tmp_path)
    assert np.mean(curve[-10:]) < 0.7 * np.mean(curve[:10])


def test_held_out_speakers_are_not_trained_on(recipe, made_pack, tmp_path):
    training, validation = recipe["train"].split(settings(recipe, hold_out=3), made_pack)
    assert {r.person for r in training} == {"p1", "p2", "p4", "p5"}
    assert {r.person for r in validation} == {"p0", "p3"}
    with pytest.raises(UsageError, match="nobody"):
        recipe["train"].split(settings(recipe, hold_out=1), made_pack)


def test_a_faster_voice_is_higher_and_shorter(recipe):
    time = np.arange(32_000) / 16_000
    tone = np.sin(2 * np.pi * 440 * time).astype(np.float32)
    for speed in (0.85, 1.0, 1.18):
        heard = recipe["voices"].played(tone, speed)
        assert len(heard) == pytest.approx(32_000 / speed, abs=80)
        peak = np.abs(np.fft.rfft(heard)).argmax() * 16_000 / len(heard)
        assert peak == pytest.approx(440 * speed, rel=5e-3)
        assert np.abs(heard[4000:-4000]).max() == pytest.approx(1, abs=0.02)


def test_each_speed_makes_new_voices_and_crops_stay_inside_one(recipe, made_pack):
    training, _ = recipe["train"].split(settings(recipe), made_pack)
    config = settings(recipe).network.spectrum
    voices = recipe["voices"].Voices(training, (1.0, 1.1), config, "cpu")
    assert voices.count == 12
    random = np.random.default_rng(0)
    mel, numbers = voices.batch(6, 2, 700, random)  # longer than any utterance: repeated
    assert mel.shape == (12, 80, 700)
    assert numbers.tolist() == np.repeat(numbers[::2].numpy(), 2).tolist()
    for crop, number in zip(mel, numbers.tolist(), strict=True):
        speed, person = divmod(number, 6)
        own = training[person].mel(config, (1.0, 1.1)[speed]).float()
        assert (crop.T[:3, None] == own).all(dim=2).any(dim=1).all()


def test_disturbances_are_the_same_again_and_change_each_in_its_own_way(recipe):
    disturb = recipe["disturb"]
    mel = torch.randn(6, 80, 130) - 6

    def drawn(strength, seed=0):
        return disturb.disturb(mel, torch.Generator().manual_seed(seed), strength)

    assert torch.equal(drawn(1.0), drawn(1.0)) and not torch.equal(drawn(1.0), drawn(1.0, 1))
    assert torch.allclose(drawn(0.0), mel, atol=1e-3)
    changed = drawn(1.0)
    assert changed.shape == mel.shape and float(changed.min()) >= math.log(FLOOR) - 1e-3
    assert all(float((changed[i] - mel[i]).abs().mean()) > 0.05 for i in range(6))
    masked = disturb.mask(mel, torch.Generator().manual_seed(0))
    kept = (masked == mel).float().mean(dim=(1, 2))
    assert float(kept.min()) > 0.6 and float(kept.mean()) < 1


def test_an_echo_lasts_and_dies(recipe):
    click = torch.full((1, 80, 90), 1e-8)
    click[:, :, 20] = 1.0
    heard = recipe["disturb"]._room(click, torch.Generator().manual_seed(0), 1.0)[0, 0]
    assert heard[:20].max() < 1e-6 and heard[20] == pytest.approx(1.0, abs=1e-4)
    tail = heard[21:60]
    assert 0.02 < float(tail.sum()) < 0.6
    assert (tail.diff() < 0).all()


def test_equal_error_of_known_scores(recipe):
    trials = recipe["trials"]
    scores = np.array([0.9, 0.8, 0.3, 0.7, 0.2, 0.1, 0.0, 0.05])
    same = np.array([1, 1, 1, 0, 0, 0, 0, 0], bool)
    rate, threshold = trials.equal_error(scores, same)
    assert 0.2 <= rate <= 1 / 3 and 0.3 <= threshold <= 0.7
    assert trials.equal_error(np.array([0.1, 0.9]), np.array([False, True]))[0] == 0
    assert trials.equal_error(np.array([0.9, 0.1]), np.array([False, True]))[0] == 1
    random = np.random.default_rng(0)
    same = np.arange(40_000) % 2 == 0
    rate, threshold = trials.equal_error(random.normal(size=40_000) + 2 * same, same)
    assert rate == pytest.approx(0.1587, abs=0.006) and threshold == pytest.approx(1, abs=0.03)
    assert trials.false_acceptance(np.arange(100.0), np.zeros(100, bool), 0.01) >= 98


def test_pairs_that_are_apart_only_and_weights_as_if_repeated(recipe):
    trials = recipe["trials"]
    points = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
    people, files = ["a", "a", "a", "b", "b"], ["1", "1", "2", "3", "3"]
    assert trials.trials(points, points, people).counts == (4, 6)
    found = trials.trials(points, points, people, trials.apart(files, [0, 9, 0, 0, 3], None))
    assert found.counts == (2, 6)
    within = trials.apart(files, [0, 9, 0, 0, 3], 5)
    assert within[0, 1] and within[0, 2] and not within[3, 4]
    random = np.random.default_rng(1)
    scores, same = random.normal(size=50), random.random(50) < 0.4
    times = random.integers(0, 3, 50)
    repeated = trials.equal_error(scores.repeat(times), same.repeat(times))[0]
    assert trials.equal_error(scores, same, times.astype(float))[0] == pytest.approx(repeated)


def test_the_interval_holds_the_rate(recipe):
    trials = recipe["trials"]
    random = np.random.default_rng(0)
    centres = random.normal(size=(12, 4)).repeat(4, axis=0)
    points = centres + 0.8 * random.normal(size=centres.shape)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    found = trials.trials(points, points, [str(i // 4) for i in range(48)])
    low, high = trials.interval(found, draws=200)
    rate = trials.equal_error(found.scores, found.same)[0]
    assert low < rate < high and high - low < 0.3


def test_configs_are_valid(recipe):
    for path in sorted(RECIPE.glob("*.yaml")):
        made = recipe["train"].Settings.model_validate(yaml.safe_load(path.read_text()))
        assert made.purpose == "commercial" and made.hold_out == 0


@pytest.mark.data
def test_a_group_is_cut_into_pieces_of_its_people(recipe, data_dir):
    evaluate = recipe["evaluate"]
    group = evaluate.Group("women", "LibriSpeech test-other", "test", 3, True, "F")
    found = evaluate.pieces(data_dir, group)
    everybody = evaluate.pieces(data_dir, dataclasses.replace(group, sex=""))
    assert {p.key for p in found} < {p.key for p in everybody}
    assert {len(piece.samples) for piece in found} == {3 * 16_000}
    assert max(sum(other.file == piece.file for other in found) for piece in found) == 2
