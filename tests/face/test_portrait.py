"""Portraits that move: still ones stay, heads move with their hair, borders do not."""

import cv2
import numpy as np
import portrait_helpers as made
import pytest

from avsynth.errors import InputError
from avsynth.face import mesh
from avsynth.face.head_mesh import Grid, HeadMesh
from avsynth.face.head_topology import OVAL
from avsynth.face.hollow import Hollow, openness
from avsynth.face.portrait import MeshPortrait, Portrait, portrait_box, region_mask
from avsynth.face.portrait_square import PortraitSquare, draw_face


def _head_mesh():
    portrait = made.portrait()
    return portrait, HeadMesh(portrait.points, portrait.box.width, portrait.box.height)


def _grid(portrait):
    return Grid(portrait.box.width, portrait.box.height, 1.0, 0.0, 0.0)


def test_identity_is_the_source_to_the_pixel():
    portrait = made.portrait()
    [patch] = MeshPortrait(portrait).render([portrait.points])
    assert np.array_equal(patch.rgb, portrait.rgb)
    assert patch.box == portrait.box


def test_a_large_still_portrait_stays_too():
    portrait = made.portrait()
    height, width = portrait.rgb.shape[:2]
    rgb = cv2.resize(portrait.rgb, (3 * width + 1, 3 * height + 2))
    grown = np.array([(3 * width + 1) / width, (3 * height + 2) / height, 3.0], dtype=np.float32)
    box = portrait.box.shift(0, 0)
    large = Portrait(rgb, box, portrait.points * grown)
    [patch] = MeshPortrait(large).render([large.points])
    assert np.abs(patch.rgb.astype(int) - rgb).max() <= 1


def test_vertices_lie_on_the_wanted_landmarks():
    portrait, head = _head_mesh()
    wanted = made.wanted()[5]
    flow = head.flow(head.moved(wanted[None])[0], _grid(portrait))
    for landmark in (4, 61, 291, 33, 263):
        x, y = np.round(wanted[landmark, :2]).astype(int)
        there = np.array([x, y]) + flow[y, x]
        error = there - portrait.points[landmark, :2] - (np.array([x, y]) - wanted[landmark, :2])
        assert np.abs(error).max() < 0.6


def test_hair_follows_the_head_and_the_border_stays():
    portrait, head = _head_mesh()
    shifted = portrait.points + np.array([6.0, 2.0, 0.0], dtype=np.float32)
    moved = head.moved(shifted[None])[0]
    shift = moved - head.vertices
    rings = shift[-3 * len(OVAL) :].reshape(3, len(OVAL), 2)
    top = [0, 1, 2, -1, -2]  # of the head: hair
    assert np.allclose(rings[0, top], [6.0, 2.0], atol=0.7)
    assert (rings[1, top, 0] > 3.5).all()
    assert (np.abs(rings[0, 18]) < np.abs(rings[0, 0])).all()  # neck below the chin
    assert np.abs(rings[2]).max() < 1e-4
    flow = head.flow(moved, _grid(portrait))
    edge = np.concatenate([flow[0], flow[-1], flow[:, 0], flow[:, -1]])
    assert np.abs(edge).max() < 0.1


def test_a_far_shift_presses_the_hair_against_the_border():
    portrait, head = _head_mesh()
    size = np.array([portrait.box.width, portrait.box.height])
    far = portrait.points + np.array([0.0, -0.15 * size[1], 0.0], dtype=np.float32)
    helpers = head.moved(far[None])[0][-3 * len(OVAL) :]
    assert (helpers > -1.0).all()
    assert (helpers < size).all()


def test_turning_moves_the_nose_more_than_the_outline():
    portrait, head = _head_mesh()
    moved = head.moved(made.turned(portrait.points, 10.0)[None])[0]
    shift = moved - head.vertices
    nose = int(np.flatnonzero(head.topology.skin == 4)[0])
    ring = shift[-3 * len(OVAL) :][: len(OVAL), 0]
    assert abs(shift[nose, 0]) > 3 * np.abs(ring[[9, 27]]).max()


def test_triangles_cover_the_picture():
    portrait, head = _head_mesh()
    wanted = made.wanted()
    wide = wanted[np.argmax(wanted[:, 14, 1] - wanted[:, 13, 1])]
    raster = head._mesh.raster(head.moved(wide[None])[0], portrait.box.width, portrait.box.height)
    assert (raster.index >= 0).mean() > 0.995
    assert raster.thin.mean() < 0.1  # the others run clockwise and have some height


def test_rendering_is_deterministic_and_frames_do_not_depend_on_each_other():
    portrait, wanted = made.portrait(), made.wanted()
    many = MeshPortrait(portrait).render(list(wanted[:3]))
    alone = MeshPortrait(portrait).render([wanted[2]])
    assert np.array_equal(many[2].rgb, alone[0].rgb)
    assert MeshPortrait(portrait).render([]) == []


