"""Training windows out of a pack: people drawn evenly, JPEGs read ahead of the training."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsynth.errors import UsageError
from avsynth.training.pack import Clip, Pack

_AHEAD = 3  # batches


class Windows:
    """The windows of a pack that ``purpose`` allows, training ones and held-out ones."""

    def __init__(self, folder: Path, purpose: str, hold_out: tuple[str, ...] = ()) -> None:
        self.pack = Pack.open(folder, ["pictures", "ends", "mel"])
        self._starts = np.concatenate([[0], self.pack.arrays["ends"][:-1]])
        self.people: dict[str, list[int]] = defaultdict(list)
        self.held_out: list[int] = []
        self.clips: list[Clip] = []
        for clip in self.pack.index.clips:
            if purpose == "commercial" and clip.purpose != "commercial":
                continue
            numbers = range(clip.start, clip.start + clip.rows)
            if clip.split == "dev" or clip.person in hold_out:
                self.held_out += numbers
            elif clip.split == "train":
                self.people[clip.person] += numbers
                self.clips.append(clip)
        if not self.people or not self.held_out:
            raise UsageError("the pack has nothing to train on, or nothing to validate on")

    def batch(self, numbers: list[int], ways: NDArray[np.intp]) -> dict[str, Tensor]:
        """Windows by number: truth, picture, maps (B, T, 3, S, S) in 0..1 and mel (B, 80, M).

        ``ways`` (B,) says which of the two reconstructions is taken, 0 or 1.
        """
        mosaics = torch.from_numpy(np.stack([self._mosaic(n) for n in numbers]))
        squares = mosaics.permute(0, 1, 3, 2, 4, 5).float().div_(255.0)  # (B, T, 4, 3, S, S)
        index = torch.arange(len(numbers))
        mel = torch.from_numpy(self.pack.arrays["mel"][numbers].astype(np.float32))
        return {
            "truth": squares[:, :, 0],
            "picture": squares[index, :, 1 + torch.from_numpy(ways)],
            "maps": squares[:, :, 3],
            "mel": mel,
        }

    def _mosaic(self, number: int) -> NDArray[np.uint8]:
        """(T, 3, 4, S, S)."""
        start, end = int(self._starts[number]), int(self.pack.arrays["ends"][number])
        bgr = cv2.imdecode(self.pack.arrays["pictures"][start:end], cv2.IMREAD_COLOR)
        assert bgr is not None
        side = bgr.shape[1] // 4
        rows = bgr[..., ::-1].reshape(-1, side, 4, side, 3)
        return np.ascontiguousarray(rows.transpose(0, 4, 2, 1, 3))

    def draw(
        self, batch: int, seed: int, step: int, far: float = 0.5
    ) -> tuple[list[int], NDArray[np.intp]]:
        """Windows and ways of step ``step``: people evenly, then their windows evenly."""
        generator = np.random.default_rng((seed, step))
        people = list(self.people.values())
        chosen = [people[generator.integers(len(people))] for _ in range(batch)]
        numbers = [mine[generator.integers(len(mine))] for mine in chosen]
        ways = generator.integers(2, size=batch)
        return numbers, ways * (generator.random(batch) < 2.0 * far)

    def batches(
        self, batch: int, seed: int, done: int = 0, far: float = 0.5
    ) -> Iterator[dict[str, Tensor]]:
        """Training batches from step ``done`` + 1 on, for ever, read ahead."""
        with ThreadPoolExecutor(1) as reader:
            waiting: deque[Future[dict[str, Tensor]]] = deque()
            for step in itertools.count(done + 1):
                waiting.append(reader.submit(self.batch, *self.draw(batch, seed, step, far)))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
