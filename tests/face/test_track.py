"""Faces followed through real pictures, cuts, crossings and gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from avsynth.face.detect import FaceBox, FaceDetector
from avsynth.face.mesh_network import MeshNetwork
from avsynth.face.roi import Picture, Roi
from avsynth.face.track import FaceTracker, TrackedFace, wanted_side
from avsynth.face.view import View
from avsynth.media import Box, read_frames

pytestmark = pytest.mark.data


def follow(pictures: Iterator[Picture] | list[Picture], **options: int) -> list[list[TrackedFace]]:
    """Track on whole pictures that are small already."""
    found: list[list[TrackedFace]] = []
    tracker: FaceTracker | None = None
    for index, picture in enumerate(pictures):
        if tracker is None:
            tracker = FaceTracker(picture.shape[1], picture.shape[0], **options)
        found.append(tracker.update(index, picture))
    if tracker is not None:
        tracker.close()
    return found


def ids(faces: list[TrackedFace]) -> list[int]:
    return [face.track_id for face in faces]


def grid(data_dir: Path, name: str, frames: int = 75) -> list[Picture]:
    return [f.rgb() for f in islice(read_frames(data_dir / "grid" / name), frames)]


def head_of(picture: Picture) -> tuple[Picture, np.ndarray]:
    """The head of a GRID speaker, 180 x 220, and a soft elliptical mask for it."""
    mask = np.zeros((220, 180), np.float32)
    cv2.ellipse(mask, (90, 110), (72, 100), 0, 0, 360, 1.0, -1)
    return picture[40:260, 70:250], cv2.GaussianBlur(mask, (0, 0), 3)[..., None]


def paste(canvas: Picture, picture: Picture, x: int) -> None:
    head, mask = head_of(picture)
    part = canvas[30:250, x : x + 180]
    head, mask = head[:, : part.shape[1]], mask[:, : part.shape[1]]
    part[:] = (mask * head + (1 - mask) * part).astype(np.uint8)


def test_one_speaker_is_one_track(data_dir: Path) -> None:
    found = follow(grid(data_dir, "s1_bbaf2n.mp4"))
    assert all(ids(faces) == [0] and faces[0].score > 0.9 for faces in found)
    face = found[40][0]
    assert face.points.shape == (478, 3) and face.points.dtype == np.float32
    assert face.box.x0 > 60 and face.box.x1 < 260


def test_cut_ends_tracks(data_dir: Path) -> None:
    clip = data_dir / "clips" / "640x360_multiface_profile_cuts_noaudio.mp4"
    found = follow(frame.rgb() for frame in read_frames(clip))
    assert all(ids(faces) == [0] for faces in found[:86])
    assert all(face.shot == 1 and face.track_id > 0 for faces in found[86:] for face in faces)
    assert min(len(faces) for faces in found[90:]) >= 2


def test_no_face_in_traffic(data_dir: Path) -> None:
    clip = data_dir / "clips" / "768x432_noface_car_12.5fps.mp4"
    assert all(faces == [] for faces in follow(frame.rgb() for frame in read_frames(clip)))


def test_two_people_who_cross_stay_themselves(data_dir: Path) -> None:
    """The second one walks in front of the first one, from right to left."""
    first, second = grid(data_dir, "s2_pwij3p.mp4"), grid(data_dir, "u01_brbk7n.mp4")
    pictures = []
    for i in range(75):
        canvas = np.full((288, 720, 3), (70, 90, 110), np.uint8)
        paste(canvas, first[i], 20 + 7 * i)
        paste(canvas, second[i], 538 - 7 * i)
        pictures.append(canvas)
    found = follow(pictures)
    start = {round(face.box.centre[0] / 720): face.track_id for face in found[3]}
    end = {round(face.box.centre[0] / 720): face.track_id for face in found[-1]}
    assert start[0] == end[1] and start[1] == end[0]
    assert {face.track_id for faces in found for face in faces} == {0, 1}


def test_a_short_gap_is_bridged(data_dir: Path) -> None:
    pictures = grid(data_dir, "s1_bbaf2n.mp4", 50)
    for i in range(15, 35):  # a board passes in front of the face, 20 px a frame
        pictures[i] = pictures[i].copy()
        left = 20 * (i - 15) - 150
        pictures[i][60:288, max(left, 0) : left + 150] = 60
    found = follow(pictures)
    assert [] in [ids(faces) for faces in found]
    assert ids(found[10]) == [0] and ids(found[-1]) == [0]


def test_a_newcomer_is_noticed(data_dir: Path) -> None:
    first, second = grid(data_dir, "s2_pwij3p.mp4"), grid(data_dir, "u01_brbk7n.mp4")
    pictures = []
    for i in range(60):
        canvas = np.full((288, 720, 3), (70, 90, 110), np.uint8)
        paste(canvas, first[i], 40)
        if i >= 15:
            paste(canvas, second[i], max(712 - 12 * (i - 15), 500))
        pictures.append(canvas)
    found = follow(pictures)
    assert ids(found[14]) == [0] and ids(found[-1]) == [0, 1]


def test_foliage_fools_the_mesh_network_but_is_not_confirmed(data_dir: Path) -> None:
    clip = data_dir / "clips" / "1280x720_woman_threequarter_30fps_noaudio.mp4"
    picture = next(islice(read_frames(clip), 229, None)).rgb()
    view = View(picture, 1280, 720, None)
    plants, woman = Roi(960.0, 347.0, 315.0, 0.0), Roi(702.0, 240.0, 400.0, 0.0)
    with MeshNetwork() as mesh, FaceDetector() as detector:
        assert view.locate(mesh, plants).score > 0.5 and view.locate(mesh, woman).score > 0.9
        assert not view.confirms(detector, plants) and view.confirms(detector, woman)


def test_a_track_that_nothing_confirms_is_given_up(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The detectors go blind after the first frame: the mesh network alone is not believed."""
    pictures = grid(data_dir, "s1_bbaf2n.mp4", 60)
    monkeypatch.setattr(View, "confirms", lambda *_: False)
    detect, calls = FaceDetector.detect, []

    def once(self: FaceDetector, rgb: Picture, near: bool = True) -> list[FaceBox]:
        calls.append(1)
        return detect(self, rgb, near) if len(calls) == 1 else []

    monkeypatch.setattr(FaceDetector, "detect", once)
    found = follow(pictures)
    assert ids(found[30]) == [0] and ids(found[-1]) == []


