"""The evaluation of reenactment: baselines, tables, what is scored, and two real frames."""

import csv
import math
import os
from pathlib import Path

import numpy as np
import pytest
from recipe_helpers import RECIPES, recipe_modules

from avsynth.face.landmarks import open_detector
from avsynth.face.portrait import Portrait
from avsynth.media import Box
from avsynth.weights.motion import load_motion

FOLDER = RECIPES / "reenact"
NAMES = ("cases", "baselines", "dlib_points", "tables", "judging", "evaluate", "cross", "sheet")


@pytest.fixture(scope="module")
def recipe():
    pytest.importorskip("dlib")
    with recipe_modules("reenact", NAMES) as modules:
        yield modules


@pytest.fixture(scope="module")
def case(recipe, tmp_path_factory):
    folder = os.environ.get("AVSYNTH_DATA")
    if not folder:
        pytest.skip("AVSYNTH_DATA does not point to the real media")
    cache = tmp_path_factory.mktemp("points")
    [found] = recipe["cases"].load(Path(folder), cache, names=["s26_lwwx5p"], most=3)
    [again] = recipe["cases"].load(Path(folder), cache, names=["s26_lwwx5p"], most=3)
    assert np.array_equal(found.points, again.points)  # those that were kept
    return found


def portrait():
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (60, 80, 3), dtype=np.uint8)
    points = rng.uniform(10, 50, (478, 3)).astype(np.float32)
    return Portrait(rgb, Box(5, 5, 85, 65), points)


