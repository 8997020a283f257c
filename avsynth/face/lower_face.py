"""The mesh of the lower face that renderers move: its vertices and its triangles.

Vertices, in this order: the ``MOUTH_JAW`` landmarks (they move), the ``BORDER`` landmarks and a
ring of helper points outside the jaw (they stay, so that nothing beyond them changes).
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face.mesh import BORDER, LIPS_INNER, LIPS_OUTER, MOUTH_JAW, in_mouth, stored
from avsynth.face.warp import Floats
from avsynth.media import Box

_JAW_LINE = (58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288)
_RING_STRETCH = 1.35  # how far out the helper ring lies, seen from the centre of the mouth
# Skin landmarks next to the lips. The mesh refines the lips alone, so on wide mouths these lie on
# the lip itself; triangles through them would stretch its red over the skin.
_BESIDE_LIPS = in_mouth((18, 43, 57, 83, 106, 182, 186, 273, 287, 313, 335, 406, 410))
_LIP_GAP = 0.25  # pixels kept between lips that touch, so that no triangle turns inside out

MOVING: Final = len(MOUTH_JAW)
VERTICES: Final = MOVING + len(BORDER) + len(_JAW_LINE)
#: Vertex numbers of the lips. Both rings start at the subject's right corner and run along the
#: lower lip to the left corner, then back along the upper lip; 20 vertices each.
OUTER_RING: Final = in_mouth(LIPS_OUTER)
INNER_RING: Final = in_mouth(LIPS_INNER)
LIPS: Final = np.concatenate([OUTER_RING, INNER_RING])
_LOWER = INNER_RING[1:10]
_UPPER = INNER_RING[:10:-1]

_STORED_MOUTH = stored(MOUTH_JAW)
_STORED_BORDER = stored(BORDER)
_STORED_JAW_LINE = stored(_JAW_LINE)


def vertices(points: NDArray[np.floating], moving: NDArray[np.floating] | None = None) -> Floats:
    """The vertices of one frame, float32 (V, 2), in pixels.

    Args:
        points: (P, 2 or 3), the ``STORED`` landmarks of the frame, pixels.
        moving: (M, 2), the ``MOUTH_JAW`` points if they differ from those in ``points``.
    """
    flat = np.asarray(points, dtype=np.float32)[:, :2]
    mouth = flat[_STORED_MOUTH]
    centre = mouth[LIPS].mean(axis=0)
    ring = centre + (flat[_STORED_JAW_LINE] - centre) * _RING_STRETCH
    inner = mouth if moving is None else np.asarray(moving, dtype=np.float32)
    return np.concatenate([inner, flat[_STORED_BORDER], ring])


def face_box(*layouts: Floats, margin: float = 2.0) -> Box:
    """The smallest box, in whole pixels, that holds every vertex of ``layouts`` and a margin."""
    every = np.concatenate(layouts)
    low = np.floor(every.min(axis=0) - margin).astype(int)
    high = np.ceil(every.max(axis=0) + margin).astype(int) + 1
    return Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))


def triangles(mean: Floats) -> NDArray[np.int32]:
    """Triangles (T, 3) over vertices (V, 2): skin by Delaunay, lips and mouth as strips.

    The strips follow the lip lines however closed the mouth is in ``mean``. Triangles that
    cannot move (all three corners fixed) are left out. All run clockwise as seen on the screen.
    """
    from scipy.spatial import Delaunay  # a third of a second, and few who come here need it

    skin = np.setdiff1d(np.arange(VERTICES), [*INNER_RING, *_BESIDE_LIPS])
    around = skin[Delaunay(mean[skin]).simplices]
    lips = mean[OUTER_RING].astype(np.float32)
    of_ring = np.isin(around, OUTER_RING).all(axis=1)
    inside = [cv2.pointPolygonTest(lips, _centre(mean[t]), False) >= 0 for t in around]
    in_lips = np.asarray(of_ring) & np.array(inside)
    fixed = (around >= MOVING).all(axis=1)
    closed = np.append(np.arange(20), 0)
    return np.concatenate(
        [
            # Drawn first, so that closed lips cover it: a sliver is never thinner than a pixel.
            _strip(INNER_RING[:11], INNER_RING[np.r_[0, 19:9:-1]]),
            around[~in_lips & ~fixed],
            _strip(OUTER_RING[closed], INNER_RING[closed]),
        ]
    ).astype(np.int32)


def uncross(points: Floats) -> Floats:
    """A copy of vertices (V, 2) whose lower inner lip is nowhere above the upper one."""
    mended = points.copy()
    right, left = points[INNER_RING[0]], points[INNER_RING[10]]
    across = (left - right) / max(float(np.linalg.norm(left - right)), 1e-6)
    down = np.array([-across[1], across[0]], dtype=np.float32)
    gap = (points[_LOWER] - points[_UPPER]) @ down
    push = np.outer(np.maximum(_LIP_GAP - gap, 0.0) / 2.0, down)
    mended[_LOWER] += push
    mended[_UPPER] -= push
    return mended


def openness(points: Floats) -> float:
    """Mean distance of the inner lips over the width of the mouth, of vertices (V, 2)."""
    gap = np.linalg.norm(points[_LOWER] - points[_UPPER], axis=1).mean()
    width = np.linalg.norm(points[INNER_RING[10]] - points[INNER_RING[0]])
    return float(gap / max(float(width), 1e-6))


def _strip(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.intp]:
    """Triangles between two lines of equally many vertices; those that fold to a line go."""
    quads = [((a[i], b[i], a[i + 1]), (a[i + 1], b[i], b[i + 1])) for i in range(len(a) - 1)]
    return np.array([t for quad in quads for t in quad if len(set(t)) == 3])


def _centre(corners: Floats) -> tuple[float, float]:
    x, y = corners.mean(axis=0)
    return float(x), float(y)
