"""A mesh over a whole head in a still picture: the face's landmarks, and rings around them.

The landmarks are known in every picture. Scalp, hair, ears and neck have none: two rings of helper
vertices stand for them, placed in the pose-free space of ``alignment`` at the depth of a head's
outline, so that they turn and shift with the head. They fade to a third ring on the border of the
picture that never moves: background and shoulders stay.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from avsynth.face.alignment import Poses, align
from avsynth.face.mesh import LIPS_INNER, LIPS_OUTER
from avsynth.face.warp import Floats, Triangulation

Wide = NDArray[np.float64]

# fmt: off
#: The outline of the mesh, a closed ring from the middle of the forehead to the subject's left.
OVAL: Final = np.array((
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
))
#: The lids, outer to inner corner: upper and lower line of the subject's right and left eye.
EYES: Final = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((263, 466, 388, 387, 386, 385, 384, 398, 362), (263, 249, 390, 373, 374, 380, 381, 382, 362)),
)
# Between the lip lines, and so close to them that triangles would cross (see ``lower_face``).
_LEFT_OUT = (
    76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306, 77, 90, 180, 85, 16, 315, 404, 320, 307,
    62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292, 96, 89, 179, 86, 15, 316, 403, 319, 325,
    18, 43, 57, 83, 106, 182, 186, 273, 287, 313, 335, 406, 410,
)
# fmt: on
_FACE_POINTS = 468  # those after them are the irises
_CLEAR = 0.075  # eye distances between vertices of skin: finer ones only pass on jitter
_MIDDLE = np.array([0.0, 0.1, 0.8])  # of a head, pose-free
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
class Topology:
    """Which landmarks are vertices, int (N,), and all triangles, int32 (T, 3)."""

    skin: NDArray[np.intp]
    triangles: NDArray[np.int32]


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
        self.topology = topology or _topology(canonical)
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
        every = [points[:, self._skin, :2], self._helpers + shift, border]
        return np.concatenate(every, axis=1).astype(np.float32)

    def flow(self, moved: Floats, grid: Grid) -> Floats:
        """Where each place of ``grid`` comes from in the picture, relative to it.

        ``moved`` (V, 2) is one frame of :meth:`moved`; float32 (rows, columns, 2), pixels of the
        picture, 0 outside of it.
        """
        first = np.array([grid.x, grid.y], dtype=np.float32)
        there = (moved - first) / grid.step
        raster = self._mesh.raster(there, grid.columns, grid.rows)
        # Displacements of the vertices are interpolated, not places: no rounding where all is still
        x, y = self._mesh.sampling_map(raster, (self.vertices - first) / grid.step)
        field = np.stack([x, y], axis=-1)
        field[..., 0] -= np.arange(grid.columns, dtype=np.float32)
        field[..., 1] -= np.arange(grid.rows, dtype=np.float32)[:, None]
        field *= grid.step
        field[raster.index < 0] = 0.0
        return np.asarray(field, dtype=np.float32)


def _pose_free(points: Wide, pose: Poses) -> Wide:
    return np.asarray((points - pose.offset[0]) @ np.linalg.inv(pose.matrix[0]))


def _at_depth(flat: Wide, depth: Wide, pose: Poses) -> Wide:
    """Pose-free places (N, 3) of points (N, 2) of the picture whose pose-free z is known."""
    back = np.linalg.inv(pose.matrix[0])
    slope = back[2, 2] if abs(back[2, 2]) * pose.scale[0] > _LEAST_DEPTH else _LEAST_DEPTH
    across = (flat - pose.offset[0, :2]) @ back[:2]
    z = (depth - across[:, 2]) / slope
    return np.asarray(across + z[:, None] * back[2])


def _shares(oval: Wide) -> tuple[Wide, Wide]:
    """What helpers (R * len(OVAL), 1) take on of the head's and of the skin's movement."""
    up = -(oval[:, 1] - _MIDDLE[1])
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


def _topology(canonical: Wide) -> Topology:
    skin = _chosen(canonical)
    return Topology(skin, _triangles(skin, canonical))


def _chosen(canonical: Wide) -> NDArray[np.intp]:
    """The landmarks that become vertices: all outlines, and skin no closer than ``_CLEAR``."""
    lines = [LIPS_OUTER, LIPS_INNER, OVAL, *(lid for eye in EYES for lid in eye)]
    kept = sorted({int(i) for line in lines for i in line})
    taken = np.zeros(_FACE_POINTS, dtype=bool)
    taken[list(_LEFT_OUT)] = True
    taken[kept] = True
    for i in range(_FACE_POINTS):
        gap = np.linalg.norm(canonical[kept] - canonical[i], axis=1).min()
        if not taken[i] and gap > _CLEAR:
            kept.append(i)
    return np.array(sorted(kept), dtype=np.intp)


def _triangles(skin: NDArray[np.intp], canonical: Wide) -> NDArray[np.int32]:
    """Triangles (T, 3) over the vertices: far ones first, the inside of the mouth before them."""
    from scipy.spatial import Delaunay  # a third of a second, and few who come here need it

    place = {int(landmark): row for row, landmark in enumerate(skin)}

    def rows(line: Any) -> NDArray[np.intp]:
        return np.array([place[int(i)] for i in line])

    outer, inner = rows(LIPS_OUTER), rows(LIPS_INNER)
    flat = _unrolled(canonical[skin])
    outside = np.setdiff1d(np.arange(len(skin)), inner)
    around = outside[Delaunay(flat[outside]).simplices]
    holes = [outer, *(np.concatenate([rows(up), rows(low)]) for up, low in EYES)]
    for hole in holes:
        around = around[~np.isin(around, hole).all(axis=1)]
    around = around[np.argsort(-canonical[skin][around][..., 2].mean(axis=1), kind="stable")]
    closed = np.append(np.arange(20), 0)
    rings = [rows(OVAL)] + [
        len(skin) + number * len(OVAL) + np.arange(len(OVAL)) for number in range(len(_RINGS) + 1)
    ]
    turn = np.append(np.arange(len(OVAL)), 0)
    helpers = [_strip(a[turn], b[turn]) for a, b in itertools.pairwise(rings)]
    eyes = [_strip(rows(low), rows(up)) for up, low in EYES]
    parts = [
        *reversed(helpers), _strip(inner[:11], inner[np.r_[0, 19:9:-1]]), around, *eyes,
        _strip(outer[closed], inner[closed]),
    ]  # fmt: skip
    return _clockwise(np.concatenate(parts), flat, len(skin)).astype(np.int32)


def _unrolled(free: Wide) -> Wide:
    """Pose-free points (N, 3) as seen from the middle of the head, (N, 2), radians."""
    x, y, z = (free - _MIDDLE).T
    return np.stack([np.arctan2(x, -z), np.arctan2(y, np.hypot(x, z))], axis=1)


def _clockwise(triangles: NDArray[np.intp], flat: Wide, skin: int) -> NDArray[np.intp]:
    """Triangles of skin turned to run clockwise on the screen; the others run so by making."""
    known = np.asarray((triangles < skin).all(axis=1))
    corners = flat[np.where(known[:, None], triangles, 0)]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    wrong = known & (a[:, 0] * b[:, 1] < a[:, 1] * b[:, 0])
    turned = triangles.copy()
    turned[wrong] = triangles[wrong][:, [0, 2, 1]]
    return turned


def _strip(a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.intp]:
    """Triangles between two lines of equally many vertices; those that fold to a line go."""
    quads = [((a[i], b[i], a[i + 1]), (a[i + 1], b[i], b[i + 1])) for i in range(len(a) - 1)]
    return np.array([t for quad in quads for t in quad if len(set(t)) == 3])
