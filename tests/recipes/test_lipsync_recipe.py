"""The lip-sync recipe on made films: golden losses, resuming, variants, windows, metrics."""

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
from avsynth.models.discriminators import PatchDiscriminator
from avsynth.models.lipsync import LipsyncNetwork
from avsynth.training import pack
from avsynth.weights import file as weights_file

RECIPE = Path(__file__).parents[2] / "recipes" / "lipsync"
OURS = ("train", "trainer", "settings", "windows", "identities", "footage", "prepare")

#: Sum of the losses of the six steps of debug.yaml; a change of the arithmetic changes them.
GOLDEN = [1.55674, 1.46728, 1.59354, 1.47376, 1.55724, 1.54304]


@pytest.fixture(scope="module")
def recipe():
    """The recipe's modules, whose names other recipes use too."""
    threads = torch.get_num_threads()
    hidden = {name: sys.modules.pop(name) for name in OURS if name in sys.modules}
    path = list(sys.path)
    sys.path.insert(0, str(RECIPE))
    yield lambda name: importlib.import_module(name)
    sys.path[:] = path
    for name in OURS:
        sys.modules.pop(name, None)
    sys.modules.update(hidden)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made_pack(tmp_path_factory):
    """Three people of smooth colours whose mouths are moved a pixel away in the reconstructions."""
    folder = tmp_path_factory.mktemp("pack")
    rng = np.random.default_rng(0)
    clips, jpegs = [], []
    for person in range(3):
        for _ in range(4):
            jpegs.append(
                cv2.imencode(".jpg", mosaic(rng), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].ravel()
            )
        clips.append(
            pack.Clip(
                name=f"c{person}", source="grid", person=f"p{person}",
                split="dev" if person == 2 else "train", licence="none",
                purpose="research" if person == 1 else "commercial", start=4 * person, rows=4,
            )
        )  # fmt: skip
    pack.save_index(folder, pack.PackIndex(rate=25, clips=tuple(clips)))
    pack.save_array(folder, "pictures", np.concatenate(jpegs))
    pack.save_array(folder, "ends", np.cumsum([len(j) for j in jpegs]))
    pack.save_array(folder, "mel", rng.normal(0, 1, (12, 80, 60)).astype(np.float16))
    return folder


def mosaic(rng, side=32):
    rows = []
    for _ in range(5):
        face = cv2.resize(rng.uniform(40, 215, (4, 4, 3)).astype(np.float32), (side, side))
        face[14:18, 10:22] = (40, 40, 200)
        moved = np.roll(face, 1, axis=0)
        maps = np.zeros((side, side, 3), np.float32)
        maps[6:26, 4:28, 2] = 255
        maps[13:19, 9:23, 1] = 255
        rows.append(np.concatenate([face, moved, np.roll(face, 2, axis=0), maps], axis=1))
    return np.concatenate(rows).astype(np.uint8)


def configured(recipe, **changes):
    values = yaml.safe_load((RECIPE / "debug.yaml").read_text()) | changes
    return recipe("settings").Settings.model_validate(values)


def lines(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def sums(folder):
    return [
        sum(v for k, v in line.items() if k != "step") for line in lines(folder) if "judges" in line
    ]


def test_debug_run_has_the_golden_losses_and_writes_weights(recipe, made_pack, tmp_path):
    path = recipe("train").train(configured(recipe), made_pack, tmp_path)
    assert sums(tmp_path) == pytest.approx(GOLDEN, rel=1e-3)
    assert {"adversarial", "temporal", "matching"} <= lines(tmp_path)[2].keys()
    assert "adversarial" not in lines(tmp_path)[0]  # the warm-up
    made = weights_file.read(path)
    assert isinstance(made.network, LipsyncNetwork)
    assert made.metadata["people"] == 1 and made.metadata["steps"] == 6  # p1 is for research alone
    for suffix in ("discriminator", "temporal"):
        judge = weights_file.read(path.with_name(f"lipsync-debug-{suffix}.safetensors"))
        assert isinstance(judge.network, PatchDiscriminator)
    assert cv2.imread(str(tmp_path / "preview-000006.jpg")).shape[1] == 3 * 32


def test_an_interrupted_run_goes_on_to_the_same_end(recipe, made_pack, tmp_path):
    train = recipe("train").train
    whole = train(configured(recipe), made_pack, tmp_path / "whole")
    train(configured(recipe, patience=1, steps=6), made_pack, tmp_path / "other")
    checkpoint = tmp_path / "cut"
    original = recipe("trainer").Trainer.step

    def stop(self, batch, number, generator):
        if number == 5:
            raise KeyboardInterrupt
        return original(self, batch, number, generator)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe("trainer").Trainer, "step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(configured(recipe), made_pack, checkpoint)
    resumed = train(configured(recipe), made_pack, checkpoint)
    assert sums(checkpoint) == sums(tmp_path / "whole")
    a, b = (weights_file.read(path).network.state_dict() for path in (resumed, whole))
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    "changes",
    [
        {"adversarial": 0, "temporal": 0, "matching": 0},
        {"identities": False},
        {"network": {"size": 32, "widths": [4, 4, 8, 8], "latent": 2, "variant": "vae"}},
    ],
)
def test_variants_run_and_leave_out_what_they_say(recipe, made_pack, tmp_path, changes):
    recipe("train").train(configured(recipe, steps=3, **changes), made_pack, tmp_path)
    last = [line for line in lines(tmp_path) if "pictures" in line][-1]
    assert ("judges" in last) == ("adversarial" not in changes)
    assert ("divergence" in last) == ("network" in changes)


