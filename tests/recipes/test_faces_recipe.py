"""The faces recipe on made portraits: shapes, morphs, the pack, golden losses, resuming."""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from portraits_helpers import PEOPLE, crops, layout, made_pack
from recipe_helpers import RECIPES, recipe_modules

from avsynth.models.face_shape import ShapeWarp
from avsynth.training.pack import Pack
from avsynth.weights import file as weights_file
from avsynth.weights.registry import load

MODULES = (
    "crops", "shapes", "morphs", "prepare", "portraits", "settings", "trainer", "training",
    "evaluate",
)  # fmt: skip

#: Losses of the fourth step of debug.yaml; a change of the arithmetic changes them.
GOLDEN = {
    "vae": {"l1": 0.16235, "divergence": 0.19438},
    "gan": {"judge": 2.03257, "adversary": 0.08037},
    "vae-gan": {
        "l1": 0.18202, "divergence": 0.10533, "shape": 0.99974, "judge": 1.96934,
        "matching": 1.11668,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def recipe():
    with recipe_modules("faces", MODULES) as modules:
        yield modules


@pytest.fixture(scope="module")
def folder(recipe, tmp_path_factory):
    return made_pack(recipe, tmp_path_factory.mktemp("faces"))


def settings(recipe, kind="vae-gan", **changes):
    values = yaml.safe_load((RECIPES / "faces" / "debug.yaml").read_text()) | {"kind": kind}
    if kind == "vae":
        values |= {"judge": None, "network": values["network"] | {"modes": 0}}
    if kind == "gan":
        values |= {"network": values["network"] | {"encoder": [], "modes": 0}}
    return recipe["settings"].Settings.model_validate(values | changes)


def lines(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_shapes_come_back_from_their_coordinates_and_from_the_mirror(recipe):
    points = layout(np.random.default_rng(3), 40)
    model = recipe["shapes"].ShapeModel.fit(points, np.ones(40), 4)
    numbers = model.coordinates(points)
    assert np.abs(model.points(numbers) - points).max() < 1e-3  # four modes are all there is
    assert (numbers**2).mean(axis=0) == pytest.approx(1.0, abs=0.5)
    twice = recipe["shapes"].mirrored(recipe["shapes"].mirrored(points))
    assert np.allclose(twice, points, atol=1e-6)
    signs = model.mirror(points)
    assert set(signs) == {-1.0, 1.0}
    assert np.allclose(
        model.coordinates(recipe["shapes"].mirrored(points)), signs * numbers, atol=0.1
    )


def test_a_field_moves_the_mean_landmarks_to_their_places(recipe):
    points = layout(np.random.default_rng(3), 40)
    model = recipe["shapes"].ShapeModel.fit(points, np.ones(40), 4)
    field = (model.fields(64) * model.coordinates(points[:1])[0][:, None, None, None]).sum(axis=0)
    seen = np.clip(np.round(model.mean * 64 - 0.5).astype(int), 0, 63)
    moved = model.mean + field[:, seen[:, 1], seen[:, 0]].T / 2
    assert np.abs(moved - points[0]).mean() < 0.25 * np.abs(model.mean - points[0]).mean()


def test_frames_with_open_eyes_and_unlike_one_another_are_chosen(recipe):
    layouts = np.repeat(layout(np.random.default_rng(5), 1), 10, axis=0).astype(np.float64)
    for low, high in ((145, 159), (374, 386)):
        layouts[:, high, 1] = 0.4
        layouts[:, low, 1] = 0.4 + np.array([0, 0, 0, 0, 0, 0, 0.03, 0.031, 0.032, np.nan])
    layouts[6, 17] += 0.2
    layouts[9] = np.nan
    chosen = recipe["crops"].varied(layouts, 2)
    assert chosen == [8, 6]
    assert recipe["crops"].varied(np.full((3, 478, 2), np.nan), 2) == []


def test_morphs_are_between_people_and_no_one_wears_half_a_pair_of_glasses(recipe):
    own = [c for c in crops(recipe) if c.item.split == "train"]
    points = np.stack([c.points for c in own])
    model = recipe["shapes"].ShapeModel.fit(points, np.ones(len(own)), 3)
    warp = ShapeWarp(3, 16)
    mixer = recipe["morphs"].Mixer(
        own, model.coordinates(points).astype(np.float32), warp, model.mean
    )
    random = np.random.default_rng(0)
    made = [mixer.draw(random) for _ in range(30)]
    assert all(
        m.rgb.min() >= 0 and m.rgb.max() <= 255 and np.abs(m.shape).max() <= 2.2 for m in made
    )
    assert {len(m.parents) for m in made} >= {2, 3}
    heads = [m.parents[0] for m in made]
    assert set(heads) == {"a", "b", "c"}
    # Of who wears glasses only the mouth goes to others, and others' mouths only to them.
    assert all(len(m.parents) <= 2 for m in made if m.parents[0] == "b")
    again = mixer.draw(np.random.default_rng(0))
    assert np.array_equal(again.rgb, made[0].rgb)


def test_the_pack_keeps_people_apart_and_trains_on_morphs_alone(recipe, folder):
    index = Pack.open(folder, []).index
    splits = {clip.person: clip.split for clip in index.clips if clip.source == "grid"}
    assert splits == dict(PEOPLE)
    portraits = recipe["portraits"].Portraits(folder, 16)
    training = portraits.training()
    assert np.array_equal(training.pictures, portraits.pictures(portraits.rows("morphs")))
    rows = {name: portraits.rows(name) for name in ("train", "dev", "morphs", "morphs-unseen")}
    assert [len(rows[n]) for n in rows] == [18, 12, 12, 8]
    assert len(set(np.concatenate([*rows.values()]))) == 50
    assert set(portraits.people(rows["dev"])) == {"d", "e"}


def test_a_mirrored_portrait_has_the_mirrored_shape(recipe, folder):
    training = recipe["portraits"].Portraits(folder, 16).training()
    batch = training.batch(64, [0, 1])
    for picture, shape in zip(batch["picture"], batch["shape"], strict=True):
        bytes_ = recipe["portraits"].to_bytes(picture[None])[0]
        [row] = [
            (i, flip)
            for i, p in enumerate(training.pictures)
            for flip in (False, True)
            if np.array_equal(bytes_, p[:, ::-1] if flip else p)
        ]
        own = training._shapes[row[0]] * (training._mirror if row[1] else 1.0)
        assert np.allclose(shape, own)


@pytest.mark.parametrize("kind", ["vae", "gan", "vae-gan"])
def test_debug_runs_have_the_golden_losses_and_write_weights(recipe, folder, tmp_path, kind):
    path = recipe["training"].train(settings(recipe, kind), folder, tmp_path)
    last = next(line for line in lines(tmp_path) if line["step"] == 4)
    assert {name: last[name] for name in GOLDEN[kind]} == pytest.approx(GOLDEN[kind], rel=1e-3)
    made = load(path, "torch")
    assert made.kind == "faces" and made.purpose == "commercial"
    judge = path.with_name("faces-debug-discriminator.safetensors")
    assert judge.is_file() == (kind != "vae")
    if kind == "vae-gan":
        assert weights_file.read(judge).kind == "patch-discriminator"
        assert weights_file.read(path).network.warp.fields.abs().max() > 0


def test_an_interrupted_run_goes_on_to_the_same_end(recipe, folder, tmp_path):
    train = recipe["training"].train
    whole = train(settings(recipe), folder, tmp_path / "whole")
    train(settings(recipe, steps=2), folder, tmp_path / "cut")
    resumed = train(settings(recipe), folder, tmp_path / "cut")
    losses = [
        [{k: v for k, v in line.items() if k not in ("seconds", "cpu")} for line in lines(out)]
        for out in (tmp_path / "whole", tmp_path / "cut")
    ]
    assert losses[0] == losses[1]
    networks = [weights_file.read(path).network.state_dict() for path in (whole, resumed)]
    assert all((networks[0][name] == networks[1][name]).all() for name in networks[0])


def test_the_adversary_joins_when_it_is_told_to(recipe, folder, tmp_path):
    recipe["training"].train(settings(recipe, begin=2, steps=3), folder, tmp_path)
    judged = [line["step"] for line in lines(tmp_path) if "judge" in line]
    assert judged == [3]


def test_people_are_drawn_where_the_latents_are(recipe, folder):
    portraits = recipe["portraits"].Portraits(folder, 16)
    trainer = recipe["trainer"].Trainer(settings(recipe, follow=0), portraits)
    random = torch.Generator().manual_seed(0)
    for _ in range(600):
        latent = torch.randn(16, 4, generator=random) * 0.5 + torch.arange(4.0)
        trainer._follow(latent)
    drawn = trainer.network.drawn(torch.randn(4000, 4, generator=random))
    assert torch.allclose(drawn.mean(dim=0), torch.arange(4.0), atol=0.1)
    assert torch.allclose(torch.cov(drawn.T), 0.25 * torch.eye(4), atol=0.06)


def test_the_discriminator_and_the_kind_must_agree(recipe, folder):
    portraits = recipe["portraits"].Portraits(folder, 16)
    with pytest.raises(ValueError, match="discriminator"):
        recipe["trainer"].Trainer(settings(recipe, judge=None), portraits)


def test_the_evaluation_counts_faces_and_shows_all(recipe, folder, tmp_path, monkeypatch):
    pytest.importorskip("efficientnet_lite_pytorch")
    path = recipe["training"].train(settings(recipe, steps=1), folder, tmp_path)
    monkeypatch.setattr(recipe["evaluate"], "_SHOWN", 12)
    told = argparse.Namespace(
        pack=folder, count=6, block=3, seed=0, sheet=tmp_path / "people.jpg"
    )  # fmt: skip
    found = recipe["evaluate"].evaluate(weights_file.read(path).network, told)
    assert sum(found["landmarks"].values()) == 12 and "sane" not in found["landmarks"]
    assert found["samples"]["count"] == 6 and found["rebuilt"]["dev"]["psnr"] > 5
    assert cv2.imread(str(told.sheet)).shape == (144, 576, 3)  # eight across


def test_configs_are_valid(recipe):
    for path in sorted((RECIPES / "faces").glob("*.yaml")):
        recipe["settings"].Settings.model_validate(yaml.safe_load(Path(path).read_text()))
