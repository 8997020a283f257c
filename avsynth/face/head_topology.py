"""Which landmarks of a head become vertices, and the triangles between them and the rings around.

A head is unrolled as seen from its middle, so that a turned one has no folds; lips, mouth and eyes
are strips between their lines, however closed they are in the picture that the mesh is made of.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from avsynth.face.mesh import LIPS_INNER, LIPS_MIDDLE, LIPS_OUTER

Wide = NDArray[np.float64]

#: Rings of helper vertices around the face, the border of the picture the last of them.
RINGS: Final = 3
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
# Skin so close to the lips that triangles through it would cross them (see ``lower_face``).
_BESIDE_LIPS = (18, 43, 57, 83, 106, 182, 186, 273, 287, 313, 335, 406, 410)
# fmt: on
_FACE_POINTS = 468  # those after them are the irises
_CLEAR = 0.075  # eye distances between vertices of skin: finer ones only pass on jitter
#: Of a head, pose-free.
MIDDLE: Final = np.array([0.0, 0.1, 0.8])


@dataclass(frozen=True, slots=True)
class Topology:
    """Which landmarks are vertices, int (N,), and all triangles, int32 (T, 3)."""

    skin: NDArray[np.intp]
    triangles: NDArray[np.int32]


def head_topology(canonical: Wide) -> Topology:
    """That of a head with pose-free landmarks ``canonical`` (478, 3), eye distances."""
    skin = _chosen(canonical)
    return Topology(skin, _triangles(skin, canonical))


def _chosen(canonical: Wide) -> NDArray[np.intp]:
    """The landmarks that become vertices: all outlines, and skin no closer than ``_CLEAR``."""
    lines = [LIPS_OUTER, LIPS_INNER, OVAL, *(lid for eye in EYES for lid in eye)]
    kept = sorted({int(i) for line in lines for i in line})
    taken = np.zeros(_FACE_POINTS, dtype=bool)
    taken[[*LIPS_MIDDLE, *_BESIDE_LIPS]] = True
    taken[kept] = True
    for i in range(_FACE_POINTS):
        gap = np.linalg.norm(canonical[kept] - canonical[i], axis=1).min()
        if not taken[i] and gap > _CLEAR:
            kept.append(i)
    return np.array(sorted(kept), dtype=np.intp)


def _triangles(skin: NDArray[np.intp], canonical: Wide) -> NDArray[np.int32]:
    """Triangles (T, 3) over the vertices, far ones first."""
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
    around = _clockwise(around, flat)
    closed = np.append(np.arange(20), 0)
    rings = [rows(OVAL)] + [
        len(skin) + number * len(OVAL) + np.arange(len(OVAL)) for number in range(RINGS)
    ]
    turn = np.append(np.arange(len(OVAL)), 0)
    helpers = [_strip(a[turn], b[turn]) for a, b in itertools.pairwise(rings)]
    (up, low), (left_up, left_low) = EYES  # from the outer corner: the left one runs leftwards
    eyes = [_strip(rows(low), rows(up)), _strip(rows(left_up), rows(left_low))]
    parts = [
        # What shut lips and lids hide comes before them.
        *reversed(helpers), _strip(inner[:11], inner[np.r_[0, 19:9:-1]]), *eyes, around,
        _strip(outer[closed], inner[closed]),
    ]  # fmt: skip
    return np.concatenate(parts).astype(np.int32)


def _unrolled(free: Wide) -> Wide:
    """Pose-free points (N, 3) as seen from the middle of the head, (N, 2), radians."""
    x, y, z = (free - MIDDLE).T
    return np.stack([np.arctan2(x, -z), np.arctan2(y, np.hypot(x, z))], axis=1)


def _clockwise(triangles: NDArray[np.intp], flat: Wide) -> NDArray[np.intp]:
    """Triangles turned to run clockwise on the screen."""
    corners = flat[triangles]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    wrong = np.asarray(a[:, 0] * b[:, 1] < a[:, 1] * b[:, 0])
    turned = triangles.copy()
    turned[wrong] = triangles[wrong][:, [0, 2, 1]]
    return turned


def _strip(a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.intp]:
    """Triangles between two lines of equally many vertices; those that fold to a line go."""
    quads = [((a[i], b[i], a[i + 1]), (a[i + 1], b[i], b[i + 1])) for i in range(len(a) - 1)]
    return np.array([t for quad in quads for t in quad if len(set(t)) == 3])
