"""Write into weights of faces whom they were trained on, so that draws of them can be refused.

    python recipes/faces/people.py --pack .packs/faces \
        --weights runs/faces-small/faces-small.safetensors

Of every train person: what the identity embedder makes of real portraits, and of the network's own
copies of them (a copy is softer than the person, and softness alone moves an embedding: a draw that
is somebody's copy must be recognised too), and the largest distance between two of a kind. A few
points of each are stored, the farthest from one another. Prints how often the rule refuses copies
whose points were not stored, real dev people, and copies of these. The file is replaced.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from portraits import Bytes, Portraits, to_bytes, to_tensor

from avsynth.models.face_vae import FacesConfig, FaceVae
from avsynth.pipelines.imagine_portrait import PictureEmbedder, enlarged
from avsynth.provenance.dlib_face import DlibFace
from avsynth.weights import file as files
from avsynth.weights.faces import People

Floats = NDArray[np.float32]

MEASURE = "Euclidean distance of dlib's face embeddings to training people, frames and copies"
_EACH = 8  # points that are stored of a person's frames, and of the copies
_MOST = 20  # portraits that are looked at of a person


class Person(NamedTuple):
    """Points (N, 128) and (M, 128) of somebody's portraits, and of the network's copies."""

    real: Floats
    copies: Floats


def main() -> None:
    """Measure and write what the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--each", type=int, default=_EACH, help="points stored, twice a person")
    parser.add_argument("--most", type=int, default=_MOST, help="portraits looked at of a person")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    lines = write(options.pack, options.weights, DlibFace(), options.each, options.most)
    print("\n".join(lines))


def write(
    folder: Path, path: Path, embedder: PictureEmbedder, each: int = _EACH, most: int = _MOST
) -> list[str]:
    """Put the people of the pack into the weights at ``path``; returns the lines of a table."""
    source = files.read(path)
    network = source.network
    assert isinstance(network, FaceVae) and isinstance(source.config, FacesConfig)
    portraits = Portraits(folder, source.config.size)
    trained = embedded(portraits, "train", network, embedder, most)
    people = known(trained, each, embedder.name)
    metadata = source.metadata | {"people": people.statement()}
    part = path.with_suffix(".part.safetensors")
    files.write(
        part, source.kind, network, source.config, source.extras | people.tensors(), metadata
    )
    part.replace(path)
    return table(people, trained, embedded(portraits, "dev", network, embedder, most))


def embedded(
    portraits: Portraits, split: str, network: FaceVae, embedder: PictureEmbedder, most: int
) -> dict[str, Person]:
    """Everybody of a split; portraits in which no face is found are left out."""
    rows = few(portraits.rows(split), portraits, most)
    pictures, whose = portraits.pictures(rows), portraits.people(rows)
    copied = pictures[:0] if network.encoder is None else copies(network, pictures)
    found = {}
    for name in dict.fromkeys(whose):
        own = [i for i, other in enumerate(whose) if other == name]
        real, made = (
            points(kind[own] if len(kind) else kind, embedder) for kind in (pictures, copied)
        )
        found[name] = Person(real, made)
    return found


def few(rows: NDArray[np.intp], portraits: Portraits, most: int) -> NDArray[np.intp]:
    """At most ``most`` of everybody's rows, evenly spread over their clips."""
    whose = np.array(portraits.people(rows))
    kept = []
    for name in dict.fromkeys(whose.tolist()):
        own = rows[whose == name]
        kept.append(own[np.unique(np.linspace(0, len(own) - 1, most).round().astype(int))])
    return np.concatenate(kept)


@torch.inference_mode()
def copies(network: FaceVae, pictures: Bytes) -> Bytes:
    """What the network makes of the posterior means of portraits (N, S, S, 3)."""
    made = [
        to_bytes(network.decode(network.encode(to_tensor(part))[0])[0])
        for part in np.array_split(pictures, -(-len(pictures) // 32))
    ]
    return np.concatenate(made)


def points(pictures: Bytes, embedder: PictureEmbedder) -> Floats:
    """Of portraits (N, S, S, 3) as they are written by ``avsynth imagine``: (M <= N, 128)."""
    found = [embedder.embed_picture(enlarged(each)) for each in pictures]
    seen = [each for each in found if each is not None]
    return np.stack(seen) if seen else np.zeros((0, 128), np.float32)


def known(found: dict[str, Person], each: int, embedder: str) -> People:
    """What weights store of people. ValueError where no face of somebody is ever found."""
    kept: list[Floats] = []
    for name, person in found.items():
        if len(person.real) < 2:
            raise ValueError(f"{name}: no face is found in the portraits")
        kept.append(np.concatenate([spread(kind, each) for kind in person if len(kind)]))
    # As they come out of the file again.
    stored = np.concatenate(kept).astype(np.float16).astype(np.float32)
    return People(
        names=tuple(found),
        points=stored,
        owners=np.repeat(np.arange(len(kept)), [len(kind) for kind in kept]),
        own=np.array([max(widest(kind) for kind in person) for person in found.values()]),
        embedder=embedder,
        measure=MEASURE,
    )


def widest(kind: Floats) -> float:
    """The largest distance between two points (N, D), four digits; 0 where there are none."""
    if not len(kind):
        return 0.0
    return round(float(np.linalg.norm(kind[:, None] - kind[None], axis=2).max()), 4)


def spread(kind: Floats, count: int) -> Floats:
    """At most ``count`` of the points (N, D), each the farthest from those before it."""
    if len(kind) <= count:
        return kind
    chosen = [int(np.linalg.norm(kind - kind.mean(axis=0), axis=1).argmin())]
    while len(chosen) < count:
        apart = np.linalg.norm(kind[:, None] - kind[chosen][None], axis=2).min(axis=1)
        chosen.append(int(apart.argmax()))
    return kind[chosen]


def table(people: People, trained: dict[str, Person], dev: dict[str, Person]) -> list[str]:
    """Own distances, and how often the rule says that a portrait is somebody."""
    lines = [
        "| person | portraits | own, frames | own, copies | farthest from a stored point | "
        "copies refused |",
        "|---|---|---|---|---|---|",
    ]
    for number, (name, person) in enumerate(trained.items()):
        own = dataclasses.replace(
            people, names=(name,), points=people.points[people.owners == number],
            owners=np.zeros((people.owners == number).sum(), np.int64),
            own=people.own[number : number + 1],
        )  # fmt: skip
        away = max(float(own.distances(point)[0]) for kind in person for point in kind)
        lines.append(
            f"| {name} | {len(person.real)} | {widest(person.real):.2f} | "
            f"{widest(person.copies):.2f} | {away:.2f} | {refused(people, person.copies)} |"
        )
    for name, person in dev.items():
        lines.append(
            f"| {name} (dev) | {len(person.real)} | {refused(people, person.real)} of the frames "
            f"refused | | | {refused(people, person.copies)} |"
        )
    return lines


def refused(people: People, kind: Floats) -> str:
    """How many of the points (N, D) the rule refuses."""
    return f"{sum(people.too_near(point) for point in kind)} of {len(kind)}"


if __name__ == "__main__":
    main()
