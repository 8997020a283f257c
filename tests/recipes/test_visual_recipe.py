"""The recipes of fake faces and of the visual detector, end to end on the demo person."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml
from recipe_helpers import RECIPES, recipe_modules

from avsynth import weights
from avsynth.pipelines.demonstrate import demo_media
from avsynth.training.face_corpus import FaceCorpus, open_faces
from detectors.visual import VisualDetector

Modules = dict[str, ModuleType]
SPLITS = {"one": "train", "two": "dev", "three": "test"}


@pytest.fixture(scope="module")
def fakes() -> Iterator[Modules]:
    names = ["prepare", "inpainter", "repainted", "shots"]
    with recipe_modules("fake_faces", names) as modules:
        yield modules


@pytest.fixture(scope="module")
def detector_recipe() -> Iterator[Modules]:
    with recipe_modules("visual_detector", ["settings", "pairs", "train", "evaluate"]) as modules:
        yield modules


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list in which the demo person stands under three names, one for each split."""
    folder = tmp_path_factory.mktemp("media")
    with (folder / "grid.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "person", "split", "licence"])
        for name, split in SPLITS.items():
            (folder / f"{name}.mp4").symlink_to(demo_media()[0])
            writer.writerow([f"{name}.mp4", name, split, "none"])
    return folder


@pytest.fixture(scope="module")
def corpus(fakes: Modules, media: Path, tmp_path_factory: pytest.TempPathFactory) -> FaceCorpus:
    """All families but ``inpaint``. Landmarks are found once, by the recipe itself."""
    prepare(fakes, media, tmp_path_factory.mktemp("first"), "--limit", "1", "--families", "blend")
    [found] = (media / "cache" / "grid").glob("*.npz")
    for name in SPLITS:
        if name != found.stem:
            (found.parent / f"{name}.npz").symlink_to(found)
    return prepare(fakes, media, tmp_path_factory.mktemp("corpus"))


def prepare(fakes: Modules, media: Path, out: Path, *more: str) -> FaceCorpus:
    given = ["prepare", "--data", str(media), "--cache", str(media / "cache"), "--out", str(out)]
    before, sys.argv = sys.argv, [*given, "--films", "2", "--films-judged", "2", *more]
    try:
        fakes["prepare"].main()
    finally:
        sys.argv = before
    return open_faces(out)


def test_every_fake_stands_beside_its_original(corpus: FaceCorpus) -> None:
    names = {item.name: item for item in corpus.items}
    made = [item for item in corpus.items if item.label == "fake"]
    assert {item.family for item in made} == {"lipsync", "warp", "blend", "swap"}
    assert {item.split for item in made} == set(SPLITS.values())
    for item in made:
        original = names[item.original]
        assert original.label == "real" and original.codec == item.codec
        assert (original.person, original.split) == (item.person, item.split)
        masks = corpus.masks(item)
        assert masks.max() > 0.1 and corpus.masks(original).max() == 0
        # What lies far from the mask differs by no more than an encoder's work.
        far = np.kron(masks == 0, np.ones((8, 8), bool))
        apart = np.abs(corpus.film(item).astype(int) - corpus.film(original))
        assert apart[far].mean() < 4.0


def test_films_are_made_once_and_equal_runs_make_equal_films(
    fakes: Modules, media: Path, corpus: FaceCorpus, tmp_path: Path
) -> None:
    first = prepare(fakes, media, tmp_path, "--families", "blend")
    assert {item.family for item in first.items} == {"real", "blend"}
    again = prepare(fakes, media, tmp_path, "--append", "--families", "blend", "warp")
    assert again.items[: len(first.items)] == first.items
    known = {item.name: item for item in corpus.items}
    for item in again.items:
        assert (again.film(item) == corpus.film(known[item.name])).all()


def test_the_lower_face_is_repainted(
    fakes: Modules, media: Path, corpus: FaceCorpus, tmp_path: Path
) -> None:
    network = fakes["inpainter"].Inpainter()
    x, truth = fakes["inpainter"].Boxes(corpus).batch(2, 64, np.random.default_rng(0))
    made = network(x)
    assert made.shape == truth.shape == (2, 3, 64, 64)
    blank = x[:, 8] > 0
    assert 0.2 < float(blank.float().mean()) < 0.8 and float(x[:, :3].amax(1)[blank].max()) == 0
    fakes["inpainter"].keep(network, tmp_path / "stage.safetensors", x, made, truth)
    more = ("--families", "inpaint", "--inpaint", str(tmp_path / "stage.safetensors"))
    painted = prepare(fakes, media, tmp_path / "corpus", *more)
    assert {i.system.split(":")[0] for i in painted.items if i.label == "fake"} == {"stage"}


def settings(detector_recipe: Modules, **more: object) -> object:
    values = yaml.safe_load((RECIPES / "visual_detector" / "debug.yaml").read_text())
    return detector_recipe["settings"].Settings.model_validate(values | more)


def losses(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_a_pair_shares_all_but_the_making(detector_recipe: Modules, corpus: FaceCorpus) -> None:
    pairs = detector_recipe["pairs"].Pairs(corpus, "commercial", ("lipsync",))
    assert list(pairs.people) == ["one"] and "lipsync" not in pairs.families
    batch = pairs.batch(6, 160, 0.5, 0.5, [0, 1])
    assert batch.views.shape == (12, 160, 160, 3) and batch.masks.shape == (12, 10, 10)
    assert batch.masks[:6].max() == 0 and batch.families[:6] == ["real"] * 6
    apart = np.abs(batch.views[:6].astype(int) - batch.views[6:]).mean(axis=(1, 2, 3))
    assert apart.max() < 40 and apart.min() > 0
    assert (pairs.batch(6, 160, 0.5, 0.5, [0, 1]).views == batch.views).all()


def test_training_goes_on_where_it_was_interrupted(
    detector_recipe: Modules, corpus: FaceCorpus, tmp_path: Path
) -> None:
    train = detector_recipe["train"].train
    whole = train(settings(detector_recipe, steps=4), corpus.folder, tmp_path / "a")
    train(settings(detector_recipe, steps=4, validate_every=2), corpus.folder, tmp_path / "b")
    assert losses(tmp_path / "a") == losses(tmp_path / "b") and len(losses(tmp_path / "a")) == 4
    loaded = weights.load(whole, engine="torch")
    assert loaded.purpose == "commercial" and loaded.metadata["people"] == 1
    assert set(loaded.metadata["families"]) == {"blend", "lipsync", "swap", "warp"}


def test_scores_are_of_videos(detector_recipe: Modules, corpus: FaceCorpus, tmp_path: Path) -> None:
    path = detector_recipe["train"].train(settings(detector_recipe), corpus.folder, tmp_path)
    detector = VisualDetector(weights.load(path, engine="torch"))
    evaluate = detector_recipe["evaluate"]
    groups = evaluate.choose(corpus, "commercial", 5)
    videos = evaluate.judge(detector, corpus, groups["dev"], 35)
    takes = {(v.name.split("/")[0], v.item.family) for v in videos}
    assert len(takes) == len(videos) and all(np.isfinite(v.score) for v in videos)
    rows = evaluate.table(videos)
    assert rows["all"]["fakes"] == sum(v.item.label == "fake" for v in videos)
    assert all(0 <= row["auc"] <= 1 for row in rows.values())
