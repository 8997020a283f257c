"""The square of the lower face: it follows the head and not the mouth."""

import numpy as np
import pytest

from avsynth.face.lower_crop import LowerCrop, apply, cut, draw_lips
from avsynth.face.lower_face import INNER_RING, MOVING, OUTER_RING, VERTICES
from avsynth.face.mesh import BORDER


@pytest.fixture()
def face():
    """Vertices (V, 2) of a made face about 100 px wide; lips are two ellipses."""
    rng = np.random.default_rng(0)
    points = rng.uniform((100, 100), (200, 180), (VERTICES, 2)).astype(np.float32)
    angle = np.pi - np.arange(20) / 20 * 2 * np.pi
    for ring, wide, high in ((OUTER_RING, 25, 10), (INNER_RING, 18, 3)):
        points[ring] = np.stack([150 + wide * np.cos(angle), 140 + high * np.sin(angle)], -1)
    return points


def test_the_face_fills_the_square(face):
    crop = LowerCrop(face, 128)
    seen = apply(crop.matrix(face), face[:MOVING])
    assert seen.min() >= 0 and seen.max() <= 127
    assert np.ptp(seen, axis=0).max() == pytest.approx(128 / 1.12, abs=1)


def test_a_turned_scaled_moved_head_lands_in_the_same_place(face):
    crop = LowerCrop(face, 128)
    turn = 1.7 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    elsewhere = (face @ turn.T + (40, -300)).astype(np.float32)
    a, b = (apply(crop.matrix(f), f) for f in (face, elsewhere))
    assert np.abs(a - b).max() < 0.01


def test_the_mouth_does_not_move_the_square(face):
    crop = LowerCrop(face, 128)
    speaking = face.copy()
    speaking[:MOVING] += np.random.default_rng(1).normal(0, 5, (MOVING, 2))
    speaking[MOVING + len(BORDER) :] += 9
    assert np.allclose(crop.matrix(face), crop.matrix(speaking))


def test_a_tilted_mean_is_set_upright(face):
    turn = np.array([[0, -1], [1, 0]])
    fallen = (face @ turn.T).astype(np.float32)
    seen = apply(LowerCrop(fallen, 64).matrix(fallen), fallen)
    across = seen[OUTER_RING[10]] - seen[OUTER_RING[0]]
    assert abs(across[1]) < 0.01 and across[0] > 0


def test_cutting_averages_where_it_shrinks():
    fine = np.indices((400, 400)).sum(axis=0) % 2 * 255
    rgb = np.repeat(fine[..., None], 3, axis=2).astype(np.uint8)
    small = cut(rgb, np.array([[0.25, 0, 0], [0, 0.25, 0]]), 90)
    assert np.abs(small.astype(int) - 127).max() <= 2


@pytest.mark.parametrize("scale", [0.2, 0.5, 1.0, 3.0])
def test_cutting_puts_things_where_the_matrix_says(scale):
    side = 300
    y, x = np.indices((side, side))
    rgb = np.repeat((x * 0.5 + y * 0.3)[..., None], 3, axis=2).astype(np.uint8)
    matrix = np.array([[scale, 0.0, 3.0], [0.0, scale, 5.0]])
    seen = cut(rgb, matrix, 32)[10, 12, 0]
    wanted = ((12 - 3) * 0.5 + (10 - 5) * 0.3) / scale
    assert seen == pytest.approx(wanted, abs=1.5)


def test_lips_are_drawn(face):
    crop = LowerCrop(face, 128)
    lips, inside = np.moveaxis(draw_lips(apply(crop.matrix(face), face), 128), -1, 0)
    assert 0 < inside.sum() < lips.sum() and lips.max() == 255
    assert (lips[inside == 255] == 255).all()
