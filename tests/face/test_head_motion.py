"""Motion without the face: oneself loses nothing, mirrors mirror, parts stay apart."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from avsynth.errors import NothingToDoError
from avsynth.face import mesh
from avsynth.face.driving import EASE, pose_free
from avsynth.face.head_motion import (
    EASED,
    HELD,
    MEASURED,
    HeadMotion,
    Retargeter,
    closest,
    measure,
    retarget,
)
from avsynth.face.track import FaceTracker, wanted_side
from avsynth.media import read_frames
from avsynth.pipelines.demonstrate import demo_media

FRAMES = 40
MOUTH = np.array(sorted({*mesh.MOUTH_JAW, *mesh.LIPS_MIDDLE}))
EYES = np.array(mesh.EYES)
Floats = NDArray[np.float32]


@functools.cache
def person() -> Floats:
    """Landmarks of the demo person's first frames (T, 478, 3)."""
    found = []
    with read_frames(demo_media()[0]) as frames:
        first = next(frames)
        width, height = first.width, first.height
        with FaceTracker(width, height) as tracker:
            for number, frame in enumerate([first, *(next(frames) for _ in range(FRAMES - 1))]):
                small = frame.small(wanted_side(width, height))
                [face] = tracker.update(number, small, frame.rgb)
                found.append(face.points)
    return np.stack(found)


def turned(points: Floats, degrees: float, grown: float, moved: tuple[float, ...]) -> Floats:
    """Points turned to the side about their middle, made larger and moved."""
    a = np.radians(degrees)
    turn = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    middle = points.mean(axis=-2, keepdims=True)
    return ((points - middle) @ (grown * turn) + middle + np.array(moved)).astype(np.float32)


@functools.cache
def driver() -> Floats:
    """The person's frames with a lively head: turning, nodding nearer, wandering."""
    way = np.sin(np.linspace(0, 2 * np.pi, FRAMES))
    return np.stack(
        [
            turned(points, 20 * w, 1 + 0.1 * w, (12 * w, -5 * w, 0))
            for points, w in zip(person(), way, strict=True)
        ]
    )


def far(a: Floats, b: Floats) -> float:
    """Largest distance of any two points, pixels."""
    return float(np.linalg.norm(a - b, axis=-1).max())


@pytest.mark.parametrize("start", [0, 7, FRAMES - 1])
def test_reenacting_oneself_loses_nothing(start: int) -> None:
    points = driver()
    result = retarget(measure(points), points[start], start=start)
    assert far(result, points) < 0.1
    assert far(result[start], points[start]) < 0.001


def test_the_start_is_found_and_leaves_any_source_as_it_is() -> None:
    motion = measure(driver())
    assert closest(motion, driver()[11]) == 11
    other = turned(person()[3], 5, 0.8, (40, 10, 0))
    start = closest(motion, other)
    assert far(retarget(motion, other)[start], other) < 0.001


def test_another_place_size_and_picture_give_the_same_motion() -> None:
    """A driver filmed nearer and elsewhere moves the source alike."""
    points, source = driver(), person()[0]
    near = retarget(measure(points), source, start=0)
    again = retarget(measure(points * np.float32(2.5) + np.float32(100)), source, start=0)
    assert far(near, again) < 0.01


def mirror_order(shape: NDArray[np.float64]) -> NDArray[np.intp]:
    """The mirror image of every mesh point."""
    return np.asarray(linear_sum_assignment(cdist(shape * [-1, 1, 1], shape))[1])


def test_a_mirrored_driver_mirrors_the_motion() -> None:
    points = driver()
    order = mirror_order(pose_free(points)[0].mean(axis=0))
    assert np.array_equal(order[order], np.arange(mesh.MESH_POINTS))
    assert tuple(order[list(mesh.MOUTH_JAW)]) == mesh.MOUTH_JAW_MIRRORED
    flip = np.array([-1, 1, 1], np.float32)
    across = np.array([400, 0, 0], np.float32)
    source = person()[0]
    plain = retarget(measure(points), source, start=0)
    flipped = retarget(
        measure(points[:, order] * flip + across), source[order] * flip + across, start=0
    )
    assert far(flipped, plain[:, order] * flip + across) < 0.01


