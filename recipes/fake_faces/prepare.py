"""Real films of faces, and what each maker makes of them -> a corpus.

    python recipes/fake_faces/prepare.py --data ../shared/data --cache packs/landmarks \
        --out packs/fake_faces --lipsync lipsync-small [FILE ...] \
        [--s1-git LIPNET/.git] [--lrwar-git ARABIC-LIP-READING/.git] [--research FOLDER] \
        [--inpaint FILE ...] [--families lipsync warp ...] [--append]

Of every chosen clip a few windows of eight frames; of every window the real film and one fake of
every family. A window's films are published alike (size, codec, quality), whole frames at a time,
after the making; then the crop is cut. A fake holds pixels of its own split's people only, and
without ``research`` material unless its own person is that. What makes the fakes of shipped
weights was itself trained on GRID's training people alone.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from mouths import LipsyncMaker, WarpMaker
from pasted import BlendMaker, SwapMaker
from repainted import InpaintMaker
from shots import FRAMES, Made, Plan, Shot, crop, load

from avsynth.errors import InputError
from avsynth.face.landmarks import open_detector
from avsynth.training.face_corpus import FaceItem, FaceWriter

sys.path.append(str(Path(__file__).parents[1] / "motion"))
import sources

NEIGHBOURS = 6  # clips opened last, whose faces and movements are lent


class Maker(Protocol):
    """One family."""

    family: str

    def make(self, shot: Shot, others: list[Shot], generator: np.random.Generator) -> Made | None:
        """A fake of a shot, or None where this one serves badly; ``others`` lend what they show."""
        ...


def main() -> None:
    """Make everything that the arguments name."""
    options = arguments()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    groups: dict[tuple[str, str], deque[Shot]] = {}
    makers = {purpose: make_makers(options, purpose) for purpose in ("commercial", "research")}
    with ExitStack() as stack, FaceWriter(options.out, options.append) as writer:
        done = {item.name: item for item in writer.items}
        for item, count in choose(options, np.random.default_rng(options.seed)):
            cached = options.cache / item.source / f"{item.name}.npz"
            try:
                if not cached.is_file():
                    sources.extract(item, cached, stack.enter_context(open_detector("mediapipe")))
                opened = load(item, cached)
            except InputError as error:
                print(f"\n{item.name} left out: {error}")
                continue
            if opened is None:
                continue
            clip, raw = opened
            others = groups.setdefault((item.split, item.purpose), deque(maxlen=NEIGHBOURS))
            for take, first in takes(item, len(clip), count):
                task = Task(Shot(clip, first, raw), list(others), take, options.seed)
                add(writer, done, task, makers[item.purpose])
            others.append(Shot(clip, 0, raw))
            print(f"\r{len(writer.items)} films", end="", flush=True)
    print()


def arguments() -> argparse.Namespace:
    """The command line: that of the motion recipe, and what to make."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    sources.add_arguments(parser)
    parser.add_argument("--lipsync", nargs="+", default=["lipsync-small"], help="names or files")
    parser.add_argument("--lipsync-research", nargs="*", default=[])
    parser.add_argument("--inpaint", nargs="*", default=[], help="files of inpainter.py")
    parser.add_argument("--families", nargs="+", default=["lipsync", "warp", "blend", "swap"])
    parser.add_argument("--films", type=int, default=100, help="real ones of each person, at most")
    parser.add_argument("--films-research", type=int, default=16, help="the same of research")
    parser.add_argument(
        "--films-judged", type=int, default=24, help="of each who is not trained on"
    )
    parser.add_argument("--append", action="store_true", help="to a corpus that is there")
    return parser.parse_args()


def make_makers(options: argparse.Namespace, purpose: str) -> list[Maker]:
    """The families that are asked for."""
    research = options.lipsync_research if purpose == "research" else []
    known = {
        "lipsync": lambda: LipsyncMaker([*options.lipsync, *research], purpose),
        "warp": WarpMaker,
        "blend": BlendMaker,
        "swap": SwapMaker,
        "inpaint": lambda: InpaintMaker(options.inpaint),
    }
    return [known[family]() for family in options.families]


