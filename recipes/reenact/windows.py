"""Pairs out of a pack: a source, what it is to become, and what the network sees of both.

People are drawn evenly, then their clips, then two pictures. Both are bent alike (another shape of
head); some sources are bent once more, alone: the same face in another pose must give the same
result (equivariance), whatever stands behind it.
"""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from bending import Bend, bent
from numpy.typing import NDArray
from settings import Settings
from torch import Tensor

from avsynth.errors import UsageError
from avsynth.face.head_mesh import Grid, HeadMesh
from avsynth.face.head_topology import Topology
from avsynth.face.hollow import Hollow, openness
from avsynth.face.portrait import region_mask
from avsynth.models.reenact_renderer import Squares, squares, to_batch
from avsynth.training.pack import Clip, Pack

_AHEAD = 3  # batches
_WIDE = 4  # a quarter of a clip's mouths count as wide open
_SHAPES = {"turn": 0.2, "zoom": 0.15, "shift": 0.03, "bend": 0.02}  # of pseudo-identities
_POSES = {"zoom": 0.05, "bend": 0.01}  # of sources bent alone
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Rows of two pictures, and the clip of the first."""

    source: int
    driver: int
    clip: Clip


class Windows:
    """The pairs of a pack that the settings allow, training ones and held-out ones."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.pack = Pack.open(folder, ["pictures", "ends", "points"])
        self._settings = settings
        self._starts = np.concatenate([[0], self.pack.arrays["ends"][:-1]])
        self._sittings = set(self.pack.index.notes.get("sittings", "").split())
        self._topologies: dict[str, Topology] = {}
        self.people: dict[str, list[Clip]] = defaultdict(list)
        held_out: list[Clip] = []
        for clip in self.pack.index.clips:
            if settings.purpose == "commercial" and clip.purpose != "commercial":
                continue
            if clip.split == "dev" or clip.person in settings.hold_out:
                held_out.append(clip)
            elif clip.split == "train" and clip.rows > 1:
                self.people[clip.person].append(clip)
        if not self.people or not held_out:
            raise UsageError("the pack has nothing to train on, or nothing to validate on")
        self._open = np.array([openness(points) for points in self.pack.arrays["points"]])
        self.clips = [clip for mine in self.people.values() for clip in mine]
        every = [
            Pair(clip.start, clip.start + row, clip)
            for clip in held_out
            for row in range(1, clip.rows)
        ]
        self.held_out = every[:: max(1, len(every) // settings.validated)]
        size = int(self.pack.index.notes["size"])
        self._grid = Grid(size, size, 1.0, 0.0, 0.0)
        self._mask = torch.from_numpy(region_mask(size, size))[None, None]

    def batch(
        self, pairs: Sequence[Pair], generator: np.random.Generator | None = None
    ) -> dict[str, Tensor]:
        """What ``ReenactNetwork`` takes of the pairs, with ``truth`` (B, 3, S, S), 0..1, ``mask``
        (1, 1, S, S), and ``alone`` (B,), 1 where the source was bent alone.

        Without ``generator`` nothing is bent.
        """
        made = [self._one(pair, generator) for pair in pairs]
        sources, truths, seen, alone = zip(*made, strict=True)
        batch = to_batch(sources, seen)
        truth = np.stack([x.transpose(2, 0, 1) for x in truths])
        return batch | {
            "truth": torch.from_numpy(truth).float() / 255.0,
            "mask": self._mask,
            "alone": torch.tensor(alone, dtype=torch.float32),
        }

    def _one(
        self, pair: Pair, generator: np.random.Generator | None
    ) -> tuple[Bytes, Bytes, Squares, bool]:
        (source, points), (truth, wanted) = (self._row(n) for n in (pair.source, pair.driver))
        settings, size, alone = self._settings, len(source), False
        if generator is not None:
            shape = [Bend.draw(generator, size, **_SHAPES)] if settings.identities else []
            alone = bool(generator.random() < settings.bent)
            turned = {"turn": settings.turned, "shift": settings.shifted}
            pose = [Bend.draw(generator, size, **turned, **_POSES)] if alone else []
            source, points = bent(source, points, *shape, *pose)
            truth, wanted = bent(truth, wanted, *shape)
        mesh = HeadMesh(points, size, size, self._topology(pair.clip))
        flow = mesh.flow(mesh.moved(wanted[None])[0], self._grid)
        return source, truth, squares(source, Hollow(source, points), flow, wanted), alone

    def _topology(self, clip: Clip) -> Topology:
        """That of the person's first picture: one for all clips, whichever is paired with which."""
        if clip.person not in self._topologies:
            points = self.pack.arrays["points"][clip.start]
            size = self._grid.columns
            self._topologies[clip.person] = HeadMesh(points, size, size).topology
        return self._topologies[clip.person]

    def _row(self, number: int) -> tuple[Bytes, Floats]:
        start, end = int(self._starts[number]), int(self.pack.arrays["ends"][number])
        bgr = cv2.imdecode(self.pack.arrays["pictures"][start:end], cv2.IMREAD_COLOR)
        assert bgr is not None
        return np.ascontiguousarray(bgr[..., ::-1]), self.pack.arrays["points"][number]

    def draw(self, generator: np.random.Generator) -> Pair:
        """Two pictures of one person in one place."""
        people = list(self.people.values())
        mine = people[generator.integers(len(people))]
        first = second = mine[generator.integers(len(mine))]
        same = [c for c in mine if c.source == first.source]
        if first.source in self._sittings and generator.random() < self._settings.sitting:
            second = same[generator.integers(len(same))]
        source = first.start + int(generator.integers(first.rows))
        driver = second.start + int(generator.integers(second.rows))
        if generator.random() < self._settings.opened:
            rows = np.arange(second.start, second.start + second.rows)
            widest = rows[np.argsort(self._open[rows])][-max(1, second.rows // _WIDE) :]
            driver = int(generator.choice(widest))
        return Pair(source, driver, first)

    def batches(self, seed: int, done: int = 0) -> Iterator[dict[str, Tensor]]:
        """Training batches from step ``done`` + 1 on, for ever, made ahead."""

        def make(step: int) -> dict[str, Tensor]:
            generator = np.random.default_rng((seed, step))
            return self.batch(
                [self.draw(generator) for _ in range(self._settings.batch)], generator
            )

        with ThreadPoolExecutor(1) as maker:
            waiting: deque[Future[dict[str, Tensor]]] = deque()
            for step in itertools.count(done + 1):
                waiting.append(maker.submit(make, step))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
