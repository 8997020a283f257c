"""Short clips of one face: pictures, landmarks of the whole mesh, and sound."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.face.landmarks import LandmarkDetector, open_detector
from avsynth.media import probe, read_audio, read_frames

sys.path += [str(Path(__file__).parents[1] / name) for name in ("motion", "reenact")]
from cases import LIST, look
from sources import Item

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

RATE = 16_000
FRAME_RATE = 25


@dataclass(frozen=True)
class Clip:
    """One clip of one face.

    Attributes:
        name, person, split, source: as in a corpus; ``source`` "clips" is scored and no more.
        pictures: uint8 (T, h, w, 3).
        points: float32 (T, 478, 3), landmarks in pixels; none is missing.
        samples: float32 (N,) at ``RATE``, from the first picture on; empty without sound.
    """

    name: str
    person: str
    split: str
    source: str
    pictures: Bytes
    points: Floats
    samples: Floats

    def __len__(self) -> int:
        return len(self.pictures)


def opened(item: Item, cached: Path, most: int | None = None) -> Clip | None:
    """A clip of the corpora with its cached landmarks; None where frames have no face.

    ``most``: frames, from the first on.
    """
    with item.open() as path:
        pictures = pictures_of(path, most)
    with np.load(cached) as stored:
        points = stored["points"][: len(pictures)].astype(np.float32)
        samples = stored["audio"].astype(np.float32)[: len(pictures) * RATE // FRAME_RATE]
    whole = len(points) == len(pictures) and np.isfinite(points).all()
    if not whole:
        return None
    return Clip(item.name, item.person, item.split, item.source, pictures, points, samples)


def elsewhere(data: Path, cache: Path, most: int) -> Iterator[Clip]:
    """The clips of other people and cameras on which reenactment is scored, ``most`` frames."""
    with LIST.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] == "clips"]
    with open_detector("mediapipe") as detector:
        for row in rows:
            path = data / row["file"]
            pictures = pictures_of(path, most)
            points = _landmarks(detector, pictures, cache / "clips" / f"{path.stem}-{most}.npy")
            length = most * RATE // FRAME_RATE
            heard = read_audio(path, RATE) if probe(path).audio else ()
            sound = [np.zeros(0, np.float32), *(chunk.samples for chunk in heard)]
            if np.isfinite(points).all():
                samples = np.concatenate(sound)[:length]
                yield Clip(path.stem, row["person"], "test", "clips", pictures, points, samples)


def pictures_of(path: Path, most: int | None = None) -> Bytes:
    """The first pictures of a film, (T, h, w, 3); cut to even sides."""
    with read_frames(path, threads=1) as frames:
        film = np.stack([frame.rgb() for frame in islice(frames, most)])
    height, width = (side // 2 * 2 for side in film.shape[1:3])
    return film[:, :height, :width]


def _landmarks(detector: LandmarkDetector, film: Bytes, cached: Path) -> Floats:
    if not cached.is_file():
        cached.parent.mkdir(parents=True, exist_ok=True)
        np.save(cached, np.stack([look(detector, picture) for picture in film]))
    return np.asarray(np.load(cached), np.float32)
