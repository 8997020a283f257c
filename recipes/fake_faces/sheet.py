"""Corpus -> a picture to look at: real, fake, difference and mask, rows of each family.

python recipes/fake_faces/sheet.py --pack packs/fake_faces --out sheet.jpg [--families swap]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.training.face_corpus import FaceCorpus, FaceItem, open_faces


def main() -> None:
    """Draw what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--families", nargs="*")
    parser.add_argument("--split", default="train")
    parser.add_argument("--rows", type=int, default=6)
    parser.add_argument("--columns", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    corpus = open_faces(options.pack)
    generator = np.random.default_rng(options.seed)
    families = options.families or sorted({i.family for i in corpus.items if i.label == "fake"})
    blocks = []
    for family in families:
        mine = [i for i in corpus.items if i.family == family and i.split == options.split]
        chosen = generator.permutation(len(mine))[: options.rows * options.columns]
        tiles = [quartet(corpus, mine[n], int(generator.integers(8))) for n in chosen]
        while len(tiles) % options.columns:
            tiles.append(np.zeros_like(tiles[0]))
        rows = [
            np.hstack(tiles[k : k + options.columns]) for k in range(0, len(tiles), options.columns)
        ]
        blocks.append(np.vstack(rows))
    cv2.imwrite(str(options.out), np.vstack(blocks)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])


def quartet(corpus: FaceCorpus, item: FaceItem, frame: int) -> NDArray[np.uint8]:
    """Real, fake, their difference (four times as strong), and the mask; (224, 896, 3)."""
    original = next(i for i in corpus.items if i.name == item.original)
    real = corpus.film(original, frame, frame + 1)[0]
    fake = corpus.film(item, frame, frame + 1)[0].copy()
    difference = np.clip(4 * np.abs(real.astype(int) - fake), 0, 255).astype(np.uint8)
    mask = cv2.resize(corpus.masks(item)[frame], real.shape[:2]) * 255.0
    grey = np.repeat(mask.astype(np.uint8)[..., None], 3, axis=2)
    label = f"{item.family} {item.system}"
    cv2.putText(fake, label, (2, 12), cv2.FONT_HERSHEY_PLAIN, 0.9, (255, 255, 0), 1, cv2.LINE_AA)
    return np.hstack([real, fake, difference, grey])


if __name__ == "__main__":
    main()