@pytest.mark.parametrize(
    ("part", "moving"),
    [("mouth", MOUTH), ("eyes", EYES)],
)
def test_a_part_alone_moves_only_that(part: str, moving: NDArray[np.intp]) -> None:
    source = person()[0]
    result = retarget(measure(driver()), source, start=0, parts=[part])
    still = np.setdiff1d(np.arange(mesh.MESH_POINTS), moving)
    assert far(result[:, still], np.broadcast_to(source[still], result[:, still].shape)) == 0.0
    assert far(result[:, moving], np.broadcast_to(source[moving], result[:, moving].shape)) > 1.0


def test_the_head_alone_keeps_mouth_and_eyes() -> None:
    source = person()[0]
    result = retarget(measure(driver()), source, start=0, parts=["head"])
    shapes, matrix, _ = pose_free(result)
    # Lips and lids of the rigid fit's own frame: they only turn, grow and move.
    lips = shapes[:, mesh.LIPS_INNER]
    assert np.abs(lips - lips[0]).max() < 0.02
    assert np.ptp(np.linalg.norm(matrix[:, 0], axis=1)) > 2.0


def test_strength_scales_the_motion() -> None:
    source, motion = person()[0], measure(driver())
    assert far(retarget(motion, source, start=0, strength=0.0)[9], source) < 0.001
    whole, half = (retarget(motion, source, start=0, strength=s) for s in (1.0, 0.5))
    way = np.abs(whole[9] - source).sum(), np.abs(half[9] - source).sum()
    assert 0.4 < way[1] / way[0] < 0.6


def test_absolute_motion_takes_the_drivers_pose() -> None:
    motion = measure(driver())
    source = turned(person()[0], 12, 1.0, (0, 0, 0))
    result = retarget(motion, source, relative=False)
    matrix = pose_free(result)[1]
    rotation = matrix / np.linalg.norm(matrix[:, :1], axis=2, keepdims=True)
    cosine = (np.einsum("tij,tij->t", rotation, motion.rotation) - 1) / 2
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 1.0


def test_moderation_bounds_the_head_and_nothing_small() -> None:
    motion, source = measure(driver()), person()[0]
    plain = retarget(motion, source, start=0)
    assert far(retarget(motion, source, start=0, moderate=True), plain) < 0.01
    wild = np.stack([
        turned(points, 70 * w, 1 + 0.5 * w, (300 * w, 0, 0))
        for points, w in zip(person(), np.linspace(0, 1, FRAMES), strict=True)
    ])  # fmt: skip
    result = retarget(measure(wild), source, start=0, moderate=True)
    shapes, matrix, offset = pose_free(result)
    size = np.linalg.norm(matrix[:, 0], axis=1)
    rotation = matrix / size[:, None, None]
    cosine = (np.einsum("tij,ij->t", rotation, rotation[0]) - 1) / 2
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    assert 35 < angle.max() < 41 and 1.15 < size.max() / size[0] < 1.26
    moved = np.linalg.norm(offset - offset[0], axis=1) / size[0]
    assert 0.4 < moved.max() < 0.51 and np.isfinite(shapes).all()
    assert (np.diff(angle) > -0.5).all()  # further is never less far, but for noise


def without(points: Floats, *gone: slice) -> Floats:
    points = points.copy()
    for part in gone:
        points[part] = np.nan
    return points


def steps(result: Floats) -> Floats:
    """Largest movement of a point from each frame to the next (T - 1,)."""
    return np.asarray(np.linalg.norm(np.diff(result, axis=0), axis=-1).max(axis=1))


def test_out_of_sight_holds_then_eases_back() -> None:
    motion = measure(without(driver(), slice(10, 18)))
    result = retarget(motion, person()[0], start=0)
    assert np.isfinite(result).all()
    assert far(result[10:18], np.broadcast_to(result[9], result[10:18].shape)) < 1e-3
    whole = retarget(measure(driver()), person()[0], start=0)
    jump = float(np.linalg.norm(whole[18] - whole[9], axis=-1).max())
    assert jump > 5.0 and steps(result)[17] < 0.25 * jump
    assert motion.outcomes()[8:28] == [MEASURED] * 2 + [HELD] * 8 + [EASED] * EASE + [MEASURED] * 2


