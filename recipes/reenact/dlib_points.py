"""dlib's 68 key points: a second judge, which shares nothing with the mesh that drives.

Regression trees (Kazemi and Sullivan 2014) trained on iBUG 300-W, whose terms exclude commercial
use: for scoring only.
"""

from __future__ import annotations

import cv2
import dlib
import face_recognition_models
import numpy as np
from numpy.typing import NDArray

_SIDE = 512  # it answers in whole pixels: small pictures are enlarged


class DlibPoints:
    """The 68 points of the largest face."""

    def __init__(self) -> None:
        self._detector = dlib.get_frontal_face_detector()
        self._shape = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())

    def look(self, rgb: NDArray[np.uint8], side: int) -> NDArray[np.float64]:
        """Points (68, 2) of ``rgb`` (h, w, 3) on a picture whose longer side is ``side`` pixels;
        NaN where no face is found.
        """
        scale = _SIDE / max(rgb.shape[:2])
        way = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
        large = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=way)
        faces = self._detector(large, 0)
        if not faces:
            return np.full((68, 2), np.nan)
        parts = self._shape(large, max(faces, key=lambda face: face.area())).parts()
        points = np.array([[part.x, part.y] for part in parts], np.float64)
        return np.asarray((points + 0.5) * (side / _SIDE) - 0.5)
