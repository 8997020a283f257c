"""Films of eight frames of reenacted and imagined people, and real ones: a corpus of faces.

    python recipes/new_generators/corpus.py --data ../shared/data --cache packs/landmarks \
        --out packs/new_faces [--s1-git LIPNET/.git] [--systems mesh reenact-small] \
        [--portraits FOLDER] [--films 40] [--append]

As ``recipes/fake_faces`` makes its families: of every window the real film and what was made of the
same person, published alike; then the detector's crop is cut, of a fake where its face was meant to
be. ``reenact``: the window's first picture moves as another person of the same split did, or, one
time in three, as the person did in another moment. ``imagine``: a portrait of nobody, as large as
the real face, moves as the window's person does. Sources and drivers never cross splits.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from clips import Clip, opened
from making import Moved, System, as_large_as, moved, system_named
from portraits import Nobody, portraits

from avsynth.errors import InputError
from avsynth.face.mesh import STORED
from avsynth.training.face_corpus import FRAMES, FaceWriter

sys.path += [str(Path(__file__).parents[1] / name) for name in ("fake_faces", "motion")]
import sources
from shots import Plan, crop

_OWN = 1 / 3  # of reenacted films move as their own person did
_APART = 20  # frames at least between a source and a moment of its own clip
_KEPT = 8  # clips of a split that may drive at a time


@dataclass(frozen=True)
class Making:
    """What films are made with."""

    systems: dict[str, System]
    nobodies: Sequence[Nobody]
    seed: int

    def draws(self, name: str) -> np.random.Generator:
        """The same in whatever order films are made."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])


def main() -> None:
    """Make the corpus."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    sources.add_arguments(parser)
    parser.add_argument("--systems", nargs="+", default=["mesh"], help="mesh, names or files")
    parser.add_argument("--portraits", type=Path, help="folder of avsynth imagine")
    parser.add_argument("--films", type=int, default=40, help="windows of each person, at most")
    parser.add_argument("--append", action="store_true", help="to a corpus that is there")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    systems = {Path(name).stem: system_named(name) for name in options.systems}
    nobodies = portraits(options.portraits) if options.portraits else []
    making = Making(systems, nobodies, options.seed)
    with FaceWriter(options.out, options.append) as writer:
        near: dict[str, list[Clip]] = {}
        for clip, count in chosen(options):
            drivers = [other for other in near.get(clip.split, []) if other.person != clip.person]
            for first in windows(len(clip), count):
                add(writer, making, clip, first, drivers)
            near[clip.split] = [*near.get(clip.split, []), clip][-_KEPT:]
            print(f"{clip.name}: {len(writer.items)} films", flush=True)


def chosen(options: argparse.Namespace) -> Iterator[tuple[Clip, int]]:
    """Clips in mixed order, and how many windows to take of each."""
    people: dict[str, list[sources.Item]] = {}
    options.speech = None
    for item in sources.find(options):
        if item.purpose == "commercial" and item.split != "test_sentence":
            people.setdefault(item.person, []).append(item)
    rng = np.random.default_rng(options.seed)
    taken = []
    for items in people.values():
        order = rng.permutation(len(items))[: options.films]
        taken += [(items[n], -(-options.films // len(order))) for n in order]
    for place in rng.permutation(len(taken)):
        item, count = taken[place]
        try:
            clip = opened(item, options.cache / item.source / f"{item.name}.npz")
        except (InputError, OSError) as error:
            print(f"{item.name} left out: {error}")
            continue
        if clip is not None and len(clip) >= 2 * FRAMES:
            yield clip, min(count, len(clip) // FRAMES)


def windows(length: int, count: int) -> list[int]:
    """First frames of ``count`` windows spread over a clip."""
    return sorted({int(place) for place in np.linspace(0, length - FRAMES, count + 2)[1:-1]})


def add(
    writer: FaceWriter, making: Making, clip: Clip, first: int, drivers: Sequence[Clip]
) -> None:
    """The real film of a window, one reenacted, one imagined where there are portraits."""
    name = f"{clip.name}-{first:04d}"
    plan = Plan.draw(making.draws(name), judged=clip.split != "train")
    window = slice(first, first + FRAMES)
    known = {item.name for item in writer.items}
    if name not in known:
        nowhere = np.zeros(clip.pictures.shape[1:3], np.float32)
        real = Moved(clip.pictures[window], clip.points[window], nowhere)
        _write(writer, plan, clip, real, name=name, family="real")
    draws = making.draws(f"{name} {' '.join(making.systems)}")
    system = sorted(making.systems)[int(draws.integers(len(making.systems)))]
    made = None
    if f"{name}-reenact-{system}" not in known:
        made = reenacted(clip, first, drivers, making.systems[system], draws)
    if made is not None:
        _write(writer, plan, clip, made, name=name, family="reenact", system=system)
    mine = [nobody for nobody in making.nobodies if nobody.split == clip.split]
    if mine and f"{name}-imagine-{system}" not in known:
        nobody = mine[int(draws.integers(len(mine)))]
        rgb, points = as_large_as(nobody.rgb, nobody.points, clip.points[first])
        made = moved(rgb, points, clip.points, window, making.systems[system])
        _write(
            writer, plan, nobody.clip(clip.samples[:0]), made,
            name=name, family="imagine", system=system,
        )  # fmt: skip


def reenacted(
    clip: Clip, first: int, drivers: Sequence[Clip], system: System, draws: np.random.Generator
) -> Moved | None:
    """The window's first picture moved by another, or by the person's own other moment."""
    far = [n for n in range(len(clip) - FRAMES) if abs(n - first) >= _APART]
    own = bool(far) and (draws.random() < _OWN or not drivers)
    if not own and not drivers:
        return None
    driver = clip if own else drivers[int(draws.integers(len(drivers)))]
    starts = far if own else range(len(driver) - FRAMES)
    start = starts[int(draws.integers(len(starts)))]
    window = slice(start, start + FRAMES)
    return moved(clip.pictures[first], clip.points[first], driver.points, window, system)


def _write(
    writer: FaceWriter, plan: Plan, clip: Clip, made: Moved, *, name: str, family: str,
    system: str = "",
) -> None:  # fmt: skip
    """Publish a film, cut the crops, and add it. An imagined person's original is nobody's."""
    real = family == "real"
    mask = None if real else np.repeat(made.mask[None], FRAMES, axis=0)
    film, points, masks, zoom = crop(
        plan.publish(made.film), plan.place(made.points[:, STORED].copy()), mask
    )
    writer.add(
        film, points, masks, name=name if real else f"{name}-{family}-{system}",
        label="real" if real else "fake", family=family, system=system, person=clip.person,
        source="s1" if clip.source == "s1" else "grid", split=clip.split,
        original=name if family == "reenact" else "", purpose="commercial", zoom=zoom,
        codec=str(plan),
    )  # fmt: skip


if __name__ == "__main__":
    main()
