"""The reenactment recipe on the demo person: golden losses, resuming, pairs, bends, preparing."""

import json
import sys

import cv2
import numpy as np
import portrait_helpers as made
import pytest
import torch
import yaml
from recipe_helpers import RECIPES, recipe_modules

from avsynth.errors import UsageError
from avsynth.face.portrait_square import PortraitSquare
from avsynth.models.discriminators import PatchDiscriminator
from avsynth.models.reenact import ReenactNetwork
from avsynth.training import pack
from avsynth.training.reenact import attention
from avsynth.training.squares import cut, places_of
from avsynth.weights import file as weights_file

RECIPE = RECIPES / "reenact"
OURS = ("train", "trainer", "settings", "windows", "bending", "prepare")
SIZE, ROWS = 64, 4

#: Sum of the losses of the six steps of debug.yaml; a change of the arithmetic changes them.
GOLDEN = [0.04788, 0.73219, 0.71897, 0.7693, 0.75061, 0.74027]


@pytest.fixture(scope="module")
def recipe():
    with recipe_modules("reenact", OURS) as modules:
        yield modules


@pytest.fixture(scope="module")
def made_pack(tmp_path_factory):
    """The demo person three times, in three colours, as three people."""
    folder = tmp_path_factory.mktemp("pack")
    pictures, portrait, wanted = made.film()[0], made.portrait(), made.wanted()
    square = PortraitSquare(portrait.box.width, portrait.box.height, SIZE)
    clips, jpegs, points = [], [], []
    for person in range(3):
        for row in range(ROWS):
            rgb = square.cut(np.ascontiguousarray(pictures[3 * row][portrait.box.slices]))
            rgb = np.roll(rgb, person, axis=2)
            jpegs.append(cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, 96])[1].ravel())
            points.append(square.points(wanted[3 * row]))
        clips.append(
            pack.Clip(
                name=f"c{person}", source="grid", person=f"p{person}",
                split="dev" if person == 2 else "train", licence="none",
                purpose="research" if person == 1 else "commercial",
                start=ROWS * person, rows=ROWS,
            )
        )  # fmt: skip
    notes = {"size": str(SIZE), "sittings": "s1"}
    pack.save_index(folder, pack.PackIndex(rate=25, clips=tuple(clips), notes=notes))
    pack.save_array(folder, "pictures", np.concatenate(jpegs))
    pack.save_array(folder, "ends", np.cumsum([len(j) for j in jpegs]))
    pack.save_array(folder, "points", np.stack(points))
    return folder


def configured(recipe, **changes):
    values = yaml.safe_load((RECIPE / "debug.yaml").read_text("utf-8")) | changes
    return recipe["settings"].Settings.model_validate(values)


def lines(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def sums(folder):
    return [
        sum(v for k, v in line.items() if k != "step")
        for line in lines(folder)
        if "pictures" in line
    ]


def test_debug_run_has_the_golden_losses_and_writes_weights(recipe, made_pack, tmp_path):
    path = recipe["train"].train(configured(recipe), made_pack, tmp_path)
    assert sums(tmp_path) == pytest.approx(GOLDEN, rel=1e-3)
    assert {"adversarial", "matching", "judge"} <= lines(tmp_path)[2].keys()
    assert "adversarial" not in lines(tmp_path)[0]  # the warm-up
    found = weights_file.read(path)
    assert isinstance(found.network, ReenactNetwork)
    assert found.metadata["people"] == 1  # p1 is for research alone
    assert found.metadata["steps"] in (3, 6)  # the better validation
    judge = weights_file.read(path.with_name("reenact-debug-discriminator.safetensors"))
    assert isinstance(judge.network, PatchDiscriminator)
    assert cv2.imread(str(tmp_path / "preview-000006.jpg")).shape[1] == 4 * SIZE
    scores = [line for line in lines(tmp_path) if "score" in line][-1]
    assert 0 < scores["mesh_l1"] < scores["repeated_l1"]


def test_an_interrupted_run_goes_on_to_the_same_end(recipe, made_pack, tmp_path):
    train = recipe["train"].train
    whole = train(configured(recipe), made_pack, tmp_path / "whole")
    original = recipe["trainer"].Trainer.step

    def stop(self, batch, number, generator):
        if number == 5:
            raise KeyboardInterrupt
        return original(self, batch, number, generator)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe["trainer"].Trainer, "step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(configured(recipe), made_pack, tmp_path / "cut")
    resumed = train(configured(recipe), made_pack, tmp_path / "cut")
    assert sums(tmp_path / "cut") == sums(tmp_path / "whole")
    a, b = (weights_file.read(path).network.state_dict() for path in (resumed, whole))
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    "changes", [{"adversarial": 0, "matching": 0}, {"identities": False, "bent": 0}]
)
def test_variants_run_and_leave_out_what_they_say(recipe, made_pack, tmp_path, changes):
    recipe["train"].train(configured(recipe, steps=3, **changes), made_pack, tmp_path)
    last = [line for line in lines(tmp_path) if "pictures" in line][-1]
    assert ("judge" in last) == ("adversarial" not in changes)


