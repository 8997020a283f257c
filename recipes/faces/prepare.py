"""Clips -> pack: portraits of a few people, and of many who are made of them.

    python recipes/faces/prepare.py --data ../shared/data --cache .packs/raw --out .packs/faces

Landmarks come from the cache of ``recipes/motion/prepare.py`` (CACHE/grid/NAME.npz, made there).
Train and dev people are apart, also as ancestors of morphs. Writes index.json, and a row a
portrait: pictures (one JPEG after the other), ends, points (478, 2) in sides, shape (K,) in
standard deviations; and shape_mean, shape_modes, shape_fields, shape_mirror, the model of shape
of the train people. A clip is one clip's portraits, or one set of morphs: ``morphs`` to train on,
``morphs-unseen`` of the same people to measure on, ``morphs-dev`` of the dev people.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from crops import Bytes, Crop, Floats, cut
from morphs import Mixer, small
from shapes import ShapeModel

from avsynth.models.face_shape import ShapeWarp
from avsynth.training import pack

sys.path.append(str(Path(__file__).parents[1] / "motion"))
import sources
from sources import Item

GRID = 32  # side of the fields of shape
_EACH = 40  # real portraits a person, about
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 94, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
#: Clips of the training people in which somebody wears glasses, found by looking.
GLASSES = {
    "u02_lbax4n", "s31_bgix8n", "s31_lbig7s", "s31_lbwo3s", "s31_lgbj5a", "s31_lrau5s",
    "s31_lrbvzp", "s31_lwiu7s", "s31_prwa4n",
}  # fmt: skip


def main() -> None:
    """Prepare what the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with grid.csv")
    parser.add_argument("--cache", type=Path, required=True, help="folder of landmarks")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--morphs", type=int, default=5000, help="to train on")
    parser.add_argument("--unseen", type=int, default=1000, help="of train and of dev people each")
    parser.add_argument("--modes", type=int, default=24, help="of shape")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    items = [i for i in sources.table(options.data / "grid.csv") if i.split in ("train", "dev")]
    crops = list(portraits(items, options.cache / "grid"))
    prepare(crops, options)


def portraits(items: Iterable[Item], cache: Path) -> Iterable[Crop]:
    """About as many of every person, from as many clips as there are."""
    people: dict[str, list[Item]] = {}
    for item in items:
        people.setdefault(item.person, []).append(item)
    for own in people.values():
        chosen = own[:: max(1, len(own) // _EACH)]
        for item in chosen:
            count = max(1, round(_EACH / len(chosen)))
            yield from cut(item, cache / f"{item.name}.npz", count, item.name in GLASSES)


def prepare(crops: Sequence[Crop], options: argparse.Namespace) -> None:
    """Real portraits and morphs of them into the pack at ``options.out``."""
    points = np.stack([crop.points for crop in crops])
    people = [crop.item.person for crop in crops]
    trained = np.array([crop.item.split == "train" for crop in crops])
    weights = np.array([1 / people.count(person) for person in people])
    model = ShapeModel.fit(points[trained], weights[trained], options.modes)
    warp = ShapeWarp(options.modes, GRID)
    warp.fields.copy_(torch.from_numpy(model.fields(GRID)))
    shapes = model.coordinates(points).astype(np.float32)
    rows = Rows(options.size)
    for name in dict.fromkeys(crop.item.name for crop in crops):
        own = [n for n, crop in enumerate(crops) if crop.item.name == name]
        item = crops[own[0]].item
        rows.begin(name, item.source, item.person, item.split, item.licence)
        for number in own:
            rows.add(crops[number].rgb.astype(np.float32), points[number], shapes[number])
    sets = (
        ("morphs", "train", options.morphs), ("morphs-unseen", "test_sentence", options.unseen),
        ("morphs-dev", "dev", options.unseen),
    )  # fmt: skip
    for number, (name, split, count) in enumerate(sets):
        own = np.flatnonzero(trained != (split == "dev"))
        mixer = Mixer([crops[i] for i in own], shapes[own], warp, model.mean)
        random = np.random.default_rng([options.seed, number])
        person = "made of dev people" if split == "dev" else "made of train people"
        rows.begin(name, "morph", person, split, "GRID, CC BY 4.0")
        for _ in range(count):
            morph = mixer.draw(random)
            rows.add(morph.rgb, model.points(morph.shape[None])[0], morph.shape)
        print(f"{name}: {count}", flush=True)
    arrays = {
        "shape_mean": model.mean.astype(np.float32), "shape_modes": model.modes.astype(np.float32),
        "shape_fields": model.fields(GRID), "shape_mirror": model.mirror(points),
    }  # fmt: skip
    rows.write(options.out, arrays)


class Rows:
    """The pack as it grows."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.clips: list[pack.Clip] = []
        self.jpegs: list[Bytes] = []
        self.points: list[Floats] = []
        self.shapes: list[Floats] = []

    def begin(self, name: str, source: str, person: str, split: str, licence: str) -> None:
        """A clip, to which what is added from now on belongs."""
        self.clips.append(
            pack.Clip.model_validate(
                {"name": name, "source": source, "person": person, "split": split,
                 "licence": licence, "purpose": "commercial", "start": len(self.jpegs), "rows": 1}
            )
        )  # fmt: skip

    def add(self, rgb: Floats, points: Floats, shape: Floats) -> None:
        """A portrait (S, S, 3) of 0..255."""
        picture = small(rgb, self.size)
        self.jpegs.append(cv2.imencode(".jpg", picture[..., ::-1], _JPEG)[1].ravel())
        self.points.append(points)
        self.shapes.append(shape)
        last = self.clips[-1]
        self.clips[-1] = last.model_copy(update={"rows": len(self.jpegs) - last.start})

    def write(self, out: Path, arrays: dict[str, Floats]) -> None:
        """Everything."""
        notes = {"size": str(self.size)}
        pack.save_index(out, pack.PackIndex(rate=25, clips=tuple(self.clips), notes=notes))
        pack.save_array(out, "pictures", np.concatenate(self.jpegs))
        pack.save_array(out, "ends", np.cumsum([len(jpeg) for jpeg in self.jpegs]))
        pack.save_array(out, "points", np.stack(self.points).astype(np.float16))
        pack.save_array(out, "shape", np.stack(self.shapes).astype(np.float16))
        for name, array in arrays.items():
            pack.save_array(out, name, array)
        megabytes = sum(len(jpeg) for jpeg in self.jpegs) / 2**20
        print(f"{len(self.jpegs)} portraits, {megabytes:.0f} MiB")


if __name__ == "__main__":
    main()
