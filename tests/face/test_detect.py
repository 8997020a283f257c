"""Boxes, tiles, duplicates; small and distant faces on real pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from avsynth.face.detect import TILE, FaceBox, FaceDetector, tiles, unique
from avsynth.face.roi import Picture
from avsynth.media import Box, read_frames


def test_duplicates_leave_the_best_and_parts_of_a_face_go() -> None:
    face = FaceBox(100, 100, 200, 200, 0.8)
    again = FaceBox(110, 95, 205, 205, 0.9)
    part = FaceBox(150, 120, 190, 160, 0.6)  # a tile saw an eye of it
    other = FaceBox(400, 100, 500, 200, 0.5)
    assert unique([face, part, other, again]) == [again, other]


@pytest.mark.parametrize("width, height", [(1920, 1080), (1080, 1920), (480, 481), (100, 50)])
def test_tiles_cover_every_small_square(width: int, height: int) -> None:
    found = list(tiles(width, height))
    assert all(t.width <= TILE and t.height <= TILE for t in found)
    side = min(48, width, height)
    for y in range(0, height - side + 1, 7):
        for x in range(0, width - side + 1, 7):
            assert any(
                t.x0 <= x and t.y0 <= y and x + side <= t.x1 and y + side <= t.y1 for t in found
            )


def test_moved_box_keeps_its_key_points_in_place() -> None:
    points = np.array([[10, 20], [30, 20]], np.float32)
    box = FaceBox(0, 0, 40, 50, 0.7, points).moved(2, 2, 100, 200)
    assert (box.x0, box.y0, box.x1, box.y1) == (100, 200, 180, 300)
    assert box.keypoints is not None
    np.testing.assert_allclose(box.keypoints, [[120, 240], [160, 240]])


@pytest.fixture(scope="module")
def detector() -> Iterator[FaceDetector]:
    with FaceDetector() as opened:
        yield opened


def first_picture(path: Path) -> Picture:
    return next(iter(read_frames(path))).rgb()


def test_nothing_in_noise(detector: FaceDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    assert detector.detect(noise) == []


@pytest.mark.data
def test_both_faces_of_the_composite(detector: FaceDetector, data_dir: Path) -> None:
    clip = data_dir / "clips" / "720x288_two_faces_composite_left_speaks.mp4"
    boxes = sorted(detector.detect(first_picture(clip)), key=lambda b: b.x0)
    assert [round(b.centre[0] / 360 - 0.5) for b in boxes] == [0, 1]


@pytest.mark.data
def test_no_face_in_the_car_clip(detector: FaceDetector, data_dir: Path) -> None:
    picture = first_picture(data_dir / "clips" / "768x432_noface_car_12.5fps.mp4")
    assert detector.detect(picture) == []
    assert detector.detect_small(768, 432, lambda box: picture[box.slices]) == []


@pytest.mark.data
@pytest.mark.parametrize("pixels", [40, 60])
def test_a_distant_face_in_hd_is_found_by_tiles(
    detector: FaceDetector, data_dir: Path, pixels: int
) -> None:
    """Five people, shrunk until their faces are ``pixels`` wide, about a 1920 x 1080 picture."""
    hd = np.full((1080, 1920, 3), 110, np.uint8)
    places = [(70, 90), (1700, 60), (900, 500), (400, 820), (1500, 800)]
    names = ["524x524", "844x844", "700x700", "portrait1080x1920_man_30", "portrait1080x1920_man_b"]
    centres = []
    for (x, y), name in zip(places, names, strict=True):
        picture = first_picture(next((data_dir / "clips").glob(f"{name}*")))
        face = max(detector.detect(picture), key=lambda b: b.area)
        scale = pixels / face.width
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cx, cy = (round(c * scale) for c in face.centre)
        part = small[max(cy - pixels, 0) : cy + pixels, max(cx - pixels, 0) : cx + pixels]
        hd[y : y + part.shape[0], x : x + part.shape[1]] = part
        centres.append((x + min(cx, pixels), y + min(cy, pixels)))

    def crop(box: Box) -> Picture:
        return hd[box.slices]

    found = detector.detect_small(1920, 1080, crop)
    for x, y in centres:
        assert any(np.hypot(b.centre[0] - x, b.centre[1] - y) < pixels / 2 for b in found)
    assert len(found) == len(centres)