def test_pairs_are_of_the_allowed_people(recipe, made_pack):
    windows = recipe["windows"].Windows
    assert set(windows(made_pack, configured(recipe)).people) == {"p0"}
    both = windows(made_pack, configured(recipe, purpose="research"))
    assert set(both.people) == {"p0", "p1"}
    assert [(pair.source, pair.driver) for pair in both.held_out] == [(8, 9), (8, 10), (8, 11)]
    with pytest.raises(UsageError, match="nothing to train"):
        windows(made_pack, configured(recipe, hold_out=("p0",)))


def test_a_pair_of_equal_pictures_has_nothing_to_move(recipe, made_pack):
    windows = recipe["windows"].Windows(made_pack, configured(recipe))
    pair = windows.held_out[0]
    still = recipe["windows"].Pair(pair.source, pair.source, pair.clip)
    batch = windows.batch([still, pair])
    assert batch["flow"][0].abs().max() < 1e-3
    assert batch["flow"][1].abs().max() > 0.3
    assert torch.equal(batch["source"][0], batch["warped"][0])
    assert torch.allclose(batch["truth"][0], batch["source"][0])


def test_bends_move_landmarks_with_their_pixels(recipe):
    bending = recipe["bending"]
    generator = np.random.default_rng(4)
    bends = [
        bending.Bend.draw(generator, 128, turn=0.2, zoom=0.1, shift=0.05, bend=0.02)
        for _ in range(2)
    ]
    points = np.array([[40, 50, 7], [90, 64, -3], [64, 100, 0]], dtype=np.float32)
    for number, (x, y, _) in enumerate(points):
        dot = np.zeros((128, 128, 3), dtype=np.uint8)
        cv2.circle(dot, (int(x), int(y)), 4, (255, 255, 255), -1)
        moved, went = bending.bent(dot, points, *bends)
        rows, columns = np.nonzero(moved[..., 0] > 100)
        found = np.array([columns.mean(), rows.mean()])
        assert np.abs(found - went[number, :2]).max() < 0.5
        assert np.abs(found - [x, y]).max() > 2


def test_a_source_in_another_pose_still_has_to_give_the_truth(recipe, made_pack):
    """Equivariance: the truth is bent with the shape alone, the source with the pose as well."""
    settings = configured(recipe, identities=False, bent=1.0)
    windows = recipe["windows"].Windows(made_pack, settings)
    plain = windows.batch(windows.held_out[:1])
    bent = windows.batch(windows.held_out[:1], np.random.default_rng(0))
    assert torch.equal(plain["truth"], bent["truth"])
    assert torch.equal(plain["drawn"], bent["drawn"])
    assert not torch.equal(plain["source"], bent["source"])
    assert bent["alone"].all()
    face = bent["drawn"][:, :1]
    before = ((bent["source"] - bent["truth"]).abs() * face).sum()
    after = ((bent["warped"] - bent["truth"]).abs() * face).sum()
    assert after < 0.7 * before


