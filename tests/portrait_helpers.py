"""A portrait for tests: the demo person, who does not exist, with landmarks of a few frames."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from avsynth.face.landmarks import open_detector
from avsynth.face.portrait import Portrait, portrait_box
from avsynth.media import read_frames
from avsynth.pipelines.demonstrate import demo_media

FRAMES = 12
STEP = 4  # frames of the film to one here


@functools.cache
def film() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Pictures (T, h, w, 3) and landmarks (T, 478, 3)."""
    pictures, points = [], []
    with open_detector("mediapipe") as detector, read_frames(demo_media()[0]) as frames:
        for number, frame in enumerate(frames):
            if number % STEP == 0:
                pictures.append(frame.rgb())
                points.append(detector.detect(pictures[-1])[0].points)
            if len(pictures) == FRAMES:
                break
    return np.stack(pictures), np.stack(points).astype(np.float32)


def portrait() -> Portrait:
    """The first picture's portrait."""
    pictures, points = film()
    height, width = pictures.shape[1:3]
    box = portrait_box(points[0], width, height)
    return Portrait(np.ascontiguousarray(pictures[0][box.slices]), box, wanted()[0])


def wanted() -> NDArray[np.float32]:
    """Landmarks (T, 478, 3) in pixels of the portrait."""
    pictures, points = film()
    box = portrait_box(points[0], pictures.shape[2], pictures.shape[1])
    return points - np.array([box.x0, box.y0, 0], dtype=np.float32)


def turned(points: NDArray[np.float32], degrees: float) -> NDArray[np.float32]:
    """Landmarks (478, 3) turned to the side about a point behind the face."""
    angle = np.radians(degrees)
    turn = np.array(
        [[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]]
    )
    middle = points.mean(axis=0) + np.array([0, 0, np.ptp(points[:, 0]) / 2])
    return ((points - middle) @ turn + middle).astype(np.float32)