def test_training_undoes_a_shift(recipe, made_pack, tmp_path):
    settings = configured(
        recipe,
        steps=150,
        validate_every=150,
        identities=False,
        adversarial=0,
        temporal=0,
        matching=0,
    )
    recipe("train").train(settings, made_pack, tmp_path)
    scores = lines(tmp_path)[-1]
    assert scores["l1"] < 0.85 * scores["classical_l1"]


def test_windows_are_of_the_allowed_people(recipe, made_pack):
    windows = recipe("windows").Windows
    assert set(windows(made_pack, "commercial").people) == {"p0"}
    both = windows(made_pack, "research")
    assert set(both.people) == {"p0", "p1"} and both.held_out == [8, 9, 10, 11]
    batch = both.batch([0, 5], np.array([0, 1]))
    assert batch["truth"].shape == (2, 5, 3, 32, 32) and batch["mel"].shape == (2, 80, 60)
    moved = torch.roll(batch["truth"][0], 1, dims=2)
    assert (batch["picture"][0] - moved).abs().mean() < 0.03
    assert (batch["maps"][:, :, 0].mean() > 0.3) and batch["maps"][:, :, 2].mean() < 0.05
    with pytest.raises(UsageError, match="nothing to train"):
        windows(made_pack, "commercial", ("p0",))


def test_a_disguise_is_one_person_for_the_whole_window(recipe):
    film = torch.rand(1, 1, 3, 32, 32).repeat(2, 5, 1, 1, 1)
    batch = {"truth": film, "picture": film.clone(), "maps": film.clone()}
    seen = recipe("identities").disguise(batch, torch.Generator().manual_seed(1))
    assert torch.allclose(seen["truth"], seen["picture"])
    assert torch.allclose(seen["truth"][:, :1].expand_as(film), seen["truth"], atol=1e-5)
    assert (seen["truth"][0] - seen["truth"][1]).abs().mean() > 0.02
    assert not torch.allclose(seen["maps"], seen["truth"])  # colours are not those of maps


def test_mouths_are_cut_where_the_lips_are(recipe):
    maps = torch.zeros(2, 5, 3, 32, 32)
    maps[0, :, 1, 4:8, 20:30] = 1.0
    maps[1, :, 1, 20:24, 10:16] = 1.0
    seen = recipe("trainer").mouths(maps, 16)(maps)
    assert seen.shape == (2, 5, 3, 16, 16)
    assert seen[:, :, 1].sum() == maps[:, :, 1].sum()


@pytest.mark.data
def test_preparing_real_clips(recipe, data_dir, tmp_path, monkeypatch):
    arguments = ["prepare.py", "--data", str(data_dir), "--out", str(tmp_path / "pack")]
    arguments += ["--cache", str(tmp_path / "cache"), "--limit", "1", "--windows", "2"]
    monkeypatch.setattr(sys, "argv", arguments)
    recipe("prepare").main()
    windows = pack.Pack.open(tmp_path / "pack", ["pictures", "ends", "mel", "first"])
    [clip] = windows.index.clips
    ends = windows.arrays["ends"]
    picture = cv2.imdecode(windows.arrays["pictures"][: ends[0]], cv2.IMREAD_COLOR)
    assert picture.shape == (5 * 128, 4 * 128, 3) and clip.rows == len(ends)
    truth, near, other, maps = np.split(picture.astype(np.float32), 4, axis=1)
    assert 0.5 < np.abs(near - truth).mean() <= np.abs(other - truth).mean() + 0.5 < 12
    assert (maps[..., 2] > 250).mean() > 0.1 and (maps[..., 1] > 250).mean() > 0.02


def test_configs_are_valid_and_the_purposes_right(recipe):
    for path in sorted(RECIPE.rglob("*.yaml")):
        made = recipe("settings").Settings.model_validate(yaml.safe_load(path.read_text()))
        assert ("research" in made.name) == (made.purpose == "research")