def test_a_disguise_changes_all_pictures_alike(recipe, made_pack):
    windows = recipe["windows"].Windows(made_pack, configured(recipe))
    pair = windows.held_out[0]
    still = recipe["windows"].Pair(pair.source, pair.source, pair.clip)
    batch = windows.batch([still] * 6)
    seen = recipe["trainer"].disguise(batch, torch.Generator().manual_seed(1))
    assert torch.allclose(seen["source"], seen["truth"], atol=1e-5)
    assert (seen["truth"][0] - seen["truth"][1]).abs().mean() > 0.02
    mirrored = [torch.equal(d, batch["drawn"][0].flip(-1)) for d in seen["drawn"]]
    assert any(mirrored)
    assert not all(mirrored)
    moving = windows.batch([pair] * 6)
    turned = recipe["trainer"].disguise(moving, torch.Generator().manual_seed(1))
    which = mirrored.index(True)
    assert torch.equal(turned["flow"][which, 0], -moving["flow"][which, 0].flip(-1))
    assert torch.equal(turned["flow"][which, 1], moving["flow"][which, 1].flip(-1))


def test_attention_looks_at_mouth_and_eyes_and_not_behind_a_bent_source(made_pack, recipe):
    windows = recipe["windows"].Windows(made_pack, configured(recipe))
    batch = windows.batch(windows.held_out[:2])
    alone = torch.tensor([0.0, 1.0])
    weight = attention(batch["drawn"], batch["mask"], alone)
    assert weight.mean(dim=(1, 2, 3)) == pytest.approx([1.0, 1.0], abs=1e-3)
    lips = batch["drawn"][:, 1:2] > 0.9
    assert weight[lips].mean() > 3 * weight[~lips].mean()
    assert weight[0, 0, 30, 4] > 0
    assert weight[1, 0, 30, 4] == 0
    [corner, _] = places_of(batch["drawn"][:, 1], 32)
    mouths = cut(batch["drawn"], [corner, corner], 32)
    assert mouths[0, 1].sum() == batch["drawn"][0, 1].sum()


def test_pictures_are_chosen_unlike_each_other(recipe):
    points = made.wanted()
    film = np.concatenate([np.repeat(points[:1], 20, axis=0), points[1:]])
    chosen = recipe["prepare"].unlike(film, 6)
    assert chosen[0] == 0
    assert len(set(chosen.tolist())) == 6
    assert (chosen[1:] >= 20).all()


@pytest.mark.data
def test_preparing_real_clips(recipe, data_dir, tmp_path, monkeypatch):
    arguments = ["prepare.py", "--data", str(data_dir), "--out", str(tmp_path / "pack")]
    arguments += ["--cache", str(tmp_path / "cache"), "--limit", "1", "--pictures", "3"]
    arguments += ["--clips", "2"]
    monkeypatch.setattr(sys, "argv", arguments)
    recipe["prepare"].main()
    found = pack.Pack.open(tmp_path / "pack", ["pictures", "ends", "points"])
    [clip] = found.index.clips
    ends, points = found.arrays["ends"], found.arrays["points"]
    assert clip.rows == len(ends) == len(points) >= 2
    picture = cv2.imdecode(found.arrays["pictures"][: ends[0]], cv2.IMREAD_COLOR)
    assert picture.shape == (192, 192, 3)
    assert (points[..., :2] > 0).all()
    assert (points[..., :2] < 192).all()


def test_configs_are_valid_and_the_purposes_right(recipe):
    for path in sorted(RECIPE.glob("*.yaml")):
        values = yaml.safe_load(path.read_text("utf-8"))
        settings = recipe["settings"].Settings.model_validate(values)
        assert ("research" in settings.name) == (settings.purpose == "research")
