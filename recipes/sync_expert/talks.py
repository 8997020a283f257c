"""Clips of a pack with mouth and sound moved onto each other."""

from __future__ import annotations

import dataclasses
import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.training.pack import Clip, Pack


@dataclasses.dataclass(frozen=True)
class Talk:
    """One clip in sync: its pictures as JPEG bytes, T of them, and mel (T, steps, bands)."""

    clip: Clip
    pictures: list[NDArray[np.uint8]]
    mel: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.pictures)

    def film(self, part: slice = slice(None)) -> NDArray[np.uint8]:
        """Pictures (T, S, S, 3) of a stretch, red first."""
        return np.stack([cv2.imdecode(p, cv2.IMREAD_COLOR_RGB) for p in self.pictures[part]])


def load(pack: Pack, clip: Clip) -> Talk:
    """A clip with its lag undone: what of the two overlaps."""
    ends = pack.arrays["ends"]
    first = clip.start
    starts = np.append(ends[first - 1] if first else 0, ends[first : first + clip.rows])
    jpeg = pack.arrays["jpeg"]
    pictures = [jpeg[a:b] for a, b in itertools.pairwise(starts)]
    mel, lag, rows = pack.rows(clip, "mel"), clip.lag, clip.rows
    if lag >= 0:
        return Talk(clip, pictures[lag:], mel[: rows - lag])
    return Talk(clip, pictures[:lag], mel[-lag:])
