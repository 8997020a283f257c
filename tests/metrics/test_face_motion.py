"""Metrics of reenactment: answers worked out by hand, and what must hold for any face."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avsynth.face import mesh
from avsynth.face.alignment import _TEMPLATE
from avsynth.face.mouth_space import MouthSpace
from avsynth.media import Box
from avsynth.metrics import face_motion, identity

PIXELS = 80.0  # an eye distance


def faces(count=20, seed=0, move=0.02):
    """A head (T, 478, 3) that looks into the camera; all but its rigid points move."""
    rng = np.random.default_rng(seed)
    shape = rng.uniform(-0.6, 0.6, (mesh.MESH_POINTS, 3))
    shape[list(mesh.RIGID)] = _TEMPLATE
    film = np.repeat(shape[None], count, axis=0)
    film += rng.normal(0, move, film.shape)
    film[:, list(mesh.RIGID)] = _TEMPLATE
    return film * PIXELS + 300.0


def turned(points, degrees, axis):
    """The same heads turned about their middle: axis 0 nods, 1 shakes, 2 leans."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    a, b = [k for k in range(3) if k != axis]
    matrix[a, a] = matrix[b, b] = c
    matrix[a, b], matrix[b, a] = s, -s
    return (points - 300.0) @ matrix + 300.0


def test_akd_is_the_mean_of_coordinates_and_akd_l2_of_distances():
    real = np.zeros((2, 3, 2))
    made = real.copy()
    made[0, 0] = 3.0, 4.0
    assert face_motion.akd(made, real) == pytest.approx(7 / 12)
    assert face_motion.akd_l2(made, real) == pytest.approx(5 / 6)


@settings(max_examples=25, deadline=None)
@given(st.floats(-40, 40), st.floats(-40, 40))
def test_a_shift_is_the_distance(x, y):
    real = np.random.default_rng(1).uniform(0, 256, (3, 68, 2))
    made = real + np.array([x, y])
    assert face_motion.akd(made, real) == pytest.approx((abs(x) + abs(y)) / 2, abs=1e-9)
    assert face_motion.akd_l2(made, real) == pytest.approx(np.hypot(x, y), abs=1e-9)


def test_the_longer_side_of_a_region_becomes_256():
    box = Box(100, 50, 612, 306)  # 512 x 256
    corners = np.array([[99.5, 49.5, 7.0], [611.5, 305.5, 7.0]])
    expected = np.array([[-0.5, -0.5], [255.5, 127.5]])
    assert face_motion.on_square(corners, box) == pytest.approx(expected)


def test_faces_that_were_not_found_are_counted_and_left_out():
    real, made = faces(), faces()
    real[0], made[1:6] = np.nan, np.nan
    made[6:] += 2.0
    assert face_motion.missing_rate(made, real) == pytest.approx(5 / 19)
    assert face_motion.akd(made[..., :2], real[..., :2]) == pytest.approx(2.0)
    assert np.isnan(face_motion.akd(made[1:6], real[1:6]))
    assert np.isnan(face_motion.missing_rate(made[:1], real[:1]))
    with pytest.raises(ValueError, match="one shape"):
        face_motion.akd(made[:3], real)


@pytest.mark.parametrize(("axis", "name"), [(0, "pitch"), (1, "yaw"), (2, "roll")])
def test_a_head_turned_by_ten_degrees_is_ten_degrees_off(axis, name):
    error = face_motion.pose_error(turned(faces(), 10.0, axis), faces())
    assert getattr(error, name) == pytest.approx(10.0, abs=1e-6)
    assert error.mean == pytest.approx(10.0 / 3, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.floats(-30, 30), st.sampled_from([0, 1, 2]), st.floats(0.5, 2.0), st.floats(-50, 50))
def test_expression_knows_nothing_of_pose_size_and_place(degrees, axis, scale, shift):
    moved = turned(faces(), degrees, axis) * scale + shift
    assert face_motion.expression_error(moved, faces()) == pytest.approx(0.0, abs=1e-9)


def test_expression_is_in_eye_distances_and_relative_to_the_own_mean_when_asked():
    real = faces()
    made = real.copy()
    made[:, 61, 0] += 0.1 * PIXELS  # the corner of a mouth, which is not rigid
    expected = 0.1 / mesh.MESH_POINTS
    assert face_motion.expression_error(made, real) == pytest.approx(expected)
    assert face_motion.expression_error(made, real, relative=True) == pytest.approx(0.0, abs=1e-9)


def test_mouth_error_is_in_typical_sizes_of_coefficients():
    rng = np.random.default_rng(3)
    tracks = [rng.normal(0, 0.05, (60, len(mesh.MOUTH_JAW), 3))]
    space = MouthSpace.fit(tracks, size=4)
    real = faces()
    made = real.copy()
    made[:, list(mesh.MOUTH_JAW)] += 2.0 * space.deviation[1] * space.components[1] * PIXELS
    assert face_motion.mouth_error(space, made, real) == pytest.approx(2.0 / 4)
    assert face_motion.mouth_error(space, real, real) == 0.0


def test_eye_opening_is_the_lids_distance_over_the_corners():
    points = np.zeros((2, mesh.MESH_POINTS, 2))
    for outer, up, up2, inner, down2, down in face_motion._EYES:
        points[:, outer], points[:, inner] = (0.0, 0.0), (10.0, 0.0)
        points[:, [up, up2], 1] = -2.0
        points[:, [down, down2], 1] = 2.0
    points[1, :, 1] *= 0.5
    assert face_motion.eye_opening(points) == pytest.approx(np.array([0.4, 0.2]))


def test_correlation_follows_what_moves_and_only_that():
    time = np.linspace(0, 12, 40)
    still = faces(1).repeat(40, axis=0)
    driver = np.concatenate(
        [turned(f[None], 8 * np.sin(t), 1) for f, t in zip(still, time, strict=True)]
    )
    made = np.concatenate(
        [turned(f[None], 3 * np.sin(t), 1) for f, t in zip(still, time, strict=True)]
    )
    found = face_motion.correlations(made, driver)
    assert found["yaw"] == pytest.approx(1.0, abs=1e-6)
    assert face_motion.gains(made, driver)["yaw"] == pytest.approx(3 / 8, abs=1e-6)
    assert face_motion.correlations(still, driver)["yaw"] == 0.0
    assert np.isnan(face_motion.gains(driver, still)["yaw"])
    angle = face_motion.signals(driver).yaw
    assert face_motion.spread(angle) == pytest.approx(16.0, abs=0.5)


def test_spread_leaves_out_the_tails_and_the_unseen():
    signal = np.append(np.arange(101.0), np.nan)
    assert face_motion.spread(signal) == pytest.approx(90.0)
    assert np.isnan(face_motion.spread(np.full(3, np.nan)))


def test_identity_distances_of_unit_vectors_by_hand():
    real = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [np.nan] * 4])
    made = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    assert identity.aed(made, real) == pytest.approx((2 / 4 + 0) / 2)
    assert identity.aed_squared(made, real) == pytest.approx(2 / 2)
    assert identity.embedding_distance(made, real) == pytest.approx(np.sqrt(2) / 2)
    assert identity.csim(made, real) == pytest.approx(0.5)
    assert np.isnan(identity.csim(made[:1], real[2:]))


def test_one_source_is_held_against_every_picture():
    made = np.array([[3.0, 4.0], [0.0, 2.0]])
    source = np.array([[0.0, 1.0]])
    assert identity.embedding_distance(made, source) == pytest.approx((np.sqrt(18) + 1) / 2)
    assert identity.csim(5 * made, source) == pytest.approx((0.8 + 1.0) / 2)
