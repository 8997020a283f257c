"""Sane landmarks: one face, seen alike by two networks, turned to the camera, large enough."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from dub_helpers import PERSON

from avsynth.face.landmarks import LandmarkDetector, open_detector
from avsynth.face.mesh import EYE_OUTER
from avsynth.face.plausible import DISTORTED, NO_FACE, SEVERAL, portrait_landmarks
from avsynth.face.roi import Picture
from avsynth.media import read_frames


@pytest.fixture(scope="module")
def detector() -> Iterator[LandmarkDetector]:
    with open_detector() as opened:
        yield opened


@pytest.fixture(scope="module")
def person() -> Picture:
    return next(iter(read_frames(PERSON))).rgb()


def test_a_person(person: Picture, detector: LandmarkDetector) -> None:
    points, why = portrait_landmarks(person, detector)
    assert why is None and points is not None and points.shape == (478, 3)


def test_no_person(detector: LandmarkDetector) -> None:
    grey = np.full((256, 256, 3), 120, np.uint8)
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3)).astype(np.uint8)
    for picture in (grey, noise):
        assert portrait_landmarks(picture, detector) == (None, NO_FACE)


def test_two_people(person: Picture, detector: LandmarkDetector) -> None:
    assert portrait_landmarks(np.hstack([person, person]), detector) == (None, SEVERAL)


def test_too_small_to_be_used(person: Picture, detector: LandmarkDetector) -> None:
    small = cv2.resize(person, None, fx=0.15, fy=0.15, interpolation=cv2.INTER_AREA)
    canvas = np.full((96, 96, 3), 200, np.uint8)
    canvas[20 : 20 + small.shape[0], 20 : 20 + small.shape[1]] = small
    assert portrait_landmarks(canvas, detector) == (None, "too_small")


def test_a_face_upside_down_within_its_head(person: Picture, detector: LandmarkDetector) -> None:
    (found,) = detector.detect(person)
    right, left = found.points[list(EYE_OUTER), :2]
    x, y = (right + left) / 2
    span = float(np.linalg.norm(left - right))
    rows = slice(int(y - 0.4 * span), int(y + 1.3 * span))
    columns = slice(int(x - 0.7 * span), int(x + 0.7 * span))
    turned = person.copy()
    turned[rows, columns] = person[rows, columns][::-1]
    # The mesh network is sure of it all the same.
    assert detector.detect(turned)[0].score > 0.9
    assert portrait_landmarks(turned, detector) == (None, DISTORTED)
