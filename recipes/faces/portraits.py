"""The pack in memory: portraits by what they are for, and batches to train on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsynth.training import pack

Bytes = NDArray[np.uint8]


class Portraits:
    """Rows of a pack from ``prepare.py``, as pictures of ``size`` px."""

    def __init__(self, folder: Path, size: int) -> None:
        arrays = ["pictures", "ends", "shape", "shape_mirror", "shape_fields"]
        self._pack, self.size = pack.Pack.open(folder, arrays), size
        self.fields = torch.from_numpy(self._pack.arrays["shape_fields"]).float()
        self.clips = {clip.name: clip for clip in self._pack.index.clips}
        self._mirror = self._pack.arrays["shape_mirror"].astype(np.float32)

    def rows(self, what: str) -> NDArray[np.intp]:
        """Numbers of the rows of a set of morphs by name, or real ones of split "train", "dev"."""
        real = what in ("train", "dev")
        return np.concatenate(
            [
                np.arange(clip.start, clip.start + clip.rows)
                for clip in self.clips.values()
                if (clip.source != "morph" and clip.split == what if real else clip.name == what)
            ]
        )

    def people(self, rows: NDArray[np.intp]) -> list[str]:
        """Whose portraits they are."""
        starts = [clip.start for clip in self.clips.values()]
        names = [clip.person for clip in self.clips.values()]
        return [names[i] for i in np.searchsorted(starts, rows, side="right") - 1]

    def pictures(self, rows: NDArray[np.intp]) -> Bytes:
        """(N, S, S, 3)."""
        ends, stream = self._pack.arrays["ends"], self._pack.arrays["pictures"]
        found = np.empty((len(rows), self.size, self.size, 3), np.uint8)
        for place, row in enumerate(rows):
            jpeg = stream[ends[row - 1] if row else 0 : ends[row]]
            rgb = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1]
            found[place] = cv2.resize(rgb, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return found

    def shapes(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """(N, K), in standard deviations."""
        return self._pack.arrays["shape"][rows].astype(np.float32)

    def training(self) -> Training:
        """What may be trained on: morphs of the train people, and nobody real."""
        rows = self.rows("morphs")
        return Training(self.pictures(rows), self.shapes(rows), self._mirror)


class Training:
    """Draws batches; a step has draws of its own."""

    def __init__(
        self, pictures: Bytes, shapes: NDArray[np.float32], mirror: NDArray[np.float32]
    ) -> None:
        self.pictures, self._shapes, self._mirror = pictures, shapes, mirror

    def batch(self, count: int, seed: list[int]) -> dict[str, Tensor]:
        """``picture`` (N, 3, S, S) in 0..1 and ``shape`` (N, K), half of them mirrored."""
        random = np.random.default_rng(seed)
        rows = random.integers(len(self.pictures), size=count)
        mirrored = random.random(count) < 0.5
        pictures = [
            self.pictures[row][:, ::-1] if flip else self.pictures[row]
            for row, flip in zip(rows, mirrored, strict=True)
        ]
        sign = np.where(mirrored[:, None], self._mirror, 1.0).astype(np.float32)
        return {
            "picture": to_tensor(np.stack(pictures)),
            "shape": torch.from_numpy(self._shapes[rows] * sign),
        }


def to_tensor(pictures: Bytes) -> Tensor:
    """(N, S, S, 3) bytes -> (N, 3, S, S) in 0..1, channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255.0


def to_bytes(pictures: Tensor) -> Bytes:
    """The other way."""
    made = pictures.detach().float().clamp(0, 1).permute(0, 2, 3, 1).numpy()
    return np.ascontiguousarray(made * 255.0 + 0.5).astype(np.uint8)
