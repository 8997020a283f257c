"""The cheek that a turned head hides, taken from the head's other side.

A mesh can only stretch what a picture shows. In a three-quarter view the far cheek is a few pixels
of skin beside hair or background, and a head that turns back draws them wide. Faces are nearly
symmetric, so what is lacking is taken from the near cheek, in the far one's light.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face.alignment import align
from avsynth.face.head_mesh import Grid, HeadMesh
from avsynth.face.head_topology import EYES
from avsynth.face.warp import Floats

Bytes = NDArray[np.uint8]
Wide = NDArray[np.float64]

# Of the area that its mirror image has in the picture: a side of the face that has less is turned
# away, and a place on it that has less counts as hidden ...
_AWAY = (0.45, 0.35)
_HIDDEN = (0.6, 0.3)
# ... and is made up for where it is to be drawn so much larger than it is there.
_STRETCHED = (1.03, 1.3)
_TURNED = (1.15, 1.6)  # and that in all, or the head has hardly turned
_SIDE = (0.22, 0.38)  # distance from the middle of the face, eye distances: nose and mouth stay
_LIGHT = (0.6, 1.6)  # what the far side may be darker or brighter by
_LIDS = np.unique([landmark for eye in EYES for line in eye for landmark in line])


class FarSide:
    """The hidden cheek of one still picture.

    Args:
        rgb: uint8 (h, w, 3), the picture.
        points: float32 (478, 3), the landmarks in its pixels.
        mesh: its mesh.
    """

    def __init__(self, rgb: Bytes, points: Floats, mesh: HeadMesh) -> None:
        self._rgb, self._mesh = rgb, mesh
        skin = mesh.topology.skin
        source = np.asarray(points, dtype=np.float64)
        _, pose = align(source[None])
        free = (source - pose.offset[0]) @ np.linalg.inv(pose.matrix[0])
        self._mirrored = mesh.vertices.astype(np.float64)
        self._mirrored[: len(skin)] = source[_mirror(free, skin), :2]
        self._areas = _areas(mesh.vertices, mesh.topology.triangles)
        shown = -_areas(self._mirrored, mesh.topology.triangles)
        own, other = (_around(mesh, area) for area in (self._areas, shown))
        self._own = np.maximum(own, 1e-9)
        count, x = len(skin), free[skin, 0]
        share = np.where(other > 0.0, own / np.maximum(other, 1e-9), np.inf)[:count]
        #: How far each vertex is hidden, (V,), 0..1.
        self._hidden = np.zeros(len(mesh.vertices))
        for side in (x < -_SIDE[0], x > _SIDE[0]):
            away = _ramp(own[:count][side].sum() / other[:count][side].sum(), *_AWAY)
            self._hidden[:count][side] = away * _ramp(share[side], *_HIDDEN)
        self._hidden[:count] *= _ramp(np.abs(x), *_SIDE) * ~np.isin(skin, _LIDS)
        self._light = self._measured(share, free[skin])

    def __bool__(self) -> bool:
        """Whether anything is hidden at all."""
        return bool(self._hidden.max() > 0.0)

    def layer(self, moved: Floats, grid: Grid) -> tuple[Floats, Floats] | None:
        """Where the far side comes from, and how much of it is needed, where anything is.

        ``moved`` (V, 2) is one frame of the mesh. Flow float32 (rows, columns, 2) in pixels of the
        picture, and weights (rows, columns), 0..1.
        """
        wanted = _around(self._mesh, _areas(moved, self._mesh.topology.triangles))
        turned = wanted @ self._hidden / (self._own @ self._hidden)
        needed = self._hidden * _ramp(turned, *_TURNED) * _ramp(wanted / self._own, *_STRETCHED)
        if needed.max() < 0.01:
            return None
        return self._mesh.flow(moved, grid, self._mirrored), self._mesh.weights(moved, grid, needed)

    def put(self, rgb: Bytes, flow: Floats, weight: Floats) -> Bytes:
        """``rgb`` with the far side put in; ``flow`` and ``weight`` at each of its pixels."""
        places = flow.copy()
        places[..., 0] += np.arange(flow.shape[1], dtype=np.float32)
        places[..., 1] += np.arange(flow.shape[0], dtype=np.float32)[:, None]
        there = cv2.remap(  # type: ignore[call-overload]  # the stubs know of no single map
            self._rgb, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        lit = there * self._light
        blended = rgb + weight[..., None] * (lit - rgb)
        return np.asarray(np.clip(blended + 0.5, 0, 255), dtype=np.uint8)

    def _measured(self, share: Wide, free: Wide) -> Floats:
        """How much brighter the far cheek is than the near one, (3,), where both are seen."""
        x, y, _ = free.T
        far = (share < 1.0) & (share > _HIDDEN[0])
        seen = np.flatnonzero(far & (np.abs(x) > _SIDE[0]) & (y > 0.0))
        if not len(seen):
            return np.ones(3, dtype=np.float32)
        height, width = self._rgb.shape[:2]

        def colour(vertices: NDArray[np.floating]) -> Wide:
            column, row = np.rint(vertices[seen]).astype(int).T
            row, column = row.clip(0, height - 1), column.clip(0, width - 1)
            return np.asarray(np.median(self._rgb[row, column], axis=0), dtype=np.float64)

        ratio = colour(self._mesh.vertices) / np.maximum(colour(self._mirrored), 1.0)
        return np.clip(ratio, *_LIGHT).astype(np.float32)


def _mirror(free: Wide, skin: NDArray[np.intp]) -> NDArray[np.intp]:
    """The landmark that is nearest to the mirror image of each of ``skin``."""
    image = free[skin] * [-1.0, 1.0, 1.0]
    return np.asarray(np.linalg.norm(image[:, None] - free[None], axis=2).argmin(axis=1))


def _areas(vertices: NDArray[np.floating], triangles: NDArray[np.int32]) -> Wide:
    """Twice the areas (T,) of triangles, negative where one is seen from behind."""
    corners = np.asarray(vertices, dtype=np.float64)[triangles]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def _around(mesh: HeadMesh, areas: Wide) -> Wide:
    """Sum of the triangles' ``areas`` around each vertex, (V,); those of the face alone."""
    triangles = mesh.topology.triangles
    face = (triangles < len(mesh.topology.skin)).all(axis=1)
    total = np.zeros(len(mesh.vertices))
    np.add.at(total, triangles[face], areas[face][:, None])
    return total


def _ramp(values: Wide | float, low: float, high: float) -> Wide:
    """0 at ``low``, 1 at ``high``, smooth between; ``low`` may be the larger one."""
    t = np.clip((values - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))