def test_a_similarity_is_found_exactly(recipe):
    source = portrait().points
    angle, scale, shift = 0.3, 1.2, np.array([4.0, -2.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = source.copy()
    moved[:, :2] = source[:, :2] @ turn.T + shift
    found = recipe["baselines"].similarity(source, moved)
    assert found == pytest.approx(np.column_stack([turn, shift]), abs=1e-4)


@pytest.mark.parametrize("system", ["repeated", "similarity"])
def test_baselines_leave_a_still_face_still(recipe, system):
    given = portrait()
    [made] = recipe["baselines"].film(system, given, given.points[None])
    assert np.abs(made.astype(int) - given.rgb).max() <= 1


def test_a_shifted_face_shifts_the_region(recipe):
    given = portrait()
    wanted = given.points + np.array([3.0, 0.0, 0.0], np.float32)
    [made] = recipe["baselines"].film("similarity", given, wanted[None])
    assert np.array_equal(made[20:40, 23:60], given.rgb[20:40, 20:57])


def test_means_are_over_people_and_rows_of_other_systems_stay(recipe, tmp_path):
    tables = recipe["tables"]
    about = ("group", "person", "clip", "system")
    rows = [
        dict(zip(about, ("g", person, clip, "mesh"), strict=True)) | {"l1": value}
        for person, clip, value in (("a", "1", 0.0), ("a", "2", 2.0), ("b", "3", 4.0))
    ]
    assert tables.mean(rows, "l1", "person") == pytest.approx((1 + 4) / 2)
    assert tables.interval(rows, "l1", "person") is None  # of two people
    path = tmp_path / "rows.csv"
    tables.write(path, rows, about)
    other = [rows[0] | {"system": "net", "l1": math.nan}, rows[2] | {"l1": 5.0}]
    merged = tables.write(path, other, about)
    assert len(merged) == 4
    assert tables.mean(tables.read(path, about)[:3], "l1", "person") == pytest.approx(3.0)
    text = tables.markdown(merged, ("group", "system"), ("l1",), "person")
    assert text.splitlines()[2:] == ["| g | mesh | 2 | 3 |", "| g | net | 1 |  |"]


def test_intervals_hold_the_mean_and_shrink_to_it(recipe):
    rows = [{"person": str(n), "x": float(n)} for n in range(8)]
    low, high = recipe["tables"].interval(rows, "x", "person")
    assert 0.0 < low < 3.5 < high < 7.0
    same = [row | {"x": 2.0} for row in rows]
    assert recipe["tables"].interval(same, "x", "person") == (2.0, 2.0)


def test_what_the_driver_does_not_move_does_not_count(recipe):
    moved = {"yaw": 20.0, "pitch": 4.9, "roll": 1.0, "mouth": 0.2, "eyes": 0.0}
    scores = {"yaw_r": 0.9, "pitch_r": 0.1, "pitch_gain": 0.3, "mouth_r": 0.8, "dlib_l2": 0.2}
    kept = recipe["cross"].counted(scores, moved)
    assert [name for name, value in kept.items() if math.isnan(value)] == ["pitch_r", "pitch_gain"]


def test_goals_are_told_against_the_best_baseline(recipe):
    figures = {
        "repeated": (0.05, 1.0, 6.0), "similarity": (0.06, 0.9, 1.0),
        "mesh": (0.04, 1.1, 0.5), "net": (0.03, 0.8, 0.6),
    }  # fmt: skip
    rows = [
        {"group": "g", "person": "a", "clip": "c", "system": name, "l1": l1, "lite0": p, "akd": k}
        for name, (l1, p, k) in figures.items()
    ]
    [line] = recipe["evaluate"].goals(rows)
    assert "L1 0.0300 (best baseline 0.0400), Lite0 0.8000 (0.9000)" in line
    assert "AKD 0.10 of the repeated frame's, 1.20 of the mesh warp's" in line


def listed():
    with (FOLDER / "evaluated.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_pairs_are_of_different_people_that_are_listed(recipe):
    person = {row["file"].split("/")[1].removesuffix(".mp4"): row["person"] for row in listed()}
    pairs = recipe["cross"].listed()
    assert len(set(pairs)) == len(pairs)
    assert all(person[source] != person[driver] for source, driver in pairs)


@pytest.mark.data
def test_nobody_who_is_scored_was_trained_on(data_dir):
    with (data_dir / "grid.csv").open(newline="", encoding="utf-8") as file:
        splits = {row["file"]: row["split"] for row in csv.DictReader(file)}
    for row in listed():
        assert row["group"] == "clips" or row["group"] == f"grid_{splits[row['file']]}"
        assert (data_dir / row["file"]).is_file()


@pytest.mark.data
def test_two_frames_of_a_real_clip(recipe, case):
    assert len(case.real) == len(case.points) == 3
    with open_detector("mediapipe") as detector:
        space = load_motion("motion-small", engine="torch")[1].space
        judge = recipe["judging"].Judge(detector, space)
        real = judge.look(case.real[1:])
        rows = {
            name: recipe["evaluate"].score(judge, case, real, name)
            for name in ("repeated", "similarity", "mesh")
        }
        own = judge.self_scores(real, real)
        crossed = recipe["cross"].score(judge, case, case, ["repeated"])
    assert own["akd"] == own["pose"] == own["expression"] == own["missing"] == 0.0
    assert rows["mesh"]["akd_dlib68"] < 0.8 * rows["repeated"]["akd_dlib68"] < 8.0
    assert own["csim"] == pytest.approx(1.0)
    assert rows["mesh"]["akd"] < 0.6 * rows["repeated"]["akd"]
    assert rows["mesh"]["l1"] < rows["repeated"]["l1"]
    assert rows["similarity"]["expression"] == pytest.approx(
        rows["repeated"]["expression"], abs=0.004
    )
    assert 25 < rows["mesh"]["psnr"] < 50 and 0.8 < rows["mesh"]["ssim"] < 1
    assert rows["mesh"]["dlib_l2"] < 0.4 and rows["mesh"]["missing"] == 0.0
    assert [row["system"] for row in crossed] == ["asked", "repeated"]
    assert crossed[1]["dlib_l2"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.data
def test_a_sheet_shows_source_driver_and_systems(recipe, case):
    block = recipe["sheet"].block(case, case, ["repeated"], 2, 64)
    assert block.shape == (16 + 2 * 64, 3 * 64 + 6, 3)
    assert np.array_equal(block[16:, :64], block[16:, 128:192])  # the source, repeated