def test_max_faces(data_dir: Path) -> None:
    clip = data_dir / "clips" / "720x288_two_faces_composite_left_speaks.mp4"
    pictures = [frame.rgb() for frame in islice(read_frames(clip), 15)]
    assert all(len(faces) == 1 for faces in follow(pictures, max_faces=1))


def test_the_same_twice(data_dir: Path) -> None:
    pictures = grid(data_dir, "s1_bbaf2n.mp4", 20)
    once, again = follow(pictures), follow(pictures)
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a[0].points, b[0].points)


def test_points_are_in_full_resolution_and_crops_sharpen_them(data_dir: Path) -> None:
    """Tracked on a sixth of the size with crops, points agree with those on the full picture."""
    clip = data_dir / "clips" / "portrait1080x1920_woman_25fps.mp4"
    frames = list(islice(read_frames(clip), 8))
    asked: list[Box] = []

    def crop_of(index: int) -> Callable[[Box], Picture]:
        def crop(box: Box) -> Picture:
            asked.append(box)
            return frames[index].rgb(box)

        return crop

    def points(side: int, crops: bool) -> np.ndarray:
        with FaceTracker(1080, 1920) as tracker:
            return np.array(
                [
                    tracker.update(i, frame.small(side), crop_of(i) if crops else None)[0].points
                    for i, frame in enumerate(frames)
                ]
            )

    full, small, cropped = points(1920, False), points(320, False), points(320, True)
    eyes = np.linalg.norm(full[0, 33, :2] - full[0, 263, :2])
    lips = [61, 291, 13, 14, 0, 17]
    error = [
        np.linalg.norm((p - full)[:, lips, :2], axis=-1).mean() / eyes for p in (small, cropped)
    ]
    print(f"lip error in eye distances: 320 px {error[0]:.4f}, with crops {error[1]:.4f}")
    assert error[1] < 0.004 < error[0]
    assert len(asked) >= len(frames)


@pytest.mark.parametrize("size, side", [((360, 288), 360), ((1920, 1080), 640), ((352, 640), 640)])
def test_wanted_side(size: tuple[int, int], side: int) -> None:
    assert wanted_side(*size) == side
