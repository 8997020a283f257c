"""The comparison on made portraits: equal budgets, all runs, measures, tables."""

import argparse
import csv
import json

import cv2
import numpy as np
import pytest
from portraits_helpers import made_pack
from recipe_helpers import RECIPES, recipe_modules

from avsynth.metrics.cost import parameter_count
from avsynth.models.discriminators import PatchDiscriminator
from avsynth.models.face_vae import FaceVae

FOLDER = RECIPES / "gan_vs_vae"


@pytest.fixture(scope="module")
def recipe():
    with recipe_modules("gan_vs_vae", ("plan", "train", "measure", "evaluate", "tables")) as own:
        yield own


@pytest.fixture(scope="module")
def places(recipe, tmp_path_factory):
    """A pack, and the finished runs of the debug plan."""
    with recipe_modules("faces", ("crops", "shapes", "morphs", "prepare")) as modules:
        folder = made_pack(modules, tmp_path_factory.mktemp("faces"))
    runs = tmp_path_factory.mktemp("runs")
    recipe["train"].compare(recipe["plan"].Plan.read(FOLDER / "debug.yaml"), folder, runs)
    return folder, runs


def test_generators_are_equal_and_all_budgets_within_a_hundredth(recipe):
    totals, generators = set(), set()
    for settings in recipe["plan"].Plan.read(FOLDER / "small.yaml").runs():
        if settings.network.latent == 64:
            network = FaceVae(settings.network)
            judge = [PatchDiscriminator(settings.judge)] if settings.judge else []
            totals.add(parameter_count([network, *judge]))
            generators.add(parameter_count([network.decoder]))
            assert (settings.steps, settings.batch) == (1000, 16)
    assert len(generators) == 1
    assert max(totals) < 1.01 * min(totals)


def test_runs_come_seed_by_seed_and_latents_last(recipe):
    names = [s.name for s in recipe["plan"].Plan.read(FOLDER / "debug.yaml").runs()]
    assert names == [
        "vae-0", "gan-0", "vae-gan-0", "vae-1", "gan-1", "vae-gan-1", "vae-0-of-2",
    ]  # fmt: skip


def test_finished_runs_are_left_alone(recipe, places):
    folder, runs = places
    plan = recipe["plan"].Plan.read(FOLDER / "debug.yaml")
    files = sorted(runs.glob("*/*.safetensors"))
    before = [path.stat().st_mtime_ns for path in files]
    recipe["train"].compare(plan, folder, runs)
    assert [path.stat().st_mtime_ns for path in files] == before
    told = [json.loads(line) for line in (runs / "energy.jsonl").read_text().splitlines()]
    assert [line["run"] for line in told] == [s.name for s in plan.runs()]


def test_a_spike_is_seen_and_a_slope_is_not(recipe, tmp_path):
    random = np.random.default_rng(0)
    losses = np.linspace(2, 1, 400) + random.uniform(-0.05, 0.05, 400)
    losses[[100, 300]] += 3
    lines = [{"step": i + 1, "l1": float(v)} for i, v in enumerate(losses)]
    lines.append({"step": 400, "cpu": 80.0})
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = recipe["measure"].stability(path)
    assert found["spikes of l1, per 1000 steps"] == pytest.approx(5.0)
    assert found["cpu seconds a step"] == pytest.approx(0.2)


def test_detail_falls_when_pictures_are_blurred(recipe):
    sharp = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    soft = np.stack([cv2.GaussianBlur(picture, (0, 0), 1.0) for picture in sharp])
    assert recipe["measure"].detail(soft) < 0.2 * recipe["measure"].detail(sharp)


def test_measures_and_tables_of_the_debug_plan(recipe, places, tmp_path, capsys, monkeypatch):
    pytest.importorskip("efficientnet_lite_pytorch")
    folder, runs = places
    monkeypatch.setattr(recipe["measure"], "_PAIRS", 1)
    monkeypatch.setattr(recipe["measure"], "_REBUILT", 2)
    plan = recipe["plan"].Plan.read(FOLDER / "debug.yaml").model_copy(update={"seeds": (0,)})
    options = argparse.Namespace(
        pack=folder,
        runs=runs,
        out=tmp_path,
        count=6,
        block=3,
        neighbours=2,
        again=False,
        wait=False,
    )
    recipe["evaluate"].evaluate(plan, options)
    recipe["tables"].tell(plan, options)
    with (tmp_path / "measured.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == [s.name for s in plan.runs()]
    by_kind = {row["run"]: row for row in rows}
    assert by_kind["gan-0"]["rebuilt dev psnr"] == by_kind["gan-0"]["samples fitted coverage"] == ""
    assert float(by_kind["vae-0"]["rebuilt dev psnr"]) > 0
    assert 0 <= float(by_kind["vae-gan-0"]["samples prior coverage"]) <= 1
    assert not any("frechet" in name for name in rows[0])  # six samples are not 2,000
    said = capsys.readouterr().out
    assert "| vae-gan, fitted |" in said and "| numbers kept |" in said
    assert cv2.imread(str(tmp_path / "people.jpg")).shape == (16 * 9, 16 * 8, 3)
    assert (tmp_path / "plots.png").stat().st_size > 1000
