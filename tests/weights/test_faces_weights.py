"""The training people that weights of faces carry, and how near a face is to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from faces_helpers import CONFIG, small_faces

from avsynth.errors import WeightsError
from avsynth.models.face_vae import FaceVae
from avsynth.weights import file as files
from avsynth.weights.faces import People, load_faces


def three() -> People:
    points = np.array([[0, 0], [0, 1], [5, 0], [0, 9]], np.float32)
    own = np.array([0.5, 2.8, 0.5])
    return People(("a", "b", "c"), points, np.array([0, 0, 1, 2]), own, "e", "m")


def test_distances_are_to_the_nearest_point_of_each() -> None:
    np.testing.assert_allclose(three().distances(np.array([0, 2], np.float32)), [1, 5.3852, 7])
    nearest = three().nearest(np.array([4, 0], np.float32))
    assert nearest == ("b", 1.0, 2.8)


def test_too_near_is_by_each_persons_own_frames() -> None:
    people = three()
    assert people.too_near(np.array([3.5, 0], np.float32))  # 1.5 from b, whose frames are 2.8 apart
    assert not people.too_near(np.array([-1.5, 0], np.float32))  # 1.5 from a, whose are 0.5
    assert people.too_near(np.array([-1.5, 0], np.float32), least=1.5)
    assert people.too_near(np.array([0.5, 0], np.float32))  # at the limit is too near
    between = np.array([2.4, 1.0], np.float32)  # nearer to a, but within the spread of b
    assert people.nearest(between).name == "a" and people.too_near(between)


def test_people_through_a_file(tmp_path: Path) -> None:
    faces = load_faces(str(small_faces()))
    assert faces.people.names == ("demo", "other") and faces.people.own.tolist() == [0.2, 0.3]
    assert faces.people.points.shape == (3, 128) and faces.people.owners.tolist() == [0, 0, 1]
    pictures = [
        next(faces.draws(seed, number)) for seed, number in ((0, 0), (0, 0), (0, 1), (1, 0))
    ]
    assert pictures[0].shape == (64, 64, 3) and pictures[0].dtype == np.uint8
    same = [np.array_equal(pictures[0], each) for each in pictures]
    assert same == [True, True, False, False]


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"people": {"names": ["a"], "own": [0.1, 0.2], "embedder": "e", "measure": "m"}},
        {"people": {"names": ["a", "b"], "own": [0.1, -0.2], "embedder": "e", "measure": "m"}},
        {"people": {"names": ["a", "b", "c"], "own": [0.1] * 3, "embedder": "e", "measure": "m"}},
        {"people": {"names": ["a", "b"], "own": [0.1, 0.2], "measure": "m"}},
        {"people": "everybody"},
    ],
)
def test_weights_without_people_do_not_imagine(tmp_path: Path, damage: dict[str, object]) -> None:
    path = tmp_path / "faces.safetensors"
    extras = {"people": torch.zeros(2, 3), "people.owners": torch.tensor([0, 1])} if damage else {}
    files.write(path, "faces", FaceVae(CONFIG), CONFIG, extras, damage)
    with pytest.raises(WeightsError, match="cannot be told"):
        load_faces(str(path))
