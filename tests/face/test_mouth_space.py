"""The pose-free mouth space: made meshes in known poses, and real GRID landmarks."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from avsynth.face import mesh
from avsynth.face.alignment import _TEMPLATE
from avsynth.face.mouth_space import (
    MouthSpace,
    PersonStyle,
    align,
    canonical_opening,
    keep_lips_apart,
    opening,
)


def made_track(frames: int = 40, seed: int = 0, angle: float = 25.0):
    """Stored landmarks of a made face that speaks while the head turns; its canonical mouth."""
    rng = np.random.default_rng(seed)
    rest = rng.normal((0, 1, 0), 0.2, (len(mesh.MOUTH_JAW), 3))
    # Real meshes are mirror images of themselves: so is the made one.
    order = mesh.in_mouth(mesh.MOUTH_JAW_MIRRORED)
    rest = (rest + rest[order] * [-1, 1, 1]) / 2
    upper, lower = mesh.in_mouth(mesh.INNER_UPPER), mesh.in_mouth(mesh.INNER_LOWER)
    rest[lower, 1] = rest[upper, 1] + 0.5  # wide open
    way = rng.normal(0, 0.02, (3, *rest.shape))
    way = (way + way[:, order] * [-1, 1, 1]) / 2
    amount = np.sin(np.arange(frames)[:, None] * [0.7, 1.1, 1.9])
    canonical = rest + np.einsum("tk,kmd->tmd", amount, way)
    face = np.zeros((frames, len(mesh.STORED), 3))
    face[:, mesh.stored(mesh.MOUTH_JAW)] = canonical
    face[:, mesh.stored(mesh.RIGID)] = _TEMPLATE
    turn = Rotation.from_euler(
        "yxz", rng.uniform(-angle, angle, (frames, 3)), degrees=True
    ).as_matrix()
    size = rng.uniform(80, 120, frames)[:, None, None]
    shift = rng.uniform(100, 300, (frames, 1, 3))
    return (face @ turn.transpose(0, 2, 1)) * size + shift, canonical


def test_pose_is_taken_out_exactly():
    points, canonical = made_track()
    found, poses = align(points)
    assert np.abs(found - canonical).max() < 1e-4  # the template is stored with four digits
    assert np.abs(poses.to_image(found) - points[:, mesh.stored(mesh.MOUTH_JAW)]).max() < 1e-8


def test_frames_without_a_face_stay_nan_and_disturb_nothing():
    points, canonical = made_track()
    points[5] = np.nan
    found, poses = align(points)
    assert np.isnan(found[5]).all() and np.isnan(poses.matrix[5]).all()
    assert np.abs(np.delete(found - canonical, 5, axis=0)).max() < 1e-4


def test_a_later_part_of_a_track_lands_in_the_same_space():
    points, _ = made_track()
    whole, poses = align(points)
    part, _ = align(points[30:], poses.template)
    assert np.abs(part - whole[30:]).max() < 1e-9


def test_own_coefficients_and_residual_give_back_the_landmarks():
    points, _ = made_track()
    canonical, poses = align(points)
    space = MouthSpace.fit([canonical], size=2)  # fewer than the made motion has
    back = space.decode(space.encode(canonical), poses, space.residual(canonical))
    assert np.abs(back - points[:, mesh.stored(mesh.MOUTH_JAW), :2]).max() < 1e-8


def test_displacing_to_the_true_coefficients_is_exact_when_the_basis_suffices():
    points, _ = made_track()
    canonical, poses = align(points)
    space = MouthSpace.fit([canonical], size=3)
    mouth = points[:, mesh.stored(mesh.MOUTH_JAW)]
    coefficients = space.encode(canonical)
    frozen = np.broadcast_to(coefficients[0], coefficients.shape)
    # Hold the mouth of frame 0 in all poses, then move it back to what was spoken.
    still = space.displace(mouth, poses, coefficients, frozen)
    assert np.abs(still - mouth[..., :2]).max() > 1.0
    shape = space.shape(frozen) + space.residual(canonical)
    back = space.displace(poses.to_image(shape), poses, frozen, coefficients)
    assert np.abs(back - mouth[..., :2]).max() < 1e-8
    assert np.abs(poses.to_image(shape)[..., :2] - still).max() < 1e-8


def test_space_survives_storage():
    canonical, _ = align(made_track()[0])
    space = MouthSpace.fit([canonical], size=3)
    again = MouthSpace.from_arrays(space.arrays())
    assert np.allclose(again.encode(canonical), space.encode(canonical), atol=1e-4)


def test_style_units_are_standard_and_without_presence_the_mouth_is_closed():
    rng = np.random.default_rng(3)
    gap = np.abs(rng.normal(0, 1, 2000))
    coefficients = np.stack([gap * 0.2 + 1.0, rng.normal(0, 0.1, 2000)], axis=1)
    coefficients[7] = np.nan
    style = PersonStyle.from_coefficients(coefficients, gap)
    units = style.to_units(coefficients)
    assert np.abs(np.nanmean(units, axis=0)).max() < 0.05
    assert np.abs(np.nanstd(units, axis=0) - 1).max() < 0.05
    assert np.allclose(style.from_units(units), coefficients, equal_nan=True)
    closed = style.from_units(np.column_stack([units, np.zeros(2000)]))[0]
    assert np.allclose(closed, style.neutral)
    assert abs(style.neutral[0] - 1.0) < 0.03  # the most closed tenth of an opening from 1 up


def test_an_outlier_hardly_changes_a_style():
    coefficients = np.random.default_rng(4).normal(0, 0.1, (500, 3))
    gap = np.abs(coefficients[:, 0])
    plain = PersonStyle.from_coefficients(coefficients, gap)
    coefficients[100] = 50.0
    assert np.allclose(
        PersonStyle.from_coefficients(coefficients, gap).scale, plain.scale, rtol=0.05
    )


def test_a_short_still_track_leans_on_the_typical_extent():
    still = np.zeros((5, 2))
    style = PersonStyle.from_coefficients(still, np.zeros(5), prior=np.array([0.2, 0.1]))
    assert np.allclose(style.scale, np.array([0.2, 0.1]) * np.sqrt(10 / 15), rtol=1e-4)


def test_style_of_a_track_without_a_face_is_refused():
    with pytest.raises(ValueError, match="no frame"):
        PersonStyle.from_coefficients(np.full((4, 2), np.nan), np.full(4, np.nan))


def test_openings_agree_between_image_and_canonical_space_on_a_frontal_face():
    points, _ = made_track(angle=0.0)
    canonical, _ = align(points)
    assert np.allclose(opening(points), canonical_opening(canonical), atol=1e-3)


def test_other_meshes_are_refused():
    with pytest.raises(ValueError, match="neither"):
        align(np.zeros((3, 68, 3)))
    with pytest.raises(ValueError, match="frames, points, 3"):
        align(np.zeros((3, 478, 2)))


def test_lips_that_crossed_are_brought_together_and_others_left_alone():
    canonical, _ = align(made_track()[0])
    top, bottom = mesh.in_mouth(mesh.LIP_TOP_BOTTOM)
    canonical[0, bottom, 1] = canonical[0, top, 1] - 0.1
    fixed = keep_lips_apart(canonical)
    assert fixed[0, bottom, 1] == fixed[0, top, 1]
    lips = mesh.in_mouth((*mesh.INNER_UPPER, *mesh.INNER_LOWER))
    assert np.array_equal(np.delete(fixed, lips, axis=1), np.delete(canonical, lips, axis=1))
    upper, lower = mesh.in_mouth(mesh.INNER_UPPER), mesh.in_mouth(mesh.INNER_LOWER)
    assert (fixed[:, lower, 1] >= fixed[:, upper, 1]).all()


def test_listening_does_not_make_a_style_smaller():
    rng = np.random.default_rng(5)
    talk, listen = rng.normal(1, 0.2, (200, 2)), np.zeros((600, 2))
    both = np.concatenate([talk, listen])
    speaking = np.arange(800) < 200
    style = PersonStyle.from_coefficients(both, both[:, 0], speaking=speaking)
    alone = PersonStyle.from_coefficients(talk, talk[:, 0])
    assert np.allclose(style.scale, alone.scale) and np.allclose(style.centre, alone.centre)
    assert np.allclose(style.neutral, 0)
    few = PersonStyle.from_coefficients(both, both[:, 0], speaking=np.arange(800) < 10)
    assert np.allclose(few.centre, PersonStyle.from_coefficients(both, both[:, 0]).centre)
