"""Raw clips -> pack: a few pictures of each clip that are as unlike as can be, with landmarks.

    python recipes/reenact/prepare.py --data ../shared/data --cache packs/landmarks \
        --out packs/reenact [--s1-git LIPNET/.git] [--lrwar-git ARABIC-LIP-READING/.git] \
        [--research FOLDER] [--size 192]

Any two pictures of a clip are a pair: what a renderer is given and what it should make of it. Row 0
of a clip is its first picture with a face, the others are chosen so that landmarks differ most
(mouth and eyes open and shut, the head turned). All pictures of a clip show the same part of the
frame; clips of one camera (``s1``: all were taken in one sitting) share it, so that they may be
paired with each other. Landmarks come from the cache of ``recipes/motion/prepare.py`` (made there
if missing).

Writes index.json, pictures (bytes, one JPEG after the other), ends (F,) and points (F, 478, 3),
pixels of the square.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.face.landmarks import open_detector
from avsynth.face.portrait import portrait_box
from avsynth.face.portrait_square import PortraitSquare
from avsynth.media import Box, read_frames
from avsynth.training import pack

sys.path.append(str(Path(__file__).parents[1] / "motion"))
import sources

SITTINGS = ("s1",)  # sources all of whose clips one camera took, in one sitting
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 96, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
_SPREAD = 3.0  # how much more eyes and mouth count than other landmarks
_TELLING = (13, 14, 61, 291, 0, 17, 159, 145, 386, 374, 105, 334)  # lips, lids, brows
Floats = NDArray[np.float32]


@dataclasses.dataclass
class Taken:
    """Pictures of one clip, JPEGs, and landmarks (K, 478, 3) in their pixels."""

    jpegs: list[NDArray[np.uint8]]
    points: Floats


def main() -> None:
    """Prepare everything that the arguments name."""
    options = arguments()
    rows: list[pack.Clip] = []
    taken: list[Taken] = []
    boxes: dict[str, Box] = {}
    start = 0
    with open_detector("mediapipe") as detector:
        for item, count in choose(options):
            cached = options.cache / item.source / f"{item.name}.npz"
            if not cached.is_file():
                sources.extract(item, cached, detector)
            try:
                found = take(item, cached, count, options.size, boxes)
            except InputError as error:
                print(f"\n{item.name} left out: {error}")
                continue
            if found is None:
                continue
            rows.append(
                pack.Clip(
                    name=item.name, source=item.source, person=item.person, split=item.split,
                    licence=item.licence, purpose=item.purpose, start=start,
                    rows=len(found.jpegs),
                )
            )  # fmt: skip
            start += len(found.jpegs)
            taken.append(found)
            print(f"\r{len(rows)} clips, {start} pictures", end="", flush=True)
    print()
    write(options.out, rows, taken, options.size)


def arguments() -> argparse.Namespace:
    """The command line: that of the motion recipe, and how much to take."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    sources.add_arguments(parser)
    parser.add_argument("--pictures", type=int, default=24, help="of a clip, at most")
    parser.add_argument("--clips", type=int, default=250, help="of a person, at most")
    parser.add_argument("--size", type=int, default=192)
    return parser.parse_args()


def choose(options: argparse.Namespace) -> Iterator[tuple[sources.Item, int]]:
    """Clips and how many pictures to take of each: the more clips of a person, the fewer."""
    generator = np.random.default_rng(options.seed)
    options.speech = None
    limit, options.limit = options.limit, None
    people: dict[tuple[str, str], list[sources.Item]] = {}
    for item in sources.find(options):
        if item.split in ("train", "dev"):
            people.setdefault((item.split, item.person), []).append(item)
    done = 0
    for items in people.values():
        order = generator.permutation(len(items))[: options.clips]
        count = options.pictures if len(order) < options.clips else options.pictures // 3
        for number in sorted(order):
            if done != limit:
                done += 1
                yield items[number], max(2, count)


def take(
    item: sources.Item, cached: Path, count: int, size: int, boxes: dict[str, Box]
) -> Taken | None:
    """``count`` pictures of a clip at most; None where it shows a face too seldom."""
    with np.load(cached) as stored:
        points = stored["points"]
    seen = np.flatnonzero(np.isfinite(points).all(axis=(1, 2)))
    if len(seen) < 2:
        return None
    rows = seen[unlike(points[seen], count)]
    with item.open() as path:
        frames = {n: frame.rgb() for n, frame in enumerate(read_frames(path)) if n in rows}
    rows = np.array([row for row in rows if row in frames])
    height, width = next(iter(frames.values())).shape[:2]
    box = boxes.get(item.source) or square_box(points[rows[0]], width, height)
    if item.source in SITTINGS:
        boxes[item.source] = box
    square = PortraitSquare(box.width, box.height, size)
    local = points[rows] - np.array([box.x0, box.y0, 0.0], dtype=np.float32)
    jpegs = [
        cv2.imencode(".jpg", square.cut(frames[row][box.slices])[..., ::-1], _QUALITY)[1].ravel()
        for row in rows
    ]
    return Taken(jpegs, square.points(local))


def square_box(points: Floats, width: int, height: int) -> Box:
    """The portrait's box, cut to a square that holds no pixel from outside the frame."""
    box = portrait_box(points, width, height)
    side = min(box.width, box.height)
    x, y = box.x0 + (box.width - side) // 2, box.y0 + (box.height - side) // 2
    return Box(x, y, x + side, y + side)


def unlike(points: Floats, count: int) -> NDArray[np.intp]:
    """The first frame and those that are each farthest from all before: rows of (T, 478, 3)."""
    flat = points[..., :2] / np.ptp(points[..., 0], axis=1).mean()
    weight = np.ones(flat.shape[1])
    weight[list(_TELLING)] = _SPREAD * flat.shape[1] / len(_TELLING)
    middle = flat.mean(axis=1, keepdims=True)
    # Where the head is counts once, how the face looks by all its landmarks.
    shape = ((flat - middle) * np.sqrt(weight)[:, None]).reshape(len(flat), -1)
    place = middle[:, 0] * np.sqrt(flat.shape[1])
    looks = np.concatenate([shape, place], axis=1)
    chosen = [0]
    far = np.linalg.norm(looks - looks[0], axis=1)
    while len(chosen) < min(count, len(flat)):
        chosen.append(int(far.argmax()))
        far = np.minimum(far, np.linalg.norm(looks - looks[chosen[-1]], axis=1))
    return np.array(chosen)


def write(out: Path, rows: list[pack.Clip], taken: list[Taken], size: int) -> None:
    """The pack."""
    jpegs = [jpeg for one in taken for jpeg in one.jpegs]
    notes = {"size": str(size), "sittings": " ".join(SITTINGS)}
    pack.save_index(out, pack.PackIndex(rate=25, clips=tuple(rows), notes=notes))
    pack.save_array(out, "pictures", np.concatenate(jpegs))
    pack.save_array(out, "ends", np.cumsum([len(jpeg) for jpeg in jpegs]))
    pack.save_array(out, "points", np.concatenate([one.points for one in taken]))
    people = len({row.person for row in rows})
    print(f"{len(jpegs)} pictures, {people} people, {sum(map(len, jpegs)) / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
