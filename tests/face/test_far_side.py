"""The cheek that a turned head hides comes from its other side, and only where it is needed."""

import cv2
import numpy as np
import portrait_helpers as made
import pytest
from scipy.spatial.transform import Rotation

from avsynth.face.alignment import align
from avsynth.face.far_side import FarSide
from avsynth.face.head_mesh import Grid, HeadMesh
from avsynth.face.head_topology import MIDDLE, OVAL
from avsynth.face.portrait import MeshPortrait, Portrait
from avsynth.media import Box

SKIN, DARK = (200, 150, 120), (20, 15, 10)
FAR_CHEEK = (345, 352, 411)  # on the subject's left


def turned(points, degrees):
    """Landmarks of the head turned about its own axis."""
    wide = points.astype(np.float64)
    _, pose = align(wide[None])
    centre = pose.to_image(MIDDLE[None])[0, 0]
    axis = pose.matrix[0][1] / np.linalg.norm(pose.matrix[0][1])
    rotation = Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix()
    return ((wide - centre) @ rotation.T + centre).astype(np.float32)


@pytest.fixture(scope="module")
def frontal():
    return made.portrait()


@pytest.fixture(scope="module")
def away(frontal):
    """Skin up to the outline of a head turned by 28 degrees, darkness beyond it."""
    points = turned(frontal.points, -28.0)
    height, width = frontal.rgb.shape[:2]
    rgb = np.full((height, width, 3), DARK, np.uint8)
    cv2.fillPoly(rgb, [cv2.convexHull(points[OVAL, :2].round().astype(np.int32))], SKIN)
    # What is only just seen of the far side is hair.
    rgb[:, round(float(points[OVAL, 0].max())) - 3 :] = DARK
    return Portrait(rgb, Box(0, 0, width, height), points)


def far_side(portrait):
    height, width = portrait.rgb.shape[:2]
    mesh = HeadMesh(portrait.points, width, height)
    return mesh, FarSide(portrait.rgb, portrait.points, mesh)


def test_turned_back_it_shows_skin(away):
    wanted = turned(away.points, 25.0)
    [patch] = MeshPortrait(away).render([wanted])
    x, y = wanted[FAR_CHEEK, :2].round().astype(int).T
    assert (patch.rgb[y, x].mean(axis=1) > 0.8 * np.mean(SKIN)).all()
    mesh, far = far_side(away)
    height, width = away.rgb.shape[:2]
    grid = Grid(width, height, 1.0, 0.0, 0.0)
    flow, weight = far.layer(mesh.moved(wanted[None])[0], grid)
    assert weight[y, x].min() > 0.8  # by itself the mesh would have drawn the dark wide
    assert weight[:, : width // 3].max() < 1e-3  # the near side is left alone
    assert flow.shape == (height, width, 2)


def test_a_still_or_hardly_turned_head_needs_nothing(away):
    [patch] = MeshPortrait(away).render([away.points])
    assert np.array_equal(patch.rgb, away.rgb)
    mesh, far = far_side(away)
    grid = Grid(8, 8, 1.0, 0.0, 0.0)
    for degrees in (-10.0, 0.0, 1.0):
        assert far.layer(mesh.moved(turned(away.points, degrees)[None])[0], grid) is None


def test_nothing_is_hidden_of_a_frontal_face(frontal):
    assert not far_side(frontal)[1]


def test_the_far_side_keeps_its_light(away):
    """A far cheek in less light gets the near one's pixels as dark."""
    height, width = away.rgb.shape[:2]
    light = np.ones((1, width, 1), np.float32)
    middle = round(float(away.points[4, 0]))
    light[:, middle:] = 0.7
    lit = Portrait((away.rgb * light).astype(np.uint8), away.box, away.points)
    _, far = far_side(lit)
    put = far.put(
        lit.rgb, np.zeros((height, width, 2), np.float32), np.ones((height, width), np.float32)
    )
    near = lit.rgb[:, : middle - 5].astype(float)
    bright = near.mean(axis=2) > 0.8 * np.mean(SKIN)
    ratio = put[:, : middle - 5][bright].mean() / near[bright].mean()
    assert ratio == pytest.approx(0.7, abs=0.08)
