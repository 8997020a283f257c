"""Pictures bent with their landmarks: heads of other shapes, and sources in other poses."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_ROUNDS = 4  # of finding where a point goes


@dataclass(frozen=True)
class Bend:
    """A smooth motion: ``matrix`` (2, 3) and ``field`` (S, S, 2) say where pixels come from."""

    matrix: NDArray[np.float64]
    field: Floats

    @classmethod
    def draw(
        cls, generator: np.random.Generator, size: int, turn: float, zoom: float, shift: float,
        bend: float,
    ) -> Bend:  # fmt: skip
        """At most ``turn`` radians, a logarithm of ``zoom``, ``shift`` and ``bend`` of the side."""
        angle, scale = generator.uniform(-turn, turn), np.exp(generator.uniform(-zoom, zoom))
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        middle = np.full(2, (size - 1) / 2.0)
        linear = np.array([[cos, -sin], [sin, cos]])
        offset = middle - linear @ middle + generator.uniform(-shift, shift, 2) * size
        few = generator.uniform(-bend, bend, (4, 4, 2)).astype(np.float32) * size
        field = cv2.resize(few, (size, size), interpolation=cv2.INTER_CUBIC)
        return cls(np.concatenate([linear, offset[:, None]], axis=1), np.asarray(field, np.float32))

    @property
    def origin(self) -> Floats:
        """Where each pixel comes from, (S, S, 2)."""
        size = len(self.field)
        line = np.arange(size, dtype=np.float32)
        places = np.stack(np.meshgrid(line, line), axis=-1) + self.field
        return np.asarray(
            places @ self.matrix[:, :2].T.astype(np.float32) + self.matrix[:, 2], np.float32
        )

    def points(self, points: Floats) -> Floats:
        """Where points (N, 3) of the picture go; z keeps its scale relative to x and y."""
        back = np.linalg.inv(self.matrix[:, :2])
        flat = (points[:, :2] - self.matrix[:, 2]) @ back.T
        # What is at p comes from p + field(p): found by going back and looking again.
        went = flat.astype(np.float32)
        for _ in range(_ROUNDS):
            moved = cv2.remap(  # type: ignore[call-overload]  # the stubs know of no single map
                self.field, went[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )[0]
            went = (flat - moved).astype(np.float32)
        scale = float(np.sqrt(abs(np.linalg.det(back))))
        return np.concatenate([went, points[:, 2:] * np.float32(scale)], axis=1)


def bent(picture: Bytes, points: Floats, *bends: Bend) -> tuple[Bytes, Floats]:
    """Picture (S, S, 3) and landmarks (478, 3) after ``bends``, one after the other."""
    origin = None
    for bend in bends:
        points = bend.points(points)
        step = bend.origin
        # The last bend is looked up first: pixel -> place in what the one before has made.
        origin = step if origin is None else _through(origin, step)
    if origin is None:
        return picture, points
    moved = cv2.remap(  # type: ignore[call-overload]  # as above
        picture, origin, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8), points


def _through(first: Floats, second: Floats) -> Floats:
    """Where pixels come from by way of ``second`` and then ``first``."""
    carried = cv2.remap(  # type: ignore[call-overload]  # as above
        first, second, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(carried, np.float32)
