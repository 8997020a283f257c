"""Corpora of real and made faces or voices -> what judges and the motion detector are trained on.

    python recipes/discriminator_detector/prepare.py --subject face --corpus .packs/fake_faces \
        --out .packs/judge_faces
    python recipes/discriminator_detector/prepare.py --subject portrait --corpus .packs/new_faces \
        --out .packs/judge_portraits
    python recipes/discriminator_detector/prepare.py --subject voice --corpus .packs/fake_sounds \
        --out .packs/judge_voices

Every item is kept as it is and, in further versions, disturbed as publishing would (codecs, sizes,
noise ...); a fake and its original get the same draws. Of faces the mouths are cut out, landmarks
being found anew in the finished film as a scan would find them, and the features of the motion
detector are measured; "portrait" keeps whole faces instead, every second picture of a film.
``--part 0/2`` and ``--part 1/2`` share the work between two processes; what is there already is not
made again.
People who may not be trained on for any purpose, and are not held out either, are left out, and so
are the unseen sentences of people who are trained on.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from examples import FIELDS, FRAMES
from numpy.typing import NDArray
from portraits import PICTURES

from avsynth.face.mesh import EYE_OUTER, MESH_POINTS, STORED
from avsynth.face.mesh_network import MeshNetwork
from avsynth.face.roi import Roi
from avsynth.training.face_corpus import FaceItem, open_faces
from avsynth.training.film_disturbance import degrade
from avsynth.training.sound_corpus import SoundItem, open_sounds
from avsynth.training.sound_disturbance import disturb
from detectors import motion_features
from detectors.films import FACE, MOUTH, mouths, whole_faces

_PRESENT = 0.5  # score of the mesh network below which the known landmarks are taken


def main() -> None:
    """Prepare one corpus."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--subject", choices=["face", "portrait", "voice"], required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--versions", type=int, default=2, help="the first one is as it is")
    parser.add_argument("--part", default="0/1", help="which of how many")
    parser.add_argument("--splits", nargs="+", default=["train", "dev", "test"])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    first, every = map(int, options.part.split("/"))
    mine = slice(first, None, every)
    work = {"face": prepare_faces, "portrait": prepare_portraits, "voice": prepare_voices}
    rows = work[options.subject](
        options.corpus, options.out, options.versions, mine, options.seed, options.splits
    )
    write(options.out, rows, options.subject, options.versions)


def array(
    path: Path, kind: type[np.generic], shape: tuple[int, ...]
) -> np.memmap[Any, np.dtype[Any]]:
    """An array on disk that several processes may fill."""
    path.touch()
    os.truncate(path, int(np.prod(shape)) * np.dtype(kind).itemsize)
    return np.memmap(path, kind, "r+", shape=shape)


