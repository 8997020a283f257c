"""The clips that reenactment is scored on: pictures of the portrait region, and landmarks.

Source picture: frame 0 of the clip, as it comes. It is what the field does (First Order Motion
Model and its successors), it cannot be chosen to flatter, and it is hard: most people begin with
a closed mouth, so every tooth must be made up. Of the rest every n-th frame counts.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.face.landmarks import LandmarkDetector, open_detector
from avsynth.face.portrait import Portrait, portrait_box
from avsynth.media import Box, probe, read_frames

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
LIST = Path(__file__).with_name("evaluated.csv")
MOST = 40  # frames of a clip


@dataclass(frozen=True)
class Case:
    """One clip of one face.

    Attributes:
        real: T pictures (h, w, 3) of ``box``, the portrait region of frame 0; the first is frame 0.
        points: (T, 478, 3), landmarks in pixels of the whole frame; NaN where there is no face.
    """

    name: str
    group: str
    person: str
    box: Box
    real: list[Bytes]
    points: Floats

    @property
    def portrait(self) -> Portrait:
        """The source."""
        return Portrait(self.real[0], self.box, self.inside(self.points[:1])[0])

    def inside(self, points: Floats) -> Floats:
        """Landmarks (..., 3) of the frame in pixels of ``box``."""
        return points - np.array([self.box.x0, self.box.y0, 0.0], np.float32)


def load(
    data: Path, cache: Path, groups: Sequence[str] = (), names: Sequence[str] = (), most: int = MOST
) -> Iterator[Case]:
    """The cases of ``evaluated.csv``, one at a time; all of them unless groups or names are given.

    ``data`` is the folder its paths start from; landmarks are kept under ``cache``.
    """
    with LIST.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with open_detector("mediapipe") as detector:
        for row in rows:
            path = data / row["file"]
            if (not groups or row["group"] in groups) and (not names or path.stem in names):
                yield _case(row, path, cache / f"{path.stem}-{most}.npz", most, detector)


def _case(
    row: dict[str, str], path: Path, cached: Path, most: int, detector: LandmarkDetector
) -> Case:
    known = _read(cached)
    real: list[Bytes] = []
    found: list[Floats] = []
    box: Box | None = None
    for number, rgb in enumerate(_pictures(path, most)):
        points = known[number] if known is not None else look(detector, rgb)
        if box is None:
            if not np.isfinite(points).all():
                raise InputError("no face in its first frame", path)
            box = portrait_box(points, rgb.shape[1], rgb.shape[0])
        found.append(points)
        real.append(rgb[box.slices].copy())
    if box is None:
        raise InputError("no pictures", path)
    if known is None:
        cached.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(cached, points=np.stack(found))
    return Case(path.stem, row["group"], row["person"], box, real, np.stack(found))


def _read(cached: Path) -> Floats | None:
    if not cached.exists():
        return None
    with np.load(cached) as stored:
        return np.asarray(stored["points"], np.float32)


def _pictures(path: Path, most: int) -> Iterator[Bytes]:
    """Whole frames (h, w, 3): the first and every n-th, ``most`` or fewer."""
    video = probe(path).video
    count = video.frames if video else None
    if not count:
        raise InputError("it does not say how many pictures it has", path)
    step = -(-count // most)
    for number, frame in enumerate(read_frames(path, threads=1)):
        if number % step == 0 and number < step * most:
            yield frame.rgb()


def look(detector: LandmarkDetector, rgb: Bytes) -> Floats:
    """Landmarks (478, 3) of the best face in a picture, NaN where there is none."""
    faces = detector.detect(rgb)
    return faces[0].points if faces else np.full((detector.points, 3), np.nan, np.float32)