def test_a_second_gap_while_easing_holds_what_was_shown() -> None:
    motion = measure(without(driver(), slice(10, 18), slice(21, 24)))
    result = retarget(motion, person()[0], start=0)
    assert far(result[21:24], np.broadcast_to(result[20], result[21:24].shape)) < 1e-3
    rotation = motion.rotation
    assert np.allclose(rotation @ rotation.transpose(0, 2, 1), np.eye(3), atol=1e-5)


def test_nothing_glides_across_a_cut() -> None:
    points = driver().copy()
    points[20:] = turned(points[20:], -25, 1.6, (80, 0, 0))  # another camera
    cut = measure(points, [20])
    alone = measure(points[20:])
    assert np.allclose(cut.rotation[20:], alone.rotation, atol=1e-6)
    assert np.allclose(cut.shift[20:], alone.shift, atol=1e-6)
    assert np.allclose(cut.scale[20:], alone.scale, atol=1e-6)
    assert cut.outcomes() == [MEASURED] * FRAMES and cut.cut.sum() == 2


def test_a_shot_that_begins_unseen_holds_its_own_first_sight() -> None:
    motion = measure(without(driver(), slice(18, 23)), [20])
    assert np.array_equal(motion.rotation[18], motion.rotation[17])
    assert np.array_equal(motion.rotation[20], motion.rotation[23])
    assert motion.outcomes()[17:25] == [MEASURED] + [HELD] * 5 + [MEASURED] * 2


def test_unseen_from_the_start_or_for_a_whole_shot() -> None:
    motion = measure(without(driver(), slice(0, 5), slice(20, 30)), [20, 30])
    assert np.array_equal(motion.rotation[0], motion.rotation[5])
    assert np.array_equal(motion.rotation[25], motion.rotation[19])
    with pytest.raises(NothingToDoError):
        measure(without(driver(), slice(None)))


def test_closed_lips_and_lids_do_not_pass_through_each_other() -> None:
    """A source with its mouth shut, driven from an open mouth to a shut one."""
    points = driver().copy()
    top, bottom = mesh.LIP_TOP_BOTTOM
    opened = points.copy()
    opened[0, list(mesh.INNER_LOWER), 1] += 15
    result = retarget(measure(opened), person()[0], start=0)
    gap = (result[:, bottom, 1] - result[:, top, 1])[1:]
    eyes = np.linalg.norm(np.subtract(*person()[0][list(mesh.EYE_OUTER)]))
    assert gap.min() > -0.02 * eyes


def test_a_larger_mouth_moves_further() -> None:
    source = person()[0].copy()
    middle = source[MOUTH].mean(axis=0)
    source[MOUTH] = (source[MOUTH] - middle) * np.float32(1.2) + middle
    motion = measure(person())
    small, large = (retarget(motion, s, start=0, parts=["mouth"]) for s in (person()[0], source))
    at = mesh.LIP_TOP_BOTTOM[1]
    assert np.ptp(large[:, at, 1]) == pytest.approx(1.2 * np.ptp(small[:, at, 1]), rel=0.05)


def test_a_part_of_a_motion_and_one_on_disk_give_the_same() -> None:
    points = driver()
    store = np.empty(points.shape, np.float16)
    half, whole = measure(points, store=store), measure(points)
    assert half.expression is store
    retargeter = Retargeter(whole, points[0], start=0)
    parts = np.concatenate([retargeter.points(whole[i : i + 7]) for i in range(0, FRAMES, 7)])
    assert np.array_equal(parts, retarget(whole, points[0], start=0))
    assert far(retarget(half, points[0], start=0), points) < 0.1


def test_one_frame_is_a_motion_too() -> None:
    motion = measure(driver()[:1])
    assert isinstance(motion, HeadMotion) and len(motion) == 1
    assert far(retarget(motion, person()[0])[0], person()[0]) < 0.001


@pytest.mark.parametrize(
    "wrong",
    [{"parts": []}, {"parts": ["nose"]}, {"start": 99}, {"source": "nan"}, {"source": "few"}],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    motion, source = measure(driver()), person()[0].copy()
    given = wrong.pop("source", None)
    if given == "nan":
        source[3] = np.nan
    with pytest.raises(ValueError):
        retarget(motion, source[:468] if given == "few" else source, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        measure(driver()[:, :468])
