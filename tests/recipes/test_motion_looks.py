"""What is known of a person frame by frame: nothing near a frame may speak of it."""

import sys
from pathlib import Path

import numpy as np
import pytest

from avsynth.face import mesh
from avsynth.face.alignment import _TEMPLATE, Poses
from avsynth.face.mouth_space import MouthSpace, PersonStyle, canonical_opening

RECIPE = Path(__file__).parents[2] / "recipes" / "motion"


@pytest.fixture(scope="module")
def looks():
    sys.path.insert(0, str(RECIPE))
    import looks as module

    yield module
    sys.path.remove(str(RECIPE))


@pytest.fixture(scope="module")
def clip():
    """Sixty frames of a moving mouth, its openings, a space fitted to it."""
    rng = np.random.default_rng(3)
    base = rng.normal(0, 0.2, (len(mesh.MOUTH_JAW), 3))
    moves = rng.normal(0, 0.03, (4, len(mesh.MOUTH_JAW), 3))
    mouths = base + np.einsum("tk,kmd->tmd", rng.normal(0, 1, (60, 4)), moves)
    return mouths, canonical_opening(mouths), MouthSpace.fit([mouths], size=3)


def test_each_frame_is_told_by_what_is_far_from_it(looks, clip):
    mouths, gaps, space = clip
    made = looks.Looks.elsewhere(space, mouths, gaps, unseen=5)
    far = np.r_[0:15, 26:60]  # of frame 20
    expected = PersonStyle.from_coefficients(space.encode(mouths[far]), gaps[far], space.deviation)
    for name in ("neutral", "centre", "scale"):
        assert np.array_equal(getattr(made.styles[20], name), getattr(expected, name))
    assert np.allclose(made.identity[20], space.residual(mouths[far]).mean(axis=0))


def test_a_change_nearby_changes_nothing_and_one_far_away_does(looks, clip):
    mouths, gaps, space = clip
    near, far = mouths.copy(), mouths.copy()
    near[28:53] += 1.0  # within 12 frames of frame 40
    far[27] += 1.0
    units = np.zeros((60, 3))
    before, after_near, after_far = (
        looks.Looks.elsewhere(space, changed, gaps) for changed in (mouths, near, far)
    )
    assert np.array_equal(before.coefficients(units)[40], after_near.coefficients(units)[40])
    assert np.array_equal(before.identity[40], after_near.identity[40])
    assert not np.allclose(before.coefficients(units)[40], after_far.coefficients(units)[40])


def test_blocks_share_a_style_from_outside_the_whole_block(looks, clip):
    mouths, gaps, space = clip
    made = looks.Looks.elsewhere(space, mouths, gaps, blocks=3)
    assert len({id(style) for style in made.styles}) == 3
    single = looks.Looks.same(space, mouths[32:], gaps[32:], 20)
    assert np.array_equal(made.styles[5].centre, single.styles[0].centre)
    assert np.allclose(made.identity[5], single.identity[0])


def test_frames_without_a_face_tell_nothing_and_a_short_clip_is_refused(looks, clip):
    mouths, gaps, space = (np.array(clip[0]), np.array(clip[1]), clip[2])
    mouths[50], gaps[50] = np.nan, np.nan
    made = looks.Looks.elsewhere(space, mouths, gaps)
    assert np.isfinite(made.identity).all()
    assert np.isfinite(made.coefficients(np.zeros((60, 3)))).all()
    with pytest.raises(ValueError, match="far enough"):
        looks.Looks.elsewhere(space, mouths[:20], gaps[:20])


def test_units_and_coefficients_are_inverse_and_points_are_in_the_pose(looks, clip):
    mouths, gaps, space = clip
    made = looks.Looks.elsewhere(space, mouths, gaps)
    coefficients = space.encode(mouths)
    assert np.allclose(made.coefficients(made.units(coefficients)), coefficients)
    poses = Poses(np.tile(np.eye(3) * 100, (60, 1, 1)), np.full((60, 3), 7.0), _TEMPLATE)
    same = looks.Looks.same(space, mouths, gaps, 60)
    drawn = same.points(space, same.units(coefficients), poses)
    expected = space.shape(coefficients) + same.identity
    upper, lower = (mesh.in_mouth(lip) for lip in (mesh.INNER_UPPER, mesh.INNER_LOWER))
    free = np.setdiff1d(np.arange(len(mesh.MOUTH_JAW)), np.r_[upper, lower])
    assert np.allclose(drawn[:, free], expected[:, free, :2] * 100 + 7)
