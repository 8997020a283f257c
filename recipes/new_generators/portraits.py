"""Portraits of nobody, and portraits of real people cut alike.

    python recipes/new_generators/portraits.py --network runs/faces-small/faces-small.safetensors \
        --out packs/nobodies [--count 60]

draws a folder of them from any checkpoint, as the network gives them; ``avsynth imagine`` draws
from the shipped one, and leaves out what is no good face or too near to a training person.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from clips import Bytes, Clip, Floats, look
from numpy.typing import NDArray

from avsynth import weights
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


def main() -> None:
    """Draw a folder of portraits."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--network", default="faces-small", help="by name or file")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for number, rgb in enumerate(drawn(options.network, options.count, options.seed)):
        cv2.imwrite(str(options.out / f"{number:03d}.png"), rgb[..., ::-1])


def drawn(network: str, count: int, seed: int) -> list[Bytes]:
    """Portraits (SIDE, SIDE, 3) of a network of kind "faces", by name or file."""
    painter = weights.load(network, engine="torch")
    noise = torch.randn(count, painter.config.latent, generator=torch.Generator().manual_seed(seed))
    made = painter({"latent": noise})["picture"].clamp(0, 1).mul(255).round().to(torch.uint8)
    small = made.permute(0, 2, 3, 1).numpy()
    return [np.asarray(cv2.resize(p, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)) for p in small]


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


if __name__ == "__main__":
    main()
