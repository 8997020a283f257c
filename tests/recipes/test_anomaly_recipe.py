"""The anomaly recipe on made material: golden losses, resuming, real ones alone, tables."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from avsynth.errors import UsageError
from avsynth.models.anomaly_scorer import AnomalyScorer
from avsynth.training import face_corpus, pack, sound_corpus
from avsynth.weights import file as weights_file
from avsynth.weights.registry import load

RECIPE = Path(__file__).parents[2] / "recipes" / "anomaly"
MODULES = ("settings", "pool", "density", "train", "measure", "evaluate", "reconstruct")
FACE = {
    "subject": "face", "network": {"widths": [4, 6, 8], "latent": 2},
    "kinds": ["error", "variance", "divergence", "change"],
}  # fmt: skip

#: Losses of the four steps of debug.yaml; a change of the arithmetic changes them.
GOLDEN = {
    "voice": [2.533101, 0.61576, 0.717612, 0.652986],
    "face": [2.000854, 0.573337, 0.57034, 0.533711],
}


@pytest.fixture(scope="module")
def recipe():
    """The recipe's modules; other recipes have a ``train`` and an ``evaluate`` too."""
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


def voice(person, seconds=2.4):
    random = np.random.default_rng(person)
    time = np.arange(int(16_000 * seconds)) / 16_000
    parts = np.arange(1, 30)[:, None]
    buzz = (np.sin(2 * np.pi * (90 + 17 * person) * parts * time) / parts).sum(axis=0)
    loud = np.sin(2 * np.pi * 2.1 * time + person) > -0.2
    sound = 0.1 * buzz * loud + 1e-3 * random.normal(size=len(time))
    return np.clip(sound * 32767, -32768, 32767).astype(np.int16)


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    """A pack of five buzzing people, two of them to scale on."""
    folder = tmp_path_factory.mktemp("voices")
    sounds = [voice(person).reshape(-1, 160) for person in range(5)]
    rows = len(sounds[0])
    clips = tuple(
        pack.Clip(
            name=f"p{i}", source="made", person=f"p{i}", licence="none",
            split="dev" if i > 2 else "train", purpose="commercial", start=i * rows, rows=rows,
        )
        for i in range(5)
    )  # fmt: skip
    pack.save_array(folder, "sound", np.concatenate(sounds))
    pack.save_index(folder, pack.PackIndex(rate=100, clips=clips))
    return folder