def choose(
    options: argparse.Namespace, generator: np.random.Generator
) -> Iterator[tuple[sources.Item, int]]:
    """Clips and how many windows to take of each: few of many clips, where there are many."""
    options.speech = None
    people: dict[str, list[sources.Item]] = {}
    for item in sources.find(argparse.Namespace(**vars(options) | {"limit": None})):
        key = f"{item.person}:{item.split}:{item.source if item.source == 'grid' else ''}"
        people.setdefault(key, []).append(item)
    chosen = []
    for items in people.values():
        research = items[0].purpose == "research"
        wanted = options.films_research if research else options.films
        if items[0].split != "train":
            wanted = options.films_judged
        order = generator.permutation(len(items))[:wanted]
        chosen += [(items[n], max(1, wanted // len(order))) for n in order]
    # Mixed, so that neighbours are other people.
    mixed = [chosen[n] for n in generator.permutation(len(chosen))]
    yield from mixed[: options.limit]


def takes(item: sources.Item, length: int, count: int) -> list[tuple[str, int]]:
    """Name and first frame of each film of a clip.

    In training every film is drawn anew. A clip to be judged is sampled as a scan samples it, a
    burst a second, and made a fake several times; one draw then holds for the bursts of a take,
    which are a video together.
    """
    if item.split == "train":
        count = min(count, max(1, (length - 2) // FRAMES))
        places = np.linspace(0, length - FRAMES, count + 2)[1:-1] if count > 1 else [length / 3]
        firsts = sorted({int(min(place, length - FRAMES)) for place in places})
        return [(f"{item.name}-{first:04d}", first) for first in firsts]
    bursts = max(1, min(length // 25, 8))
    firsts = [min(25 * n + 8, length - FRAMES) for n in range(bursts)]
    return [(f"{item.name}@{t}", f) for t in range(-(-count // bursts)) for f in firsts]


@dataclass(frozen=True)
class Task:
    """One window: the films made of it share the draws of ``take``."""

    shot: Shot
    others: list[Shot]
    take: str
    seed: int

    @property
    def name(self) -> str:
        """Of the real film."""
        whole = self.shot.clip.item.split == "train"
        return self.take if whole else f"{self.take}-{self.shot.first:04d}"

    def draws(self, purpose: str) -> np.random.Generator:
        """The same in whatever order films are made."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{self.take} {purpose}".encode())])


def add(writer: FaceWriter, done: dict[str, FaceItem], task: Task, makers: list[Maker]) -> None:
    """The real film of a window, and a fake of every maker, as far as they are not there yet."""
    shot, item, name = task.shot, task.shot.clip.item, task.name
    plan = Plan.draw(task.draws("plan"), judged=item.split != "train")
    raw = plan.place(shot.raw[shot.frames])

    def write(what: Made | None, family: str) -> None:
        film = shot.film if what is None else what.film
        cut = crop(plan.publish(film), raw, None if what is None else what.mask)
        called = name if what is None else f"{name}-{family}"
        if what is not None and cut[2].max() < 0.1:
            return  # nothing to be seen of it
        done[called] = writer.add(
            *cut[:3], name=called, label="real" if what is None else "fake", family=family,
            system="" if what is None else what.system, person=item.person, source=item.source,
            split=item.split, original="" if what is None else name, purpose=item.purpose,
            zoom=cut[3], codec=str(plan),
        )  # fmt: skip

    if name not in done:
        write(None, "real")
    for maker in makers:
        if f"{name}-{maker.family}" not in done:
            what = maker.make(shot, task.others, task.draws(maker.family))
            if what is not None:
                write(what, maker.family)


if __name__ == "__main__":
    main()
