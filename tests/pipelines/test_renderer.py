"""The classical renderer: pixels go where the landmarks say, and nowhere else changes."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from dub_helpers import PERSON
from numpy.typing import NDArray

from avsynth.face.landmarks import MediapipeLandmarks
from avsynth.face.lower_face import INNER_RING, LIPS, MOVING, OUTER_RING, face_box, vertices
from avsynth.face.mesh import STORED
from avsynth.face.render import ClassicalRenderer, Patch, Picture, Source, Target
from avsynth.media import Box, read_frames

Floats = NDArray[np.float32]


@functools.cache
def person() -> tuple[NDArray[np.uint8], Floats]:
    """The demo person's first frame and vertices."""
    with read_frames(PERSON) as frames, MediapipeLandmarks() as detector:
        rgb = next(frames).rgb()
        [face] = detector.detect(rgb)[:1]
    return rgb, vertices(face.points[list(STORED)])


def render(
    wanted: Floats, rgb: NDArray[np.uint8] | None = None, spare: Floats | None = None
) -> tuple[Patch, NDArray[np.uint8]]:
    """The patch, and the source's pixels of the same box."""
    picture, own = person()
    picture = picture if rgb is None else rgb
    box = face_box(own, wanted).clip(picture.shape[1], picture.shape[0])
    offset = np.array([box.x0, box.y0], np.float32)
    here = Picture(np.ascontiguousarray(picture[box.slices]), own - offset)
    [patch] = ClassicalRenderer(own).render(
        [Target(here, box, wanted - offset, spare)], [Source(here, [(here, 1.0)])]
    )
    assert patch.box == box and patch.rgb.shape == here.rgb.shape
    assert patch.mask.shape == here.rgb.shape[:2] and patch.mask.dtype == np.float32
    assert patch.mask.min() >= 0.0 and patch.mask.max() <= 1.0
    return patch, here.rgb


def open_mouth(pixels: float) -> Floats:
    """The wanted vertices with the lower half of the lips moved down."""
    _, own = person()
    moved = own.copy()
    moved[[*OUTER_RING[1:10], *INNER_RING[1:10]], 1] += pixels
    return moved


def test_nothing_asked_is_nothing_changed() -> None:
    patch, before = render(person()[1])
    inside = patch.mask > 0
    away = np.abs(patch.rgb.astype(int) - before)[inside]
    assert inside.mean() > 0.2 and away.mean() < 1.0 and np.percentile(away, 99) <= 6


def test_the_mask_ends_before_the_fixed_points() -> None:
    patch, _ = render(open_mouth(6.0))
    own = person()[1]
    offset = np.array([patch.box.x0, patch.box.y0])
    for x, y in (own[MOVING:] - offset).round().astype(int):
        if 0 <= x < patch.box.width and 0 <= y < patch.box.height:
            assert patch.mask[y, x] < 0.15
    edge = np.concatenate([patch.mask[0], patch.mask[-1], patch.mask[:, 0], patch.mask[:, -1]])
    assert edge.max() == 0.0
    for x, y in (own[LIPS] - offset).round().astype(int):
        assert patch.mask[y, x] > 0.9


@pytest.mark.parametrize("shift", [(3.0, 0.0), (0.0, 3.0), (-2.0, 2.0)])
def test_a_dot_moves_as_far_as_the_points_around_it(shift: tuple[float, float]) -> None:
    rgb, own = person()
    chin = own[:MOVING][np.argmax(own[:MOVING, 1])] - np.array([0, 10])
    drawn = np.full_like(rgb, 90)
    x, y = chin.round().astype(int)
    drawn[y - 1 : y + 2, x - 1 : x + 2] = 250
    wanted = own.copy()
    wanted[:MOVING] += np.array(shift, np.float32)
    patch, before = render(wanted, drawn)

    def place(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        weight = np.maximum(picture[..., 1].astype(float) - 120, 0)
        rows, columns = np.indices(weight.shape)
        return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()

    assert np.allclose(place(patch.rgb) - place(before), shift, atol=0.5)


def test_lips_that_touch_show_nothing_between_them() -> None:
    """Paint the inside of an open mouth green, then ask for closed lips."""
    import cv2

    rgb, own = person()
    wide = open_mouth(10.0)
    drawn = rgb.copy()
    inside = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(inside, [wide[INNER_RING].round().astype(np.int32)], 1)
    # Its edge belongs to the lips: drawing and the cubic kernel reach over it.
    drawn[cv2.erode(inside, np.ones((5, 5), np.uint8)) > 0] = (0, 255, 0)
    box = face_box(own, wide).clip(rgb.shape[1], rgb.shape[0])
    offset = np.array([box.x0, box.y0], np.float32)
    here = Picture(np.ascontiguousarray(drawn[box.slices]), wide - offset)
    shut = wide.copy()
    upper, lower = INNER_RING[:10:-1], INNER_RING[1:10]
    middle = (wide[upper] + wide[lower]) / 2
    shut[upper] = shut[lower] = middle
    renderer = ClassicalRenderer(own)

    def green(wanted: Floats) -> int:
        [patch] = renderer.render(
            [Target(here, box, wanted - offset)], [Source(here, [(here, 1.0)])]
        )
        r, g, b = np.moveaxis(patch.rgb.astype(int), -1, 0)
        return int(((g - np.maximum(r, b) > 60) & (patch.mask > 0.5)).sum())

    assert green(wide) > 80 and green(shut) <= 0.1 * green(wide)


def test_equal_arguments_give_equal_patches() -> None:
    a, b = render(open_mouth(5.0))[0], render(open_mouth(5.0))[0]
    assert np.array_equal(a.rgb, b.rgb) and np.array_equal(a.mask, b.mask)


def test_what_covers_the_face_is_left_alone() -> None:
    own = person()[1]
    patch, _ = render(open_mouth(6.0), spare=np.ones(len(own), np.float32))
    assert not patch.mask.any()


def test_points_outside_the_picture_do_not_matter() -> None:
    rgb, own = person()
    away = own + np.array([150.0, 0.0], np.float32)
    box = face_box(away).clip(rgb.shape[1], rgb.shape[0])
    assert isinstance(box, Box) and box.area > 0
    offset = np.array([box.x0, box.y0], np.float32)
    here = Picture(np.ascontiguousarray(rgb[box.slices]), away - offset)
    [patch] = ClassicalRenderer(own).render(
        [Target(here, box, away - offset)], [Source(here, [(here, 1.0)])]
    )
    assert np.isfinite(patch.mask).all()