def test_the_mesh_is_nearer_to_the_driver_than_the_source():
    portrait, wanted = made.portrait(), made.wanted()
    pictures = made.film()[0]
    far = int(np.argmax(np.abs(wanted - wanted[0])[..., :2].mean(axis=(1, 2))))
    truth = pictures[far][portrait.box.slices].astype(float)
    [patch] = MeshPortrait(portrait).render([wanted[far]])
    assert np.abs(patch.rgb - truth).mean() < np.abs(portrait.rgb - truth).mean()


def test_box_holds_the_head_and_stays_in_the_picture():
    points = made.film()[1][0]
    height, width = made.film()[0].shape[1:3]
    box = portrait_box(points, width, height)
    assert box == box.clip(width, height)
    oval = points[OVAL, :2]
    assert (oval > [box.x0, box.y0]).all()
    assert (oval < [box.x1, box.y1]).all()
    away = points + np.array([10.0 * width, 0, 0], dtype=np.float32)
    with pytest.raises(InputError):
        portrait_box(away, width, height)


def test_mask_is_nothing_on_the_border_and_whole_in_the_middle():
    mask = region_mask(100, 80)
    assert mask.shape == (80, 100)
    assert not mask[[0, -1]].any()
    assert not mask[:, [0, -1]].any()
    assert (mask[10:70, 10:90] == 1.0).all()


@pytest.mark.parametrize("width, height", [(300, 300), (301, 240), (150, 170)])
def test_square_and_portrait_agree_on_places(width, height):
    square = PortraitSquare(width, height, 192)
    line_x, line_y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    places = np.stack(np.meshgrid(line_x, line_y), axis=-1)
    inside = square.points(places.reshape(-1, 2)).reshape(places.shape)
    across = np.tile(np.arange(192, dtype=np.float32), (192, 1))
    field = np.stack([across, across.T], axis=-1)
    whole = square.whole(field)
    middle = (slice(10, -10), slice(10, -10))
    assert whole.shape == places.shape
    assert np.abs(whole - inside)[middle].max() < 0.02
    assert square.cut(np.zeros((height, width, 3), np.uint8)).shape == (192, 192, 3)


def test_drawings_show_where_things_are():
    square = PortraitSquare(made.portrait().box.width, made.portrait().box.height, 192)
    wanted = made.wanted()
    gap = np.abs(np.diff(wanted[:, mesh.LIP_TOP_BOTTOM, 1], axis=1)).ravel()
    shut, wide = (draw_face(square.points(wanted[n]), 192) for n in (gap.argmin(), gap.argmax()))
    face, lips, mouth, eyes = wide
    assert (face > 0)[lips == 255].all()
    assert mouth.sum() > shut[2].sum()
    assert mouth.astype(int).sum() < lips.astype(int).sum() < face.astype(int).sum()
    x, y = square.points(wanted[gap.argmax()])[468, :2].round().astype(int)
    assert 0 < eyes[y, x] < 255  # the iris, darker than the white


def test_a_shut_mouth_opens_onto_the_dark():
    portrait, wanted = made.portrait(), made.wanted()
    gaps = np.array([openness(points) for points in wanted])
    shut = Portrait(portrait.rgb, portrait.box, wanted[gaps.argmin()])
    opened = shut.points.copy()
    down = 0.35 * np.linalg.norm(np.subtract(*opened[list(mesh.LIP_CORNERS), :2]))
    opened[list(mesh.INNER_LOWER), 1] += down
    hollow = Hollow(shut.rgb, shut.points)
    assert hollow.share(shut.points) == 0.0
    assert hollow.share(opened) > 0.9
    assert Hollow(shut.rgb, opened).share(opened) == 0.0  # the picture itself shows an inside
    added, row, column = hollow.added(shut.rgb, opened)
    x, y = opened[list(mesh.LIPS_INNER), :2].mean(axis=0).round().astype(int)
    assert added[y - row, x - column].max() < -20
    assert np.abs(added[0]).max() < 10
    assert hollow.added(shut.rgb, shut.points) is None


def test_a_face_that_grows_over_its_outline_pushes_hair_and_neck_out():
    portrait, head = _head_mesh()
    middle = portrait.points.mean(axis=0)
    swollen = portrait.points.copy()
    swollen[OVAL] = middle + (swollen[OVAL] - middle) * 1.5
    moved = head.moved(swollen[None])[0]
    rings = moved[-3 * len(OVAL) :].reshape(3, len(OVAL), 2)[:2]
    centre = swollen[OVAL, :2].mean(axis=0)
    distances = np.linalg.norm(np.stack([swollen[OVAL, :2], *rings]) - centre, axis=-1)
    assert (np.diff(distances, axis=0) > 0).all()