def film(random, smooth):
    ground = random.normal(size=(224, 224, 3)).cumsum(axis=0).cumsum(axis=1)
    picture = 128 + 50 * (ground - ground.mean()) / ground.std()
    grain = random.normal(0, 6, (8, 224, 224, 3))
    if smooth:
        grain[:, 120:200, 50:170] = 0
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Films of five grainy people, of each a fake without grain; one is for research only."""
    folder = tmp_path_factory.mktemp("faces")
    random = np.random.default_rng(0)
    points, masks = np.zeros((8, 4, 2), np.float32), np.zeros((8, 28, 28), np.float32)
    with face_corpus.FaceWriter(folder) as writer:
        for person in range(5):
            research = person == 2
            for label, family in (("real", "real"), ("fake", "inpaint")):
                writer.add(
                    film(random, label == "fake"), points, masks, name=f"p{person}-{label}",
                    label=label, family=family, system="", person=f"p{person}",
                    source="lrwar" if research else "grid",
                    split="dev" if person > 2 else "train",
                    original="" if label == "real" else f"p{person}-real",
                    purpose="research" if research else "commercial", zoom=1.0, codec="",
                )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """A corpus of two people to judge on, each with a fake: a voice of noise."""
    folder = tmp_path_factory.mktemp("sounds")
    items, parts, start = [], [], 0
    for person in (3, 4):
        noise = (voice(person) * np.random.default_rng(person).normal(size=38_400)).astype(np.int16)
        for label, sound in (("real", voice(person)), ("fake", noise)):
            items.append(
                sound_corpus.SoundItem(
                    name=f"p{person}-{label}", label=label, system="",
                    family="real" if label == "real" else "signal", speaker=f"p{person}",
                    split="dev", original="", start=start, samples=len(sound),
                )
            )  # fmt: skip
            parts.append(sound)
            start += len(sound)
    sound_corpus.save_sounds(folder, items, np.concatenate(parts))
    return folder


def settings(recipe, **changes):
    values = yaml.safe_load((RECIPE / "debug.yaml").read_text()) | changes
    return recipe["settings"].Settings.model_validate(values)


def losses(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


@pytest.mark.parametrize("subject", ["voice", "face"])
def test_debug_runs_have_the_golden_losses_and_write_weights(
    recipe, subject, voices, faces, tmp_path
):
    folder, changes = (faces, FACE) if subject == "face" else (voices, {})
    path = recipe["train"].train(settings(recipe, **changes), folder, tmp_path)
    assert losses(tmp_path) == pytest.approx(GOLDEN[subject], rel=1e-3)
    source = weights_file.read(path)
    assert source.kind == "anomaly" and source.metadata["steps"] == 4
    assert source.metadata["people"] == (2 if subject == "face" else 3)
    scorer = AnomalyScorer(load(path, "torch"))
    assert len(scorer.layout) == len(scorer.density.mean) == (65 if subject == "face" else 152)
    assert np.linalg.eigvalsh(scorer.density.between + scorer.density.within).min() > 0


def test_an_interrupted_run_goes_on_to_the_same_end(recipe, voices, tmp_path, monkeypatch):
    train = recipe["train"]
    whole = train.train(settings(recipe), voices, tmp_path / "whole")
    original = train.schedule

    def stop_in_the_fourth_step(step, configured):
        if step == 4:
            raise KeyboardInterrupt
        return original(step, configured)

    monkeypatch.setattr(train, "schedule", stop_in_the_fourth_step)
    with pytest.raises(KeyboardInterrupt):
        train.train(settings(recipe), voices, tmp_path / "cut")
    monkeypatch.setattr(train, "schedule", original)
    resumed = train.train(settings(recipe), voices, tmp_path / "cut")
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    assert resumed.read_bytes() == whole.read_bytes()


def test_no_fake_and_nobody_of_another_split_or_licence_is_trained_on(recipe, faces):
    corpus = face_corpus.open_faces(faces)
    chosen = recipe["pool"].real_films(corpus, "train", "commercial")
    assert [item.name for item in chosen] == ["p0-real", "p1-real"]
    research = recipe["pool"].real_films(corpus, "train", "research")
    assert [item.name for item in research] == ["p0-real", "p1-real", "p2-real"]
    with pytest.raises(UsageError, match="nobody real"):
        recipe["pool"].fill(settings(recipe, **FACE), faces, "test")


def test_people_are_drawn_equally_often(recipe):
    pool = recipe["pool"].Pool(
        np.zeros((5, 1, 2, 2), np.float16), np.array([0, 0, 0, 1, 2]), ("a", "b", "b"), ("made",)
    )
    assert pool.weights() == pytest.approx([1 / 6] * 3 + [1 / 4] * 2)
    assert recipe["density"].equal_people(pool.people) == pytest.approx([1, 0.5, 0.5])


def test_the_shrinkage_is_chosen_on_people_left_out(recipe):
    random = np.random.default_rng(0)
    people = tuple(f"p{i // 4}" for i in range(24))
    measured = {"error": random.normal(size=(72, 30))}  # too few for a covariance
    pool = recipe["pool"].Pool(np.zeros((72, 1, 1, 1)), np.arange(24).repeat(3), people, ())
    assert recipe["density"].best_shrink(measured, ["error"] * 30, pool) >= 0.5


@pytest.mark.parametrize("subject", ["voice", "face"])
def test_the_evaluation_writes_scores_and_tables(
    recipe, subject, voices, faces, sounds, tmp_path, monkeypatch, capsys
):
    folder, changes = (faces, FACE) if subject == "face" else (voices, {})
    path = recipe["train"].train(settings(recipe, **changes), folder, tmp_path)
    corpus = faces if subject == "face" else sounds
    told = ["--subject", subject, "--corpus", str(corpus), "--weights", str(path)]
    monkeypatch.setattr(
        sys, "argv", ["evaluate.py", *told, "--out", str(tmp_path), "--splits", "dev"]
    )
    recipe["evaluate"].main()
    rows = (tmp_path / f"{subject}-anomaly.csv").read_text().splitlines()
    assert rows[0] == "file,label,family,system,person,split,score" and len(rows) == 5
    report = json.loads((tmp_path / "anomaly-debug.json").read_text())
    group = "GRID dev" if subject == "face" else "LibriSpeech dev"
    for condition in ("clean", "encoded"):
        found = report[condition][group]
        assert {"squared error", "likelihood", "divergence", "elbo", "typicality of all"} < set(
            found
        )
        value, low, high, fakes, people = found["typicality of all"]["all families"]
        assert 0 <= low <= value <= high <= 1 and (fakes, people) == (2, 2)
    assert "| typicality of all |" in capsys.readouterr().out


def test_a_mouth_is_repainted_where_the_mask_says(recipe, faces, tmp_path):
    path = recipe["train"].train(settings(recipe, **FACE), faces, tmp_path)
    corpus = face_corpus.open_faces(faces)
    film = corpus.film(corpus.items[0], 0, 2)
    mask = np.zeros((224, 224), np.float32)
    mask[120:200, 60:160] = 1
    made = recipe["reconstruct"].repaint(load(path, "torch"), film, mask)
    assert made.dtype == np.uint8 and made.shape == film.shape
    assert (made[:, mask == 0] == film[:, mask == 0]).all()
    inside = film[:, mask == 1].astype(float), made[:, mask == 1].astype(float)
    assert np.abs(inside[0] - inside[1]).mean() > 2
    # The colours stay: what is not clipped changes alike in red, green and blue.
    change = (inside[1] - inside[0])[(inside[1] > 0).all(-1) & (inside[1] < 255).all(-1)]
    assert np.ptp(change, axis=-1).max() <= 1
    with pytest.raises(ValueError, match="224"):
        recipe["reconstruct"].repaint(load(path, "torch"), film[:, :96, :96], mask)


def test_configs_are_valid(recipe):
    for path in sorted(RECIPE.glob("*.yaml")):
        made = recipe["settings"].Settings.model_validate(yaml.safe_load(path.read_text()))
        assert made.purpose == "commercial"
        assert made.network.aligned == (made.subject == "face")
