"""A still portrait that is made to move: what renderers are given, and the classical one.

The portrait is the part of a picture that holds a head. It is given as pixels with landmarks; a
renderer answers with a picture for every set of landmarks that is wanted, and a mask by which the
caller puts it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.face.alignment import align
from avsynth.face.far_side import FarSide
from avsynth.face.head_mesh import Grid, HeadMesh
from avsynth.face.hollow import Hollow
from avsynth.face.matte import Layers
from avsynth.face.render import Patch
from avsynth.face.warp import Floats
from avsynth.media import Box

Bytes = NDArray[np.uint8]

_HALF_SIDE = 2.15  # of the region, eye distances: room for hair, and for the head to move
_CENTRE = (0.0, 0.0, 0.3)  # of the region, pose-free
_FEATHER = 0.05  # of the region's side, where the mask falls to 0
_CELLS = 200  # on the longer side of the grid on which motion is worked out


@dataclass(frozen=True, slots=True)
class Portrait:
    """The head in a picture.

    Attributes:
        rgb: uint8 (h, w, 3), the part ``box`` of the picture.
        box: where that is in the picture, inside it.
        points: float32 (478, 3), the landmarks, in pixels of ``box``.
    """

    rgb: Bytes
    box: Box
    points: Floats


class PortraitRenderer(Protocol):
    """Anything that makes a portrait move. Pure: equal arguments give equal patches."""

    name: str

    def render(self, wanted: Sequence[Floats]) -> list[Patch]:
        """A patch for each of ``wanted``, landmarks (478, 3) in pixels of the portrait's box."""
        ...


def portrait_box(points: NDArray[np.floating], width: int, height: int) -> Box:
    """The region of a picture of ``width`` x ``height`` that moves with the face ``points``.

    ``points`` (478, 3) are landmarks in its pixels. The region is a square, less what lies outside
    of the picture. InputError when nothing is left.
    """
    _, pose = align(np.asarray(points, dtype=np.float64)[None])
    x, y, _ = pose.to_image(np.array([_CENTRE]))[0, 0]
    half = _HALF_SIDE * float(pose.scale[0])
    box = Box(round(x - half), round(y - half), round(x + half), round(y + half))
    box = box.clip(width, height)
    if min(box.width, box.height) < 2:
        raise InputError("the face lies outside of the picture")
    return box


def region_mask(width: int, height: int) -> Floats:
    """float32 (h, w): 1, falling to 0 on the border."""
    feather = max(1.0, _FEATHER * max(width, height))

    def side(length: int) -> Floats:
        line = np.arange(length, dtype=np.float32)
        depth = np.clip(np.minimum(line, line[::-1]) / feather, 0.0, 1.0)
        return np.asarray(depth * depth * (3.0 - 2.0 * depth), dtype=np.float32)

    return np.asarray(np.minimum(side(height)[:, None], side(width)[None, :]))


def sample(rgb: Bytes, flow: Floats) -> Bytes:
    """The picture (h, w, 3) with every pixel taken from ``flow`` (h, w, 2) pixels beside it."""
    height, width = rgb.shape[:2]
    places = flow.copy()
    places[..., 0] += np.arange(width, dtype=np.float32)
    places[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(  # type: ignore[call-overload]  # the stubs know of no single map
        rgb, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, dtype=np.uint8)


class MeshPortrait:
    """Moves the portrait's own pixels by a mesh: nothing is learned, the floor to beat.

    Args:
        portrait: the still picture.
        layers: the same picture apart, whose background then stays; without, all moves as one.
    """

    name = "mesh"

    def __init__(self, portrait: Portrait, layers: Layers | None = None) -> None:
        self._portrait = portrait
        self._layers = layers
        self._height, self._width = portrait.rgb.shape[:2]
        self._mesh = HeadMesh(portrait.points, self._width, self._height)
        self._mask = region_mask(self._width, self._height)
        self._hollow = Hollow(portrait.rgb, portrait.points)
        self._far = FarSide(portrait.rgb, portrait.points, self._mesh)
        step = max(1, round(max(self._width, self._height) / _CELLS))
        first = (step - 1) / 2
        columns, rows = -(-self._width // step), -(-self._height // step)
        self._grid = Grid(columns, rows, step, first, first)

    def render(self, wanted: Sequence[Floats]) -> list[Patch]:
        """See :class:`PortraitRenderer`."""
        if not len(wanted):
            return []
        every = self._mesh.moved(np.stack(wanted))
        return [self._one(moved, points) for moved, points in zip(every, wanted, strict=True)]

    def _one(self, moved: Floats, wanted: Floats) -> Patch:
        flow = self._whole(self._mesh.flow(moved, self._grid))
        layers = self._layers
        rgb = sample(self._portrait.rgb, flow) if layers is None else layers.moved(flow)
        far = self._far.layer(moved, self._grid) if self._far else None
        if far is not None:
            rgb = self._far.put(rgb, *(self._whole(field) for field in far))
        lacking = self._hollow.added(rgb, wanted)
        if lacking is not None:
            added, row, column = lacking
            part = rgb[row : row + added.shape[0], column : column + added.shape[1]]
            part[:] = cv2.add(part, added, dtype=cv2.CV_8U)
        return Patch(self._portrait.box, rgb, self._mask)

    def _whole(self, field: Floats) -> Floats:
        """A field of the grid at every pixel of the portrait."""
        grid = self._grid
        if grid.step > 1:
            size = int(grid.columns * grid.step), int(grid.rows * grid.step)
            field = np.asarray(cv2.resize(field, size), dtype=np.float32)
        return field[: self._height, : self._width]
