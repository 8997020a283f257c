"""Portraits drawn by named weights, and the people that these weights were trained on.

A network that paints faces from nothing may paint somebody it has seen. So its weights carry what
an identity embedder makes of the people in its training data: of real frames, and of the network's
own copies of them, because softness alone moves a face away from a sharp picture of the same person
(by 0.3 and more in dlib's embedding). Made by ``recipes/faces/people.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from avsynth.errors import WeightsError
from avsynth.models.face_vae import FacesConfig
from avsynth.weights.registry import LoadedModel, load

NAME = "faces-small"

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class Neighbour(NamedTuple):
    """The training person whom a face comes nearest to, and how near.

    Attributes:
        name: of the person in the data set.
        distance: to the nearest of the person's points.
        own: the largest distance between two frames of that person.
    """

    name: str
    distance: float
    own: float


@dataclass(frozen=True)
class People:
    """The training people as points of an identity embedder.

    Attributes:
        names: P people, as the data set calls them.
        points: (N, D) float32.
        owners: (N,) int64, whose each point is: a row of ``names``.
        own: (P,) float64, the largest distance between two frames of a person (or between the
            network's copies of two), Euclidean.
        embedder: the embedder's name.
        measure: what the distances are, in words.
    """

    names: tuple[str, ...]
    points: Floats
    owners: NDArray[np.int64]
    own: Doubles
    embedder: str
    measure: str

    def distances(self, point: Floats) -> Doubles:
        """Distance (P,) of a face's point (D,) to the nearest point of each person, as records
        state it: four digits.
        """
        each = np.linalg.norm(self.points - point, axis=1).astype(np.float64)
        nearest = [each[self.owners == p].min() for p in range(len(self.names))]
        return np.round(nearest, 4)

    def nearest(self, point: Floats) -> Neighbour:
        """The person nearest to a face's point (D,)."""
        distances = self.distances(point)
        p = int(distances.argmin())
        return Neighbour(self.names[p], float(distances[p]), float(self.own[p]))

    def too_near(self, point: Floats, least: float = 0.0) -> bool:
        """Whether a face is as near to somebody as that person's own frames are to each other.

        ``least`` is a distance within which nobody may be in any case.
        """
        return bool((self.distances(point) <= np.maximum(self.own, least)).any())

    def tensors(self) -> dict[str, torch.Tensor]:
        """What a weights file stores as extras, in half precision."""
        return {
            "people": torch.from_numpy(self.points).half(),
            "people.owners": torch.from_numpy(self.owners),
        }

    def statement(self) -> dict[str, Any]:
        """What a weights file says of them in its metadata."""
        return {
            "names": list(self.names),
            "own": [round(float(value), 4) for value in self.own],
            "embedder": self.embedder,
            "measure": self.measure,
        }


class Faces:
    """Weights of kind "faces", ready to draw."""

    def __init__(self, model: LoadedModel, people: People) -> None:
        """``model`` of kind "faces" and the people that it was trained on."""
        assert isinstance(model.config, FacesConfig)
        self.model, self.people, self.config = model, people, model.config

    def draws(self, seed: int, number: int) -> Draws:
        """Portraits without end, the same for the same seed and number."""
        return Draws(self, seed, number)

    def paint(self, latent: Floats) -> Bytes:
        """Latents (N, L) -> pictures (N, S, S, 3) uint8."""
        made = self.model({"latent": torch.from_numpy(latent)})["picture"]
        bytes_ = (made.clamp(0, 1) * 255).round().to(torch.uint8)
        return np.ascontiguousarray(bytes_.permute(0, 2, 3, 1).numpy())


class Draws:
    """Pictures (S, S, 3) uint8, one after the other, from latents of a standard normal."""

    def __init__(self, faces: Faces, seed: int, number: int) -> None:
        self._faces = faces
        self._random = np.random.default_rng([seed, number])

    def __iter__(self) -> Draws:
        return self

    def __next__(self) -> Bytes:
        latent = self._random.standard_normal((1, self._faces.config.latent), dtype=np.float32)
        picture: Bytes = self._faces.paint(latent)[0]
        return picture


def load_faces(name: str = NAME) -> Faces:
    """The weights called ``name``, by manifest name or path.

    WeightsError: missing, changed, of another kind, or without the people they were trained on.
    """
    model = load(name, "torch")  # the engine decides about roundings, and so about pixels
    if not isinstance(model.config, FacesConfig):
        raise WeightsError(f"weights of kind {model.kind!r}, not of faces", model.name)
    try:
        people = _people(model)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            "faces without the people that they were trained on: whom a portrait looks like "
            "cannot be told", model.name, "recipes/faces/people.py adds them",
        ) from error  # fmt: skip
    return Faces(model, people)


def _people(model: LoadedModel) -> People:
    """ValueError, KeyError or TypeError: there are none, or they make no sense."""
    said = model.metadata["people"]
    points = model.extras["people"].float().numpy()
    owners = model.extras["people.owners"].numpy()
    own = np.array(said["own"], np.float64)
    names = tuple(str(name) for name in said["names"])
    if points.ndim != 2 or len(points) != len(owners) or not len(names) == len(own) > 0:
        raise ValueError("the people and their points do not fit")
    if set(owners.tolist()) != set(range(len(names))):
        raise ValueError("somebody has no points")
    if not (np.isfinite(points).all() and (own > 0).all()):
        raise ValueError("points or distances are not numbers")
    return People(names, points, owners, own, str(said["embedder"]), str(said["measure"]))