def write(out: Path, rows: Sequence[dict[str, str]], subject: str, versions: int) -> None:
    """What the arrays hold."""
    with (out / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    about = {"subject": subject, "versions": versions}
    (out / "about.json").write_text(json.dumps(about) + "\n", "utf-8")


def draws(original: str, version: int, seed: int) -> np.random.Generator:
    """The same for a fake and its original."""
    return np.random.default_rng([seed, version, zlib.crc32(original.encode())])


def prepare_faces(
    folder: Path, out: Path, versions: int, mine: slice, seed: int, splits: Sequence[str]
) -> list[dict[str, str]]:
    """Mouths, maps (a bit each) and motion features of a corpus of faces; its rows."""
    corpus = open_faces(folder)
    items = [item for item in corpus.items if item.split in splits and wanted(item)]
    shape = (len(items), versions, FRAMES, MOUTH, MOUTH)
    pictures = array(out / "mouths.bin", np.uint8, (*shape, 3))
    maps = array(out / "maps.bin", np.uint8, shape)
    features = array(out / "features.bin", np.float32, (*shape[:2], len(motion_features.NAMES)))
    with MeshNetwork() as mesh:
        for number, item in list(enumerate(items))[mine]:
            if features[number].any():
                continue
            original = corpus.film(item)
            points = locate(mesh, original, corpus.points(item))
            for version in range(versions):
                film = original
                if version:
                    film = degrade(film, draws(item.original or item.name, version, seed))
                seen = mouths(film, points[:, STORED])
                pictures[number, version] = seen.pictures
                maps[number, version] = packed(seen.maps)
                features[number, version] = motion_features.measure(film, points)
            print(f"\r{number + 1} of {len(items)} films", end="", flush=True)
    return [_face_row(item) for item in items]


def prepare_portraits(
    folder: Path, out: Path, versions: int, mine: slice, seed: int, splits: Sequence[str]
) -> list[dict[str, str]]:
    """Whole faces and their landmarks of a corpus of faces; its rows."""
    corpus = open_faces(folder)
    items = [item for item in corpus.items if item.split in splits and wanted(item)]
    shape = (len(items), versions, PICTURES, FACE, FACE, 3)
    pictures = array(out / "faces.bin", np.uint8, shape)
    places = array(out / "points.bin", np.float32, (len(items), PICTURES, MESH_POINTS, 2))
    with MeshNetwork() as mesh:
        for number, item in list(enumerate(items))[mine]:
            if places[number].any():
                continue
            original = corpus.film(item)[:: FRAMES // PICTURES]
            points = locate(mesh, original, corpus.points(item)[:: FRAMES // PICTURES])
            for version in range(versions):
                film = original
                if version:
                    film = degrade(film, draws(item.original or item.name, version, seed))
                pictures[number, version] = whole_faces(film, points)[0]
            places[number] = points
            print(f"\r{number + 1} of {len(items)} films", end="", flush=True)
    return [_face_row(item) for item in items]


def wanted(item: FaceItem) -> bool:
    """Whether it is of somebody to train on for any purpose, or never seen in training.

    Of recordings that may be scored only a third is enough.
    """
    if item.split == "train":
        return item.purpose == "commercial"
    if item.purpose == "research":
        return item.split == "dev" and zlib.crc32((item.original or item.name).encode()) % 3 == 0
    return item.split in ("dev", "test")


def locate(
    mesh: MeshNetwork, film: NDArray[np.uint8], known: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Landmarks (8, 478, 2) of a film (8, S, S, 3), near where they are ``known`` (8, P, 2)."""
    rows = {point: row for row, point in enumerate(STORED)}
    eyes = [rows[point] for point in EYE_OUTER]
    found = []
    for picture, points in zip(film, known, strict=True):
        places, score = mesh.locate(picture, Roi.around(points, points[eyes[0]], points[eyes[1]]))
        if score < _PRESENT:
            places = np.zeros((MESH_POINTS, 3), np.float32)
            places[list(STORED), :2] = points
        found.append(places[:, :2])
    return np.stack(found)


def packed(maps: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Three planes (T, S, S, 3) of 0..255 as the low bits of one (T, S, S)."""
    bits = (maps > 127).astype(np.uint8)
    return np.asarray(bits[..., 0] | bits[..., 1] << 1 | bits[..., 2] << 2, np.uint8)


def prepare_voices(
    folder: Path, out: Path, versions: int, mine: slice, seed: int, splits: Sequence[str]
) -> list[dict[str, str]]:
    """Sound of a corpus of voices in all versions; its rows."""
    corpus = open_sounds(folder)
    items = [item for item in corpus.items if item.split in splits]
    ends = np.cumsum([item.samples for item in items])
    sound = array(out / "sound.bin", np.int16, (versions, int(ends[-1])))
    for number, item in list(enumerate(items))[mine]:
        whole = corpus.sound(item)
        part = slice(int(ends[number]) - len(whole), int(ends[number]))
        if sound[-1, part].any():
            continue
        sound[0, part] = whole
        for version in range(1, versions):
            generator = draws(item.original or item.name, version, seed)
            worn = disturb(whole.astype(np.float32) / np.float32(32767), generator)
            sound[version, part] = np.round(np.clip(worn, -1, 1) * 32767).astype(np.int16)
        print(f"\r{number + 1} of {len(items)} sounds", end="", flush=True)
    np.save(out / "ends.npy", ends)
    return [_sound_row(item) for item in items]


def _face_row(item: FaceItem) -> dict[str, str]:
    return {field: getattr(item, field) for field in FIELDS}


def _sound_row(item: SoundItem) -> dict[str, str]:
    about = item.model_dump() | {"person": item.speaker, "purpose": "commercial"}
    return {field: about[field] for field in FIELDS}


if __name__ == "__main__":
    main()
