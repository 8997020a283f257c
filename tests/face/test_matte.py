"""A portrait in two layers."""

import cv2
import numpy as np
import pytest

from avsynth.face.matte import Layers, person_matte
from avsynth.media import read_frames


def disc(size=120, radius=30):
    """A soft red disc over a checked wall, and its matte."""
    rows, columns = np.mgrid[:size, :size]
    wall = np.where(((rows // 8 + columns // 8) % 2)[..., None] > 0, 190, 60).astype(np.uint8)
    wall = np.repeat(wall, 3, axis=2)
    away = np.hypot(rows - size / 2, columns - size / 2)
    matte = np.clip((radius - away) / 4 + 0.5, 0.0, 1.0).astype(np.float32)
    red = np.full_like(wall, (200, 40, 40))
    picture = red * matte[..., None] + wall * (1.0 - matte[..., None])
    return np.asarray(picture + 0.5, dtype=np.uint8), matte


def shift(size, x):
    """Everything comes from ``x`` pixels to the right."""
    flow = np.zeros((size, size, 2), dtype=np.float32)
    flow[..., 0] = x
    return flow


def test_what_does_not_move_is_the_picture():
    picture, matte = disc()
    still = Layers(picture, matte).moved(shift(120, 0))
    assert np.abs(still.astype(int) - picture).max() <= 1


def test_the_person_moves_and_the_background_does_not():
    picture, matte = disc()
    moved = Layers(picture, matte).moved(shift(120, 10))
    assert np.abs(moved[60, 30].astype(int) - (200, 40, 40)).max() <= 2  # the disc has come here
    far = np.ones((120, 120), dtype=bool)
    far[20:100, 15:100] = False
    assert np.array_equal(moved[far], picture[far])


def test_what_is_bared_looks_like_what_is_around():
    picture, matte = disc()
    moved = Layers(picture, matte).moved(shift(120, 10))
    bared = moved[50:70, 82:88].astype(int)  # the disc was here
    assert (np.abs(bared - (200, 40, 40)).max(axis=-1) > 30).all()
    assert 40 <= bared.mean() <= 200


def test_a_moved_edge_has_no_fringe_of_the_old_background():
    matte = np.zeros((60, 60), dtype=np.float32)
    matte[20:40, 20:40] = 1.0
    matte = cv2.GaussianBlur(matte, (0, 0), 1.5)
    wall = np.full((60, 60, 3), 240, dtype=np.uint8)
    wall[:, 30:] = 10  # bright on the left, dark on the right
    person = np.full_like(wall, 120)
    picture = np.asarray(
        person * matte[..., None] + wall * (1 - matte[..., None]) + 0.5, dtype=np.uint8
    )
    moved = Layers(picture, matte).moved(shift(60, -6))  # to the right, over the dark half
    right = moved[30, 46:50].astype(int)
    assert right.max() <= 130  # no bright seam travels along


@pytest.mark.data
def test_a_real_head_is_the_persons_and_the_wall_is_not(data_dir):
    frame = next(iter(read_frames(data_dir / "grid" / "s26_bgbsza.mp4")))
    matte = person_matte(frame.small(360))
    height, width = matte.shape
    assert matte[height // 2, width // 2] > 0.95
    assert matte[: height // 6, : width // 6].max() < 0.1
    assert 0.1 < matte.mean() < 0.8


def test_a_pure_colour_bares_no_false_one():
    picture = np.full((80, 80, 3), 230, dtype=np.uint8)
    picture[40:] = 220, 0, 0  # a sleeve; its matte is not sure of itself
    matte = np.zeros((80, 80), dtype=np.float32)
    matte[40:] = 0.8
    down = np.zeros((80, 80, 2), dtype=np.float32)
    down[..., 1] = -20
    moved = Layers(picture, matte).moved(down).astype(int)
    assert (np.abs(moved[..., 1] - moved[..., 2]) <= 2).all()  # nowhere magenta or yellow
    assert np.abs(moved[45:55] - 230).max() <= 10
