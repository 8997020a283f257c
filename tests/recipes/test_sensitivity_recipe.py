"""Sensitivity: the design, the disturbances, a debug screening, and what a command costs."""

import csv
from pathlib import Path

import numpy as np
import pytest
from recipe_helpers import recipe_modules

from avsynth.errors import AvsynthError

pytest.importorskip("SALib")
pytest.importorskip("resemblyzer")

MODULES = ("factors", "disturb", "settings", "tables", "screen", "energy", "cost")
RECIPE = Path(__file__).parents[2] / "recipes" / "sensitivity"


@pytest.fixture(scope="module")
def recipe():
    with recipe_modules("sensitivity", MODULES) as modules:
        yield modules


@pytest.fixture
def film():
    rng = np.random.default_rng(0)
    return rng.integers(40, 200, (3, 48, 64, 3), dtype=np.uint8)


def test_paths_turn_one_factor_at_a_time_by_three_steps(recipe):
    design = recipe["screen"].paths(5, 4, seed=1)
    assert design.shape == (4, 6, 5)
    assert design.min() >= 0 and design.max() == recipe["factors"].STEPS - 1
    moves = np.abs(np.diff(design, axis=1))
    assert (np.sort(moves, axis=2) == [0, 0, 0, 0, 3]).all()
    assert (moves.sum(axis=1) == 3).all()  # each factor once a path


def test_effects_of_a_known_function(recipe):
    screen = recipe["screen"]
    factors, measures = (getattr(screen.VERBS["convert"], n) for n in ("factors", "measures"))
    design = screen.paths(len(factors), 6, seed=0)
    share = design.reshape(-1, len(factors)) / 5
    figures = [{"target": -0.8 * x[0], "source": x[1] * x[2], "melody": 0.0} for x in share]
    rows = {(r["measure"], r["factor"]): r for r in screen.effects("convert", design, figures, 0)}
    assert len(rows) == len(factors) * len(measures)
    first = rows["target", factors[0]]
    assert first["mu_star"] == pytest.approx(0.8) and first["mu"] == pytest.approx(-0.8)
    assert first["sigma"] == pytest.approx(0.0, abs=1e-9)
    assert rows["target", factors[1]]["mu_star"] == 0.0
    assert rows["source", factors[1]]["sigma"] > 0.05  # acts together with another


def test_pictures_are_disturbed_as_said(recipe, film):
    disturb = recipe["disturb"].disturb_film
    assert (disturb(film, {}) == film).all()
    assert (disturb(film, dict.fromkeys(recipe["factors"].PICTURES, 0)) == film).all()
    darker = disturb(film, {"exposure": 2})  # a stop: half the light
    expected = 255 * (0.5 * (film / 255.0) ** 2.2) ** (1 / 2.2)
    assert np.abs(darker - expected).max() <= 0.51
    assert disturb(film, {"resolution": 5}).shape == (3, 20, 26, 3)
    assert disturb(film, {"off-centre": 5}).shape == (3, 48, 44, 3)
    rolled = disturb(film, {"roll": 5})
    assert rolled.shape == film.shape and (rolled != film).any()


def test_sounds_are_disturbed_as_said(recipe):
    time = np.arange(24_000) / 24_000
    tone = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    same, rate = recipe["disturb"].disturb_sound(tone, 24_000, {"loudness": 0, "sample rate": 0})
    assert rate == 24_000 and (same == tone).all()
    softer, rate = recipe["disturb"].disturb_sound(tone, 24_000, {"loudness": 4, "sample rate": 4})
    assert rate == 8_000 and abs(len(softer) - 8_000) <= 1
    level = 20 * np.log10(softer[500:-500].std() / tone.std())
    assert level == pytest.approx(-20.0, abs=0.1)


def test_a_screening_of_the_demo_person(recipe, tmp_path):
    settings = recipe["settings"].Settings.load(RECIPE / "debug.yaml")
    rows = recipe["screen"].screen_all(settings, tmp_path, None)
    assert {row["measure"] for row in rows} == {"target", "source", "melody"}
    moved = {r["factor"]: r["mu_star"] for r in rows if r["measure"] == "target"}
    assert moved["formant"] > 0.01  # another vocal tract is another voice
    assert (tmp_path / "convert.png").stat().st_size < 60_000
    with (tmp_path / "convert.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    table = recipe["tables"].markdown(read)
    assert len(table.splitlines()) == 2 + len(moved)
    with (tmp_path / "convert-runs.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == settings.trajectories * (len(moved) + 1)


def test_a_command_is_timed(recipe):
    row = recipe["cost"].timed("help", ["--help"], seconds=30)
    assert row["seconds_a_minute"] > 0 and row["processor_seconds_a_minute"] > 0
    with pytest.raises(AvsynthError, match="nonsense failed"):
        recipe["cost"].timed("nonsense", ["nonsense"], seconds=30)


def test_energy_is_read_where_it_can_be(recipe, tmp_path):
    assert recipe["energy"].Meter(tmp_path).joules is None
    for name, joules in (("intel-rapl:0", 5), ("intel-rapl:1", 9), ("intel-rapl:0:0", 1)):
        zone = tmp_path / name
        zone.mkdir()
        (zone / "energy_uj").write_text(f"{joules}000000\n")
        (zone / "max_energy_range_uj").write_text("10000000\n")
    meter = recipe["energy"].Meter(tmp_path)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("7500000\n")
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("1000000\n")  # it has wrapped
    assert meter.joules == pytest.approx(2.5 + 2.0)
