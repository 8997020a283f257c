"""Does a made picture show one face whose landmarks make sense? Two networks are asked.

The mesh network always answers with the mesh of some face, so its word alone says little: it has to
be sure of itself, and the detectors, which know nothing of it, must see eyes, nose and mouth where
it puts them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from avsynth.face.detect import KEYPOINTS
from avsynth.face.landmarks import LandmarkDetector
from avsynth.face.mesh import EYE_OUTER
from avsynth.face.pose import reach
from avsynth.face.roi import FloatArray, Picture

#: Why a picture is no portrait, as reports say it; beside these the words of ``face.pose``.
NO_FACE: Final = "no_face"
SEVERAL: Final = "several_faces"
DISTORTED: Final = "distorted"

_SURE = 0.9  # least score of the mesh network; 42 crops of 14 people scored 1.00
# Largest distance between the two networks' eye, nose and mouth centres, in distances of the outer
# eye corners; 84 blurred crops of 14 people measured 0.09 to 0.24.
_AGREED = 0.35


def portrait_landmarks(
    rgb: Picture, detector: LandmarkDetector
) -> tuple[FloatArray | None, str | None]:
    """Landmarks (478, 3) of the one face in ``rgb`` ((H, W, 3) uint8), or why there are none.

    Args:
        rgb: a picture that should be a portrait.
        detector: the backend "mediapipe".

    Returns:
        Landmarks in pixels and None; or None and one of the reasons: ``NO_FACE``, ``SEVERAL``,
        ``DISTORTED``, or what ``pose.reach`` says (profile, too small, out of the picture).
    """
    faces = detector.detect(rgb)
    if len(faces) != 1:
        return None, SEVERAL if faces else NO_FACE
    (face,) = faces
    if face.score < _SURE or not _agree(face.points, face.box.keypoints):
        return None, DISTORTED
    height, width = rgb.shape[:2]
    why = reach(face.points, width, height)
    return (None, why) if why else (face.points, None)


def _agree(points: FloatArray, keypoints: FloatArray | None) -> bool:
    """Whether the detectors' key points lie where the mesh has eyes, nose and mouth."""
    if keypoints is None:
        return False
    eyes = np.linalg.norm(np.subtract(*points[list(EYE_OUTER), :2]))
    meshed = np.array([points[list(which), :2].mean(axis=0) for which in KEYPOINTS])
    apart = np.linalg.norm(meshed - keypoints[: len(KEYPOINTS)], axis=1)
    return bool(apart.max() < _AGREED * eyes)
