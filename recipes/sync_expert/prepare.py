"""Clips with landmarks -> pack: squares of the lower face as JPEG, mel, lags, splits.

    python recipes/sync_expert/prepare.py --data ../shared/data --motion packs/motion \
        --cache packs/landmarks --out packs/sync --s1-git LIPNET/.git \
        --lrwar-git ARABIC-LIP-READING/.git --research FOLDER_OF_MP4

After recipes/motion/prepare.py and sync.py, whose landmarks (``--cache``), splits and lags are
used. Writes index.json and, 25 rows a second: mel (N, 4, 80), jpeg (bytes of all pictures) and
ends (N,), where each picture's bytes end.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import squares
from numpy.typing import NDArray

from avsynth.models.sync import STEPS
from avsynth.speech.mel import BANDS
from avsynth.training import pack

sys.path.append(str(Path(__file__).parents[1] / "motion"))
import sources

_QUALITY = 90


def main() -> None:
    """Prepare everything that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with grid.csv")
    parser.add_argument("--motion", type=Path, required=True, help="pack with the lags")
    parser.add_argument("--cache", type=Path, default=Path("packs/landmarks"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--s1-git", type=Path)
    parser.add_argument("--lrwar-git", type=Path)
    parser.add_argument("--research", type=Path, help="folder of .mp4, one person each")
    parser.add_argument("--size", type=int, default=64, help="pixels")
    parser.add_argument("--every", type=int, default=1, help="one clip in so many, for a trial")
    parser.set_defaults(speech=None, research_dev=(), limit=None)  # of the motion recipe's sources
    options = parser.parse_args()
    media = {(item.source, item.name): item for item in sources.find(options)}
    known = pack.Pack.open(options.motion, ()).index.clips
    clips = [clip for clip in known if (clip.source, clip.name) in media][:: options.every]
    rows, mels, pictures, start = [], [], [], 0
    for number, clip in enumerate(clips):
        cached = options.cache / clip.source / f"{clip.name}.npz"
        with media[clip.source, clip.name].open() as path:
            made = squares.clip(path, cached, options.size)
        if made is None or len(made[0]) != clip.rows:
            raise SystemExit(f"{clip.name}: the landmarks are not those of the motion pack")
        rows.append(clip.model_copy(update={"start": start}))
        start += clip.rows
        pictures.append([jpeg(picture) for picture in made[0]])
        mels.append(made[1].T.reshape(-1, STEPS, BANDS).astype(np.float16))
        if number % 200 == 0:
            print(f"{number} of {len(clips)} clips", flush=True)
    every = [picture for many in pictures for picture in many]
    pack.save_array(options.out, "jpeg", np.frombuffer(b"".join(every), np.uint8))
    pack.save_array(options.out, "ends", np.cumsum([len(picture) for picture in every]))
    pack.save_array(options.out, "mel", np.concatenate(mels))
    notes = {"size": str(options.size)}
    pack.save_index(options.out, pack.PackIndex(rate=25, clips=tuple(rows), notes=notes))


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """A picture (S, S, 3) as the bytes of a JPEG."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    return bytes(cv2.imencode(".jpg", picture[..., ::-1], options)[1])


if __name__ == "__main__":
    main()
