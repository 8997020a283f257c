"""The sync expert's recipe on made data: golden losses, resuming, lags, splits, learning."""

import importlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml

from avsynth.errors import UsageError
from avsynth.face.landmarks import open_detector
from avsynth.metrics.picture_sync import offset_and_confidence, similarity
from avsynth.models.sync import STEPS
from avsynth.training import pack
from avsynth.weights import file as weights_file
from avsynth.weights import manifest

RECIPE = Path(__file__).parents[2] / "recipes" / "sync_expert"
MODULES = ("pseudo_people", "squares", "talks", "prepare", "train", "evaluate")

#: Losses of the four steps of debug.yaml; a change of the arithmetic changes them.
GOLDEN = [7.141712, 6.547225, 5.260224, 6.587799]


@pytest.fixture(scope="module")
def recipe():
    """The recipe's modules; other recipes have a ``train`` and a ``prepare`` too."""
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


def picture(opening, skin):
    """A face of one colour with a dark mouth, open by 0 to 1."""
    face = np.full((64, 64, 3), skin, np.uint8)
    height = round(1 + 11 * float(opening))
    cv2.ellipse(face, (32, 30), (11, height), 0, 0, 360, (30, 20, 60), -1)
    return face


@pytest.fixture(scope="module")
def made_pack(tmp_path_factory, recipe):
    """Five people who open their mouths as they get loud, one with her mouth three frames late."""
    folder = tmp_path_factory.mktemp("pack")
    random = np.random.default_rng(0)
    clips, pictures, mels, start = [], [], [], 0
    for person in range(5):
        for number in range(2):
            lag = 3 if person == 1 else 0
            split = {3: "dev", 4: "test_sentence"}.get(person, "train")
            clips.append(
                pack.Clip(
                    name=f"p{person}_{number}", source="made", person=f"p{person}", split=split,
                    licence="none", purpose="commercial", start=start, rows=40, lag=lag,
                )
            )  # fmt: skip
            start += 40
            openings = np.convolve(random.random(46), np.ones(3) / 3, "valid")
            openings = (openings - openings.min()) / np.ptp(openings)
            shown = openings[3 - lag : 43 - lag]
            pictures += [recipe["prepare"].jpeg(picture(o, 120 + 20 * person)) for o in shown]
            heard = np.interp(np.arange(40 * STEPS) / STEPS, np.arange(41), openings[3:44])
            mels.append((heard[:, None] - np.linspace(0, 0.5, 80)).reshape(40, STEPS, 80))
    pack.save_array(folder, "jpeg", np.frombuffer(b"".join(pictures), np.uint8))
    pack.save_array(folder, "ends", np.cumsum([len(p) for p in pictures]))
    pack.save_array(folder, "mel", np.concatenate(mels).astype(np.float16))
    pack.save_index(folder, pack.PackIndex(rate=25, clips=tuple(clips)))
    return folder


def settings(recipe, **changes):
    values = yaml.safe_load((RECIPE / "debug.yaml").read_text()) | changes
    return recipe["train"].Settings.model_validate(values)


