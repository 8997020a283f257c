"""Head pose in degrees, and whether a mouth in that pose can be dubbed at all."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.face import mesh
from avsynth.face.alignment import _TEMPLATE as GENERIC_TEMPLATE
from avsynth.face.alignment import align

#: Why a mouth cannot be dubbed, as reports say it.
PROFILE: Final = "profile"
TOO_SMALL: Final = "too_small"
OUT_OF_FRAME: Final = "out_of_frame"

#: Degrees of yaw beyond which half of the mouth is hidden, and of pitch beyond which the lips
#: lie one over the other. The mesh network sees turned heads too frontal: its 40 degrees are about
#: 50 of the head's, and a full profile reads 50 to 65.
MAX_YAW: Final = 40.0
MAX_PITCH: Final = 45.0
#: Least distance of the outer eye corners, in pixels of a face turned to the camera: the mouth is
#: then about ten pixels wide, and what it says cannot be seen.
MIN_EYES: Final = 20.0


def head_pose(points: ArrayLike) -> NDArray[np.float64]:
    """Yaw, pitch and roll (n, 3) in degrees of ``points`` (n, P, 3), full mesh or STORED.

    Against an average face, each frame by itself. Yaw is positive when the face looks to the left
    of the picture, pitch when it looks down, roll when its head leans to the right of the picture.
    """
    _, poses = align(points, GENERIC_TEMPLATE)
    return poses.angles


def reach_each(points: ArrayLike, width: int, height: int) -> list[str | None]:
    """For each frame of ``points`` (n, P, 3): None, or why its mouth cannot be dubbed.

    ``width`` and ``height`` are the picture's, in the same pixels as the points.
    """
    array = np.asarray(points, dtype=np.float64)
    if not len(array):
        return []
    _, poses = align(array, GENERIC_TEMPLATE)
    limits = np.array([MAX_YAW, MAX_PITCH])
    turned = np.asarray((np.abs(poses.angles[:, :2]) > limits).any(axis=1))
    small = poses.scale < MIN_EYES
    lips = array[:, mesh.rows(mesh.LIPS_OUTER, array.shape[1]), :2]
    past = (lips < 0) | (lips > np.array([width - 1, height - 1]))
    outside = np.asarray(past.any(axis=(1, 2)))
    return [
        OUT_OF_FRAME if outside[i] else PROFILE if turned[i] else TOO_SMALL if small[i] else None
        for i in range(len(array))
    ]


def reach(points: ArrayLike, width: int, height: int) -> str | None:
    """``reach_each`` for the points (P, 3) of one frame."""
    return reach_each(np.asarray(points)[None], width, height)[0]
