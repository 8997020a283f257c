"""Crops go and come back exactly, and hold still while a mouth talks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avsynth.face import mesh
from avsynth.face.alignment import _TEMPLATE as GENERIC_TEMPLATE
from avsynth.face.crops import DROP, SPAN, CropTransform, crop_track
from avsynth.face.roi import Roi
from avsynth.media import Box


def head(eyes: float = 100.0, yaw: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """STORED points of a generic head at (300, 200), turned by degrees."""
    points = np.zeros((len(mesh.STORED), 3))
    points[:] = (0, 0.8, -0.2)
    points[mesh.stored(mesh.RIGID)] = GENERIC_TEMPLATE
    y, r = np.radians(yaw), np.radians(roll)
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return points @ about_y @ about_z * eyes + np.array([300, 200, 0])


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
@pytest.mark.parametrize("size", [64, 256])
def test_there_and_back_is_exact(angle: float, size: int) -> None:
    transform = CropTransform(Roi(123.4, 77.7, 211.0, angle), size)
    points = np.random.default_rng(0).uniform(-50, 400, (40, 2))
    np.testing.assert_allclose(transform.to_picture(transform.to_crop(points)), points, atol=1e-9)
    corner = transform.to_picture([(size - 1) / 2, (size - 1) / 2])
    np.testing.assert_allclose(corner, (123.4, 77.7), atol=1e-9)


def test_warp_and_unwarp_give_the_picture_back() -> None:
    y, x = np.mgrid[0:300, 0:400]
    picture = np.stack([x / 2, y / 2, 100 + 50 * np.sin(x / 25) * np.cos(y / 30)], -1)
    picture = picture.astype(np.uint8)
    transform = CropTransform(Roi(200.0, 150.0, 160.0, 0.3), 192)
    box = transform.bounds(400, 300)
    crop = transform.warp(picture[box.slices], box.x0, box.y0)
    np.testing.assert_array_equal(crop, transform.warp(picture))
    back, mask = transform.unwarp(crop, box)
    inside = cv2.erode(mask, np.ones((9, 9))) == 1.0
    assert inside.mean() > 0.4
    error = np.abs(back.astype(int) - picture[box.slices])[inside]
    assert error.max() <= 4 and error.mean() < 0.7


def test_a_large_face_is_averaged_not_sampled() -> None:
    stripes = np.zeros((900, 900, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = CropTransform(Roi(450.0, 450.0, 800.0, 0.0), 100).warp(stripes)
    assert np.abs(crop.astype(int) - 127).max() < 25


def test_the_square_sits_on_the_face() -> None:
    (transform,) = crop_track(head(eyes=100.0, roll=10.0)[None], 128)
    assert transform.roi.side == pytest.approx(SPAN * 100, rel=0.01)
    assert np.degrees(transform.roi.angle) == pytest.approx(10.0, abs=0.5)
    down = np.array([-np.sin(np.radians(10)), np.cos(np.radians(10))])
    np.testing.assert_allclose(
        (transform.roi.x, transform.roi.y), (300, 200) + down * DROP * 100, atol=1.0
    )


def test_turning_does_not_zoom_and_talking_does_not_move() -> None:
    still, turned = crop_track(np.stack([head(), head(yaw=30.0)]), 128)
    assert turned.roi.side == pytest.approx(still.roi.side, rel=0.01)
    talking = head()
    talking[mesh.stored((14, 17, 152)), 1] += 30
    assert crop_track(talking[None], 128)[0] == still


def test_outside_the_picture() -> None:
    transform = CropTransform(Roi(-500.0, -500.0, 100.0, 0.0), 64)
    assert transform.bounds(640, 480).area == 0
    assert crop_track(np.zeros((0, len(mesh.STORED), 3)), 64) == []
    near = CropTransform(Roi(5.0, 5.0, 100.0, 0.0), 64)
    assert near.bounds(640, 480) == Box(0, 0, near.bounds(640, 480).x1, near.bounds(640, 480).y1)
    assert near.warp(np.full((480, 640, 3), 9, np.uint8)).min() == 9
