"""Portraits of nobody, by ``avsynth imagine``, and portraits of real people cut alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from clips import Bytes, Clip, Floats, look
from numpy.typing import NDArray

from avsynth.face.crops import crop_track
from avsynth.face.landmarks import open_detector

SPAN, DROP = 3.1, 0.15  # of the square that the generator was trained on, in eye distances
SIDE = 256
_SPLITS = ("train", "train", "train", "dev", "test")


@dataclass(frozen=True)
class Nobody:
    """An imagined person: a square picture (S, S, 3), landmarks (478, 3) in it, and a split."""

    name: str
    split: str
    rgb: Bytes
    points: Floats

    def clip(self, samples: NDArray[np.float32]) -> Clip:
        """One picture that counts as a clip."""
        return Clip(
            self.name, self.name, self.split, "imagined", self.rgb[None], self.points[None], samples
        )


def portraits(folder: Path) -> list[Nobody]:
    """Those of a folder in which a face is found; every fourth is for dev, every fifth for test."""
    found = []
    with open_detector("mediapipe") as detector:
        for number, path in enumerate(sorted([*folder.glob("*.png"), *folder.glob("*.jpg")])):
            rgb = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1], np.uint8)
            points = look(detector, rgb)
            if np.isfinite(points).all():
                split = _SPLITS[number % len(_SPLITS)]
                found.append(Nobody(f"nobody{number:03d}", split, rgb.copy(), points))
    return found


def real_portrait(picture: Bytes, points: Floats, side: int = SIDE) -> Bytes:
    """A real person's picture cut to the square in which nobodies are shown, (side, side, 3)."""
    (transform,) = crop_track(points[None], side, SPAN, DROP)
    return transform.warp(picture)
