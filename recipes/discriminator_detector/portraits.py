"""Prepared whole faces as training batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from batches import changed, joined

from avsynth.face.mesh import MESH_POINTS
from avsynth.face.portrait_square import draw_face
from detectors import views
from detectors.films import FACE, SIDE

if TYPE_CHECKING:
    from examples import Row

PICTURES = 4  # of a film's eight that are kept


class Portraits:
    """Whole faces, one picture at a time."""

    def __init__(self, folder: Path, rows: tuple[Row, ...], versions: int) -> None:
        self.rows, self.versions = rows, versions
        shape = (len(rows), versions, PICTURES, FACE, FACE, 3)
        self._faces = np.memmap(folder / "faces.bin", np.uint8, "r", shape=shape)
        shape = (len(rows), PICTURES, MESH_POINTS, 2)
        self._points = np.memmap(folder / "points.bin", np.float32, "r", shape=shape)

    def batch(self, numbers: Sequence[int], seeds: Sequence[int]) -> views.Batch:
        """See ``Examples``; mirrored or not, in light and colour a little changed."""
        made = []
        for number, seed in zip(numbers, seeds, strict=True):
            generator = np.random.default_rng(seed)
            version = int(generator.integers(self.versions))
            picture = int(generator.integers(PICTURES))
            seen = self._seen(number, version, slice(picture, picture + 1))
            made.append(changed(seen, generator))
        return joined(made)

    def whole(self, row: Row, version: int) -> views.Batch:
        """See ``Examples``: all pictures that are kept."""
        return self._seen(row.number, version, slice(None))

    def _seen(self, number: int, version: int, which: slice) -> views.Batch:
        points = (self._points[number, which] + 0.5) * (FACE / SIDE) - 0.5
        drawn = [draw_face(each.astype(np.float32), FACE) for each in points]
        return views.faces(self._faces[number, version, which], np.stack(drawn))
