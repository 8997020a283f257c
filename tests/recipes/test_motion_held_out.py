"""The scores on held-out people: perfect and wrong motion, closures, who counts as unseen."""

import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from avsynth.errors import UsageError
from avsynth.face import mesh
from avsynth.face.mouth_space import MouthSpace, PersonStyle
from avsynth.training import pack

RECIPE = Path(__file__).parents[2] / "recipes" / "motion"


@pytest.fixture(scope="module")
def held_out():
    sys.path.insert(0, str(RECIPE))
    import held_out as module

    yield module
    sys.path.remove(str(RECIPE))


@pytest.fixture(scope="module")
def space():
    rng = np.random.default_rng(0)
    return MouthSpace.fit([rng.normal(0, 0.1, (60, len(mesh.MOUTH_JAW), 3))], size=4)


@pytest.fixture
def person(held_out, space):
    """Somebody whose mouth opens to 0.3 and closes every ten rows."""
    rows = np.random.default_rng(1).normal(0, 0.2, (200, 4)) * space.deviation
    wave = 0.15 - 0.15 * np.cos(2 * np.pi * np.arange(200) / 10)
    opens = held_out.gap(space, np.eye(4)) - held_out.gap(space, np.zeros((1, 4)))
    rows[:, 0] += wave / opens[0]
    openings = held_out.gap(space, rows)
    openings = openings - openings.min()
    return held_out.Person("p", "GRID", [], rows, openings)


def test_the_real_motion_scores_perfectly(held_out, space, person):
    scores = held_out.score(space, person, person.coefficients)
    assert scores["opening"] == pytest.approx(1) and scores["first"] == pytest.approx(1)
    assert scores["lmd"] == pytest.approx(0, abs=1e-9)
    assert scores["extent"] == pytest.approx(1) and scores["speed"] == pytest.approx(1)
    assert scores["recall"] == 1 and scores["precision"] == 1


def test_half_the_motion_is_timid_and_does_not_close(held_out, space, person):
    style = PersonStyle.from_coefficients(person.coefficients, person.openings, space.deviation)
    units = style.to_units(person.coefficients)
    timid, real = held_out.evaluate(space, person, units, "whole", (0.5, 1.0)).values()
    assert timid["extent"] == pytest.approx(0.5, abs=0.02)
    assert timid["speed"] == pytest.approx(0.5, abs=0.01)
    assert timid["opening"] == pytest.approx(real["opening"], abs=0.01)
    assert timid["recall"] == 0 and timid["lmd"] > 0.001


def test_an_accent_is_learnt_from_the_rest_of_the_clip(held_out, space, person):
    style = PersonStyle.from_coefficients(person.coefficients, person.openings, space.deviation)
    units = style.to_units(person.coefficients) / 2
    units[:, 0] -= units[:, 1]  # half as far as the person, and one movement mixed up
    strict, accent = (
        held_out.evaluate(space, person, units, known, [1.0])[1.0] for known in ("strict", "accent")
    )
    assert accent["lmd"] < 0.9 * strict["lmd"] and accent["extent"] > 1.1 * strict["extent"]
    assert held_out.evaluate(space, person, units[:100], "strict", [1.0]) == {}


def test_closures_are_found_within_a_row(held_out):
    real = np.full(60, 0.3)
    real[[10, 11, 30, 50]] = 0.0
    real[54:60] = 0.01
    made = np.full(60, 0.3)
    made[[12, 33, 40, 50]] = 0.0  # in time, late, invented, in time
    assert held_out.closures(made, real, 0) == (2 / 4, 2 / 4)
    assert held_out.closures(np.roll(made, -1), real, 1)[0] == 2 / 4
    real[30:45] = 0.0  # a pause is no closure
    assert held_out.closures(made, real, 0)[0] == 2 / 3
    recall, precision = held_out.closures(np.full(60, 0.3), real, 0)
    assert recall == 0 and np.isnan(precision)


def test_only_people_whom_the_weights_do_not_know_are_scored(held_out, space, tmp_path):
    clips = []
    for source, person, split, purpose in (
        ("grid", "g1", "train", "commercial"),
        ("grid", "g2", "train", "commercial"),
        ("grid", "g3", "dev", "commercial"),
        ("grid", "g4", "test", "commercial"),
        ("lrwar", "l1", "dev", "research"),
        ("research", "r1", "train", "research"),
    ):
        clips.append(
            pack.Clip(
                name=person, source=source, person=person, split=split, licence="x",
                purpose=purpose, start=30 * len(clips), rows=30, lag=2,
            )
        )  # fmt: skip
    rng = np.random.default_rng(2)
    pack.save_index(tmp_path, pack.PackIndex(rate=25, clips=tuple(clips)))
    pack.save_array(tmp_path, "mel", rng.normal(0, 1, (180, 6)).astype(np.float16))
    pack.save_array(tmp_path, "coefficients", rng.normal(0, 1, (180, 4)).astype(np.float32))
    pack.save_array(tmp_path, "opening", rng.random(180).astype(np.float32))
    save_file(space.arrays(), tmp_path / "statistics.safetensors")

    def names(purpose, left_out):
        found = held_out.unseen(tmp_path, space, "mel", purpose, left_out)
        return [(person.name, person.group) for person in found]

    assert names("commercial", ["g2"]) == [("g2", "GRID"), ("l1", "lrwar"), ("r1", "research")]
    assert names("research", ["g2", "r1"]) == [("g2", "GRID"), ("l1", "lrwar"), ("r1", "research")]
    assert names("research", []) == [("l1", "lrwar")]
    (one,) = held_out.unseen(tmp_path, space, "mel", "research", [])
    assert len(one.coefficients) == len(one.heard[0]) == 28
    with pytest.raises(UsageError, match="hold some out"):
        pack.save_index(tmp_path, pack.PackIndex(rate=25, clips=tuple(clips[:4])))
        held_out.unseen(tmp_path, space, "mel", "research", [])