def lines(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def losses(folder):
    return [line["loss"] for line in lines(folder) if "loss" in line]


def test_debug_run_has_the_golden_losses_and_writes_weights(recipe, made_pack, tmp_path):
    path = recipe["train"].train(settings(recipe), made_pack, tmp_path)
    assert losses(tmp_path) == pytest.approx(GOLDEN, rel=1e-4)
    source = weights_file.read(path)
    assert source.kind == "sync"
    assert source.metadata["people"] == 3 and source.metadata["steps"] == 4


def test_an_interrupted_run_goes_on_to_the_same_end(recipe, made_pack, tmp_path, monkeypatch):
    train = recipe["train"]
    whole = train.train(settings(recipe), made_pack, tmp_path / "whole")
    original = train.schedule

    def stop_in_the_third_step(step, configured):
        if step == 3:
            raise KeyboardInterrupt
        return original(step, configured)

    monkeypatch.setattr(train, "schedule", stop_in_the_third_step)
    with pytest.raises(KeyboardInterrupt):
        train.train(settings(recipe), made_pack, tmp_path / "cut")
    monkeypatch.setattr(train, "schedule", original)
    resumed = train.train(settings(recipe), made_pack, tmp_path / "cut")
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    assert resumed.read_bytes() == whole.read_bytes()


def test_it_learns_to_hear_what_it_sees(recipe, made_pack, tmp_path):
    configured = settings(recipe, steps=150, validate_every=150, learning_rate=0.01)
    path = recipe["train"].train(configured, made_pack, tmp_path)
    assert lines(tmp_path)[-1]["within_one"] == 1.0
    # Of a person it never saw, with the mouth made five frames late.
    training_pack = pack.Pack.open(made_pack, ("jpeg", "ends", "mel"))
    stranger = recipe["talks"].load(training_pack, training_pack.index.clips[6])
    mel = stranger.mel.reshape(-1, 80).astype(np.float32).T
    film = np.concatenate([stranger.film()[:5], stranger.film()[:-5]])
    matrix = similarity(weights_file.read(path).network, film, mel)
    assert offset_and_confidence(matrix)[0] == 5


def test_mouth_and_sound_are_moved_onto_each_other(recipe, made_pack):
    opened = pack.Pack.open(made_pack, ("jpeg", "ends", "mel"))
    for clip in opened.index.clips:
        talk = recipe["talks"].load(opened, clip)
        assert len(talk) == len(talk.mel) == 40 - clip.lag
        dark = (talk.film()[:, 10:50, 20:44].mean(axis=-1) < 80).mean(axis=(1, 2))
        assert np.corrcoef(dark, talk.mel[:, 0, 0])[0, 1] > 0.95


def test_held_out_people_are_not_trained_on(recipe, made_pack):
    load = recipe["train"].load_talks
    training, validation = load(settings(recipe), made_pack)
    assert {t.clip.person for t in training} == {"p0", "p1", "p2"}
    assert {t.clip.person for t in validation} == {"p4"}  # unseen sentences, never dev people
    training, validation = load(settings(recipe, hold_out=["p0"]), made_pack)
    assert {t.clip.person for t in training} == {"p1", "p2"}
    assert {t.clip.person for t in validation} == {"p0"}
    with pytest.raises(UsageError, match="no clips"):
        load(settings(recipe, stretch=50), made_pack)


def test_another_person_says_the_same_at_the_same_time(recipe):
    openings = np.abs(np.sin(np.arange(30)))
    film = np.stack([picture(o, 150) for o in openings])
    mel = np.repeat(openings, STEPS)[:, None].repeat(80, axis=1).astype(np.float32)
    for seed in range(8):
        random = np.random.default_rng(seed)
        seen = recipe["pseudo_people"].disguise(film, seed % 2 == 0, random)
        assert seen.shape == (30, 3 if seed % 2 == 0 else 1, 64, 64)
        assert float(seen.min()) >= 0 and float(seen.max()) <= 1
        middle = seen.numpy()[:, :, 20:44, 16:48].mean(axis=(1, 2, 3))
        assert np.corrcoef(middle, openings)[0, 1] < -0.8
        heard = recipe["pseudo_people"].dub(mel, random)
        assert heard.shape == mel.shape
        assert np.corrcoef(heard.mean(axis=1), mel[:, 0])[0, 1] > 0.8


def test_auc_counts_pairs(recipe):
    matrix = np.random.default_rng(0).random((60, 31))
    assert recipe["evaluate"].area(matrix, 0, 1) == pytest.approx(0.5, abs=0.1)
    matrix[:, 15 + 2] += 2
    assert recipe["evaluate"].area(matrix, 2, 1) == 1.0


def test_configs_are_valid_and_the_purposes_right(recipe):
    for path in sorted(RECIPE.glob("config*.yaml")):
        made = recipe["train"].Settings.model_validate(yaml.safe_load(path.read_text()))
        assert ("research" in made.name) == (made.purpose == "research")
        assert made.hold_out == ()


@pytest.mark.data
def test_the_shipped_experts_find_the_offset_of_a_person_they_never_saw(recipe, data_dir, tmp_path):
    sources = recipe["prepare"].sources
    media = data_dir / "grid" / "u07_sbwe5n.mp4"
    item = sources.Item(media.stem, "grid", "u07", "dev", "CC BY 4.0", "commercial", media)
    cached = tmp_path / "cached.npz"
    with open_detector("mediapipe") as detector:
        sources.extract(item, cached, detector)
    film, mel = recipe["squares"].clip(media, cached, 64)
    assert film.shape == (75, 64, 64, 3) and mel.shape == (80, 75 * STEPS)
    for name in ("sync-small", "sync-scorer-research"):
        expert = weights_file.read(manifest.find(name).path).network
        for late in (0, 5):
            matrix = similarity(expert, film[: len(film) - late], mel[:, late * STEPS :])
            offset, confidence = offset_and_confidence(matrix)
            print(f"{name}: offset {offset}, should be {late}; confidence {confidence:.3f}")
            assert abs(offset - late) <= 1 and confidence > 0.15
