"""Face boxes: two shipped detectors, tiles for small and distant faces, duplicates removed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avsynth.face.quiet import quiet
from avsynth.face.roi import FloatArray, Picture, Roi
from avsynth.media.box import Box

# The full-range network looks at a tile in 192 x 192. Of 11 faces pasted into tiles of 480 px, all
# are found when they are 34 px wide, ten when 28 px; in tiles of 640 px, ten when 40 px.
TILE = 480
# The mesh points whose mean each of the detectors' first four key points is.
KEYPOINTS = ((33, 133), (263, 362), (1,), (13, 14))
_OVERLAP = 80  # two small faces' width: a face on a seam is whole in one of the tiles


@dataclass(frozen=True, slots=True)
class FaceBox:
    """A detected face: its rectangle in pixels, a score 0..1, and the six key points.

    ``keypoints`` (6, 2) float32: the eye on the picture's left, the other eye, nose tip, mouth,
    the ear on the left, the other ear; None for a box that was given from outside.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    score: float = 1.0
    keypoints: FloatArray | None = None

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.y1 - self.y0

    @property
    def area(self) -> float:
        """Area in square pixels, never negative."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    @property
    def centre(self) -> tuple[float, float]:
        """Centre (x, y) in pixels."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    @property
    def roi(self) -> Roi:
        """The square that a mesh network should look at."""
        x, y = self.centre
        side = max(self.width, self.height) * 1.5
        if self.keypoints is None:
            return Roi(x, y, side, 0.0)
        dx, dy = self.keypoints[1] - self.keypoints[0]
        return Roi(x, y, side, float(np.arctan2(dy, dx)))

    def moved(self, factor_x: float, factor_y: float, dx: float = 0.0, dy: float = 0.0) -> FaceBox:
        """The box scaled, then shifted by (dx, dy): from a crop's pixels to the picture's."""
        keypoints = self.keypoints
        if keypoints is not None:
            keypoints = (keypoints * (factor_x, factor_y) + (dx, dy)).astype(np.float32)
        return FaceBox(
            self.x0 * factor_x + dx,
            self.y0 * factor_y + dy,
            self.x1 * factor_x + dx,
            self.y1 * factor_y + dy,
            self.score,
            keypoints,
        )

    def iou(self, other: FaceBox) -> float:
        """Intersection over union, 0..1."""
        shared = self.shared_area(other)
        return shared / max(self.area + other.area - shared, 1e-9)

    def shared_area(self, other: FaceBox) -> float:
        """Area of the intersection in square pixels."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(width, 0.0) * max(height, 0.0)

    def same_face(self, other: FaceBox) -> bool:
        """True when the boxes overlap so far that they can only be the same face.

        Also when the smaller one lies mostly inside the other: a tile sees part of a near face.
        """
        return self.shared_area(other) > 0.45 * max(min(self.area, other.area), 1e-9)


def unique(boxes: Sequence[FaceBox]) -> list[FaceBox]:
    """The boxes without duplicates: of each group the one with the best score, best first."""
    kept: list[FaceBox] = []
    for box in sorted(boxes, key=lambda b: (-b.score, b.x0, b.y0)):
        if not any(box.same_face(other) for other in kept):
            kept.append(box)
    return kept


class FaceDetector:
    """The short-range and full-range detectors that mediapipe ships. One thread at a time."""

    def __init__(self, threshold: float = 0.5) -> None:
        """``threshold`` 0..1: detections with a lower score are dropped."""
        # Its protocol buffers warn about their own use at every message.
        warnings.filterwarnings("ignore", module="google.protobuf.symbol_database")
        with quiet():
            from mediapipe.python.solutions.face_detection import FaceDetection

            self._near: Any = FaceDetection(threshold, model_selection=0)
            self._far: Any = FaceDetection(threshold, model_selection=1)
            blank = np.zeros((64, 64, 3), np.uint8)  # the first run writes notes too
            self._near.process(blank)
            self._far.process(blank)

    def __enter__(self) -> FaceDetector:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Release both networks; a second call does nothing."""
        for network in (self._near, self._far):
            if network is not None:
                network.close()
        self._near = self._far = None

    def detect(self, rgb: Picture, near: bool = True) -> list[FaceBox]:
        """Faces in the whole picture ((H, W, 3) uint8), best first, in its pixels.

        Finds faces of about a tenth of the longer side and more. ``near`` adds the short-range
        network, which is better at faces that fill the picture.
        """
        found = _run(self._far, rgb)
        if near:
            found += _run(self._near, rgb)
        return unique(found)

    def detect_small(
        self, width: int, height: int, crop: Callable[[Box], Picture]
    ) -> list[FaceBox]:
        """Faces of about 40 px and more in a picture of any size, looked at tile by tile.

        ``crop(box)`` gives the pixels of a rectangle, (box.height, box.width, 3) uint8.
        """
        found: list[FaceBox] = []
        for tile in tiles(width, height):
            seen = _run(self._far, crop(tile))
            found += [box.moved(1.0, 1.0, tile.x0, tile.y0) for box in seen]
        return unique(found)


def tiles(width: int, height: int) -> Iterator[Box]:
    """Overlapping rectangles of at most TILE px a side that cover a picture."""

    def starts(length: int) -> list[int]:
        if length <= TILE:
            return [0]
        count = int(np.ceil((length - _OVERLAP) / (TILE - _OVERLAP)))
        return [round(i * (length - TILE) / (count - 1)) for i in range(count)]

    for y in starts(height):
        for x in starts(width):
            yield Box(x, y, min(x + TILE, width), min(y + TILE, height))


def _run(network: Any, rgb: Picture) -> list[FaceBox]:
    height, width = rgb.shape[:2]
    found = []
    for detection in network.process(np.ascontiguousarray(rgb)).detections or ():
        box = detection.location_data.relative_bounding_box
        keypoints = [(p.x, p.y) for p in detection.location_data.relative_keypoints]
        unit = FaceBox(
            box.xmin,
            box.ymin,
            box.xmin + box.width,
            box.ymin + box.height,
            float(detection.score[0]),
            np.array(keypoints, np.float32),
        )
        found.append(unit.moved(width, height, -0.5, -0.5))  # pixel centres are whole numbers
    return found
