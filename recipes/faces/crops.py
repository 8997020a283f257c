"""Upright portraits of people in a corpus: few frames a clip, varied, with open eyes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.face.crops import crop_track
from avsynth.media import read_frames

sys.path.append(str(Path(__file__).parents[1] / "motion"))
from sources import Item

SPAN, DROP = 3.1, 0.15  # of the square, in eye distances: hair and chin are inside
SIDE = 192  # pixels: about as many as GRID has
_EYES = ((159, 145), (386, 374))  # middle of the upper and of the lower lid
_AWAKE = 0.4  # share of a clip's frames in which the eyes are opened widest
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Crop:
    """One portrait (SIDE, SIDE, 3), its 478 landmarks (478, 2) in sides, and where it is from."""

    rgb: Bytes
    points: Floats
    item: Item
    glasses: bool


def cut(item: Item, cached: Path, count: int, glasses: bool) -> Iterator[Crop]:
    """At most ``count`` portraits of a clip, as unlike one another as can be."""
    points = np.load(cached)["points"]
    transforms = crop_track(points, SIDE, SPAN, DROP)
    layouts = np.stack(
        [t.to_crop(p[:, :2]) + 0.5 for t, p in zip(transforms, points, strict=True)]
    ) / SIDE  # fmt: skip
    chosen = set(varied(layouts, count))
    with item.open() as path:
        for number, frame in enumerate(read_frames(path)):
            if number in chosen:
                rgb = transforms[number].warp(frame.rgb())
                yield Crop(rgb, layouts[number].astype(np.float32), item, glasses)


def varied(layouts: NDArray[np.float64], count: int) -> list[int]:
    """Frames of layouts (T, 478, 2) with open eyes, each the farthest from those before it.

    Frames without a face hold NaN.
    """
    opened = sum(layouts[:, low, 1] - layouts[:, high, 1] for high, low in _EYES)
    seen = np.isfinite(opened)
    if not seen.any():
        return []
    awake = np.flatnonzero(seen & (opened >= np.quantile(opened[seen], 1 - _AWAKE)))
    flat = layouts[awake].reshape(len(awake), -1)
    chosen = [int(opened[awake].argmax())]
    distance = np.full(len(awake), np.inf)
    while len(chosen) < min(count, len(awake)):
        distance = np.minimum(distance, np.linalg.norm(flat - flat[chosen[-1]], axis=1))
        chosen.append(int(distance.argmax()))
    return [int(awake[number]) for number in chosen]
