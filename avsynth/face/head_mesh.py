"""A mesh over a whole head in a still picture: the face's landmarks, and rings around them.

The landmarks are known in every picture. Scalp, hair, ears and neck have none: two rings of helper
vertices stand for them, placed in the pose-free space of ``alignment`` at the depth of a head's
outline, so that they turn and shift with the head. They fade to a third ring on the border of the
picture that never moves: background and shoulders stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face.alignment import Poses, align
from avsynth.face.head_topology import MIDDLE, OVAL, Topology, head_topology
from avsynth.face.warp import Floats, Raster, Triangulation

Wide = NDArray[np.float64]

_SMOOTH = 1.0  # places of the grid
_LEAST_GAP = 0.3  # of what lies between two rings in the still picture
_LEAST_DEPTH = 0.3  # of how much depth shows in a picture, for heads nearly in profile


@dataclass(frozen=True, slots=True)
class _Ring:
    """A ring of helper vertices, beside the oval's points.

    ``reach``: distance from the oval in eye distances, but at most the part ``share`` of the way
    to the border. ``depth``: pose-free z. ``head``: the share of the head's movement that it takes
    on, at the top, the sides and below; ``skin``: of the movement of the oval against the head.
    """

    reach: float
    share: float
    depth: float
    head: tuple[float, float, float]
    skin: float


_RINGS = (
    _Ring(0.25, 0.35, 0.6, (1.0, 1.0, 0.6), 0.6),
    _Ring(0.65, 0.65, 0.8, (0.9, 0.6, 0.15), 0.2),
)


@dataclass(frozen=True, slots=True)
class Grid:
    """Places in a picture: ``columns`` x ``rows``, ``step`` pixels apart, from (x, y) on."""

    columns: int
    rows: int
    step: float
    x: float
    y: float


class HeadMesh:
    """The mesh of one still picture.

    Args:
        points: (478, 3), the landmarks in its pixels.
        width: of the picture, pixels.
        height: of the picture, pixels.
        topology: that of another picture of the same person, which saves finding one.
    """

    def __init__(
        self, points: Floats, width: int, height: int, topology: Topology | None = None
    ) -> None:
        source = np.asarray(points, dtype=np.float64)
        _, pose = align(source[None])
        canonical = _pose_free(source, pose)
        self._template = pose.template
        self.topology = topology or head_topology(canonical)
        self._skin = self.topology.skin
        border = _border(source[OVAL, :2], width, height, pose)
        reach = border - source[OVAL, :2]
        far = np.linalg.norm(reach, axis=1)
        rings = [
            source[OVAL, :2]
            + reach * np.minimum(ring.share, ring.reach * pose.scale[0] / far)[:, None]
            for ring in _RINGS
        ]
        self._helpers = np.concatenate(rings)
        self._border = border
        deep = np.repeat([ring.depth for ring in _RINGS], len(OVAL))
        self._helpers_free = _at_depth(self._helpers, deep, pose)
        self._oval_free = canonical[OVAL]
        within = np.stack([source[OVAL, :2], *rings[:-1]])
        #: How far each ring lies outside of the one within, (R, N, 1), pixels.
        self._gaps = np.linalg.norm(np.stack(rings) - within, axis=-1, keepdims=True)
        self._head, self._drag = _shares(canonical[OVAL])
        self._room = 0.8 * np.linalg.norm(np.tile(border, (len(_RINGS), 1)) - self._helpers, axis=1)
        #: float32 (V, 2): the vertices in the picture.
        self.vertices: Floats = np.concatenate(
            [source[self._skin, :2], self._helpers, border]
        ).astype(np.float32)
        self._mesh = Triangulation(self.topology.triangles)

    def moved(self, wanted: NDArray[np.floating]) -> Floats:
        """Vertices float32 (T, V, 2) of landmarks ``wanted`` (T, 478, 3), in the same pixels."""
        points = np.asarray(wanted, dtype=np.float64)
        _, poses = align(points, self._template)
        frames = len(points)
        free = np.broadcast_to(self._helpers_free, (frames, *self._helpers_free.shape))
        shift = poses.to_image(free)[..., :2] - self._helpers
        oval = np.broadcast_to(self._oval_free, (frames, *self._oval_free.shape))
        slid = points[:, OVAL, :2] - poses.to_image(oval)[..., :2]
        shift = shift * self._head + np.tile(slid, (1, len(_RINGS), 1)) * self._drag
        length = np.linalg.norm(shift, axis=-1) + 1e-9
        # Nothing leaves the picture: a head that goes too far is pressed against the border.
        shift *= (self._room * np.tanh(length / self._room) / length)[..., None]
        border = np.broadcast_to(self._border, (frames, *self._border.shape))
        helpers = self._unfolded(points[:, OVAL, :2], self._helpers + shift)
        every = [points[:, self._skin, :2], helpers, border]
        return np.concatenate(every, axis=1).astype(np.float32)

    def _unfolded(self, oval: Wide, helpers: Wide) -> Wide:
        """``helpers`` (T, R * N, 2) pushed out where the face or a ring within would cross them."""
        centre = oval.mean(axis=1, keepdims=True)
        out = oval - centre
        inner = np.linalg.norm(out, axis=-1, keepdims=True)
        out /= inner
        pushed = []
        for ring, gap in zip(np.split(helpers, len(_RINGS), axis=1), self._gaps, strict=True):
            there = ((ring - centre) * out).sum(axis=-1, keepdims=True)
            free = np.maximum(there, inner + _LEAST_GAP * gap)
            pushed.append(ring + (free - there) * out)
            inner = free
        return np.concatenate(pushed, axis=1)

    def flow(self, moved: Floats, grid: Grid, source: NDArray[np.floating] | None = None) -> Floats:
        """Where each place of ``grid`` comes from in the picture, relative to it.

        ``moved`` (V, 2) is one frame of :meth:`moved`, ``source`` (V, 2) where its vertices are
        taken from, by default where they are in the picture; float32 (rows, columns, 2), pixels
        of the picture, 0 outside of it.
        """
        first = np.array([grid.x, grid.y], dtype=np.float32)
        raster = self._raster(moved, grid)
        taken = self.vertices if source is None else source
        # Displacements of the vertices are interpolated, not places: no rounding where all is still
        x, y = self._mesh.sampling_map(raster, (taken - first) / grid.step)
        field = np.stack([x, y], axis=-1)
        field[..., 0] -= np.arange(grid.columns, dtype=np.float32)
        field[..., 1] -= np.arange(grid.rows, dtype=np.float32)[:, None]
        field *= grid.step
        field[raster.index < 0] = 0.0
        # Where a face hides its own outline motion jumps, in steps of the grid.
        return np.asarray(cv2.GaussianBlur(field, (0, 0), _SMOOTH), dtype=np.float32)

    def weights(self, moved: Floats, grid: Grid, values: NDArray[np.floating]) -> Floats:
        """``values`` (V,), 0..1, at each place of ``grid``, float32 (rows, columns)."""
        [field] = self._mesh.weights(self._raster(moved, grid), values[:, None])
        return np.asarray(cv2.GaussianBlur(field, (0, 0), _SMOOTH), dtype=np.float32)

    def _raster(self, moved: Floats, grid: Grid) -> Raster:
        first = np.array([grid.x, grid.y], dtype=np.float32)
        return self._mesh.raster((moved - first) / grid.step, grid.columns, grid.rows)


def _pose_free(points: Wide, pose: Poses) -> Wide:
    return np.asarray((points - pose.offset[0]) @ np.linalg.inv(pose.matrix[0]))


def _at_depth(flat: Wide, depth: Wide, pose: Poses) -> Wide:
    """Pose-free places (N, 3) of points (N, 2) of the picture whose pose-free z is known."""
    back = np.linalg.inv(pose.matrix[0])
    slope = max(back[2, 2], _LEAST_DEPTH / pose.scale[0])
    across = (flat - pose.offset[0, :2]) @ back[:2]
    z = (depth - across[:, 2]) / slope
    return np.asarray(across + z[:, None] * back[2])


def _shares(oval: Wide) -> tuple[Wide, Wide]:
    """What helpers (R * len(OVAL), 1) take on of the head's and of the skin's movement."""
    up = -(oval[:, 1] - MIDDLE[1])
    up = np.clip(up / np.abs(up).max(), -1.0, 1.0)
    head = [np.interp(up, (-0.8, 0.0, 0.8), ring.head[::-1]) for ring in _RINGS]
    drag = [np.full(len(oval), ring.skin) for ring in _RINGS]
    return np.concatenate(head)[:, None], np.concatenate(drag)[:, None]


def _border(oval: Wide, width: int, height: int, pose: Poses) -> Wide:
    """Points (len(OVAL), 2) all around the picture's border, its corners among them."""
    low, high = np.zeros(2), np.array([width - 1.0, height - 1.0])
    centre = np.clip(oval.mean(axis=0), low + 0.25 * high, 0.75 * high)
    turn = np.radians(pose.angles[0, 2])
    angle = turn - np.pi / 2 + np.arange(len(oval)) * (2 * np.pi / len(oval))
    ray = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    with np.errstate(divide="ignore"):
        room = np.where(ray > 0, high - centre, low - centre) / ray
    ring = centre + ray * room.min(axis=1, keepdims=True)
    corners = np.array([low, (high[0], 0.0), high, (0.0, high[1])])
    for corner in corners:
        toward = (corner - centre) / np.linalg.norm(corner - centre)
        ring[np.argmax(ray @ toward)] = corner
    return np.asarray(ring)
