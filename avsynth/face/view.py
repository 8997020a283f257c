"""One frame at two sizes, and what the networks see of a face in it.

The small picture is cheap and always there. Where it shows a face in too few pixels, the same
rectangle is asked for in the full-resolution picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from avsynth.face.detect import TILE, FaceBox, FaceDetector
from avsynth.face.mesh import EYE_OUTER
from avsynth.face.mesh_network import SIDE, MeshNetwork
from avsynth.face.roi import FloatArray, Picture, Roi
from avsynth.media.box import Box

Crop = Callable[[Box], Picture]

_ENOUGH = 0.7  # share of the network's input that a face in the small picture must fill


@dataclass(frozen=True, slots=True)
class Sight:
    """A face as the mesh network saw it in one frame, in full-resolution pixels."""

    points: FloatArray
    score: float
    box: FaceBox
    look: FloatArray  # colours of the head and its surroundings, (64,), unit length

    @property
    def roi(self) -> Roi:
        """Where to look for the same face in the next frame."""
        return mesh_roi(self.points)


def mesh_roi(points: FloatArray) -> Roi:
    """The region the mesh network should look at for the face of these (478, 3) points."""
    right, left = EYE_OUTER
    return Roi.around(points, points[right], points[left])


class View:
    """One frame at two sizes: the small picture, and rectangles of the full one on demand."""

    def __init__(self, small: Picture, width: int, height: int, crop: Crop | None) -> None:
        self.small, self.width, self.height = small, width, height
        self.fx, self.fy = width / small.shape[1], height / small.shape[0]
        full = small.shape[:2] == (height, width)
        self.crop = None if full else crop

    def locate(self, mesh: MeshNetwork, roi: Roi) -> Sight:
        """Run the mesh network on a region given in full-resolution pixels."""
        rgb, region, part = self._source(roi)
        points, score = mesh.locate(rgb, region)
        if part is None:
            points[:, :2] = (points[:, :2] + 0.5) * (self.fx, self.fy) - 0.5
            points[:, 2] *= (self.fx + self.fy) / 2
        else:
            points[:, :2] += (part.x0, part.y0)
        (x0, y0), (x1, y1) = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        box = FaceBox(float(x0), float(y0), float(x1), float(y1), score)
        return Sight(points, score, box, self._look(box))

    def confirms(self, detector: FaceDetector, roi: Roi) -> bool:
        """True when the detectors see a face in the middle of a region of their own."""
        rgb, region, _ = self._source(Roi(roi.x, roi.y, 1.5 * roi.side, roi.angle))
        middle = FaceBox(0.3 * SIDE, 0.3 * SIDE, 0.7 * SIDE, 0.7 * SIDE)
        return any(box.same_face(middle) for box in detector.detect(region.cut(rgb, SIDE)))

    def _source(self, roi: Roi) -> tuple[Picture, Roi, Box | None]:
        """Where to look at a region: a picture, the region in its pixels, and which part of the
        full-resolution picture it is (None: it is the small one).
        """
        on_small = roi.scaled(1 / self.fx, 1 / self.fy)
        if self.crop is not None and on_small.side < _ENOUGH * SIDE:
            x0, y0, x1, y1 = roi.bounds
            box = Box(int(x0) - 1, int(y0) - 1, int(x1) + 2, int(y1) + 2)
            box = box.clip(self.width, self.height)
            if box.area > 0:
                return self.crop(box), roi.shifted(-box.x0, -box.y0), box
        return self.small, on_small, None

    def detect(self, detector: FaceDetector, near: bool) -> list[FaceBox]:
        """Faces in the small picture, in full-resolution pixels; ``near`` as the detector's."""
        offset = (self.fx - 1) / 2, (self.fy - 1) / 2  # pixel centres are whole numbers
        return [box.moved(self.fx, self.fy, *offset) for box in detector.detect(self.small, near)]

    def detect_small(self, detector: FaceDetector) -> list[FaceBox]:
        """Small faces, tile by tile, in full-resolution pixels."""
        if self.crop is not None:
            return detector.detect_small(self.width, self.height, self.crop)
        height, width = self.small.shape[:2]
        if max(height, width) <= TILE:
            return []
        boxes = detector.detect_small(width, height, lambda box: self.small[box.slices])
        offset = (self.fx - 1) / 2, (self.fy - 1) / 2
        return [box.moved(self.fx, self.fy, *offset) for box in boxes]

    def _look(self, box: FaceBox) -> FloatArray:
        """Histogram of colours in and around a face, (64,) float32 of unit length."""
        x, y = (box.centre[0] + 0.5) / self.fx, (box.centre[1] + 0.5) / self.fy
        reach_x, reach_y = 0.7 * box.width / self.fx, 0.7 * box.height / self.fy
        height, width = self.small.shape[:2]
        region = Box(int(x - reach_x), int(y - reach_y), int(x + reach_x), int(y + reach_y))
        part = self.small[region.clip(width, height).slices]
        if part.size == 0:
            return np.zeros(64, np.float32)
        tiny = cv2.resize(part, (24, 24), interpolation=cv2.INTER_LINEAR)
        cell = (tiny // 64).astype(np.int64) @ np.array([16, 4, 1])
        histogram = np.sqrt(np.bincount(cell.ravel(), minlength=64)).astype(np.float32)
        return np.asarray(histogram / np.linalg.norm(histogram))
