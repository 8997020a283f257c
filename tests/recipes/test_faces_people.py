"""The training people in weights of faces: own distances, points far apart, copies refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from portraits_helpers import made_pack
from recipe_helpers import recipe_modules

from avsynth.models.face_vae import FacesConfig, FaceVae
from avsynth.weights import file as files
from avsynth.weights.faces import load_faces


@pytest.fixture(scope="module")
def recipe() -> Iterator[dict[str, ModuleType]]:
    with recipe_modules("faces", ("crops", "shapes", "morphs", "prepare", "people")) as modules:
        yield modules


class Colours:
    """An embedder that made people can be known by: the colour of their middle; grey is nobody."""

    name = "colours"

    def embed_picture(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        side = len(rgb) // 8
        middle = rgb[3 * side : 5 * side, 3 * side : 5 * side].mean(axis=(0, 1)) / 255
        return None if np.ptp(middle) < 0.05 else middle.astype(np.float32)


def weights(path: Path, encoder: tuple[int, ...]) -> Path:
    torch.manual_seed(0)
    config = FacesConfig(size=16, latent=3, encoder=encoder, decoder=(4, 4, 4))
    files.write(path, "faces", FaceVae(config), config, {}, {"licence": "CC-BY-4.0", "steps": 7})
    return path


def test_people_are_written_into_the_weights(recipe: dict[str, ModuleType], tmp_path: Path) -> None:
    pack = made_pack(recipe, tmp_path / "pack")
    path = weights(tmp_path / "faces.safetensors", (4, 4))
    before = files.read(path)
    lines = recipe["people"].write(pack, path, Colours(), each=3)
    faces = load_faces(str(path))
    assert faces.people.names == ("a", "b", "c") and faces.people.embedder == "colours"
    assert (faces.people.own > 0).all() and faces.model.metadata["steps"] == 7
    after = files.read(path).network.state_dict()
    assert all(torch.equal(v, after[k]) for k, v in before.network.state_dict().items())
    counts = np.bincount(faces.people.owners)
    assert len(counts) == 3 and counts.max() <= 6 and counts.min() >= 3
    assert lines[2].startswith("| a | 6 |") and lines[5].startswith("| d (dev) | 6 |")
    assert len(lines) == 7 and [p.name for p in tmp_path.glob("*.safetensors")] == [path.name]
    # A person is too near to oneself, another is not.
    colours = {"a": (200, 150, 100), "e": (200, 150, 180)}
    near = {
        name: faces.people.too_near(np.array(rgb, np.float32) / 255)
        for name, rgb in colours.items()
    }
    assert near == {"a": True, "e": False}


def test_a_network_without_an_encoder_copies_nobody(
    recipe: dict[str, ModuleType], tmp_path: Path
) -> None:
    pack = made_pack(recipe, tmp_path / "pack")
    path = weights(tmp_path / "gan.safetensors", ())
    lines = recipe["people"].write(pack, path, Colours(), each=3)
    assert np.bincount(load_faces(str(path)).people.owners).tolist() == [3, 3, 3]
    assert lines[2].endswith("| 0 of 0 |")


def test_people_nobody_can_recognise(recipe: dict[str, ModuleType], tmp_path: Path) -> None:
    pack = made_pack(recipe, tmp_path / "pack")
    path = weights(tmp_path / "faces.safetensors", (4, 4))

    class Blind(Colours):
        def embed_picture(self, rgb: NDArray[np.uint8]) -> None:
            return None

    with pytest.raises(ValueError, match="a: no face is found"):
        recipe["people"].write(pack, path, Blind())
    assert "people" not in files.read(path).metadata


def test_points_are_as_far_apart_as_can_be(recipe: dict[str, ModuleType]) -> None:
    line = np.array([[0.0], [1.0], [2.0], [3.0], [10.0]], np.float32)
    spread = recipe["people"].spread
    assert spread(line, 2).ravel().tolist() == [3.0, 10.0]  # the middle one, then the farthest
    assert spread(line, 3).ravel().tolist() == [3.0, 10.0, 0.0]
    assert spread(line, 9) is line
    assert recipe["people"].widest(line) == 10.0 and recipe["people"].widest(line[:0]) == 0.0
