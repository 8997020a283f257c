"""Every landmark backend through the same contract; what happens without weights."""

from __future__ import annotations

import urllib.error
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from avsynth.errors import UsageError, WeightsError
from avsynth.face.detect import FaceBox
from avsynth.face.landmarks import (
    FAN_FILE,
    LandmarkDetector,
    backends,
    fan_path,
    open_detector,
)
from avsynth.face.roi import Picture
from avsynth.media import read_frames

# Of each backend: the outer eye corners (left, right in the picture), mouth corners, chin.
CORNERS = {"mediapipe": (33, 263, 61, 291, 152), "face-alignment": (36, 45, 48, 54, 8)}


@pytest.fixture(scope="module", params=backends())
def detector(request: pytest.FixtureRequest) -> Iterator[LandmarkDetector]:
    if request.param == "face-alignment" and not fan_path().is_file():
        pytest.skip(f"{FAN_FILE} is not in torch's hub folder")
    with open_detector(request.param) as opened:
        yield opened


def test_contract_without_a_face(detector: LandmarkDetector) -> None:
    blank = np.full((120, 160, 3), 128, np.uint8)
    assert isinstance(detector, LandmarkDetector)
    assert detector.detect(blank) == []
    assert detector.detect(blank, []) == []
    assert detector.detect(blank, [FaceBox(500, 500, 600, 600)]) == []
    (one,) = detector.detect(blank, [FaceBox(20, 20, 100, 100)])
    assert one.points.shape == (detector.points, 3) and one.points.dtype == np.float32
    assert 0.0 <= one.score <= 1.0


@pytest.mark.data
def test_contract_on_faces(detector: LandmarkDetector, data_dir: Path) -> None:
    clip = data_dir / "clips" / "720x288_two_faces_composite_left_speaks.mp4"
    picture: Picture = next(iter(read_frames(clip))).rgb()
    kept = picture.copy()
    faces = sorted(detector.detect(picture), key=lambda f: f.box.x0)
    assert len(faces) == 2
    np.testing.assert_array_equal(picture, kept)
    for face, (low, high) in zip(faces, ((0, 360), (360, 720)), strict=True):
        left, right, mouth_left, mouth_right, chin = face.points[list(CORNERS[detector.name]), :2]
        assert low < left[0] < right[0] < high
        assert left[1] < mouth_left[1] < chin[1] and mouth_left[0] < mouth_right[0]
        assert 60 < right[0] - left[0] < 120 and face.score > 0.5
    # Boxes may be given, and the order is theirs.
    again = detector.detect(picture, [faces[1].box, faces[0].box])
    assert [f.box for f in again] == [faces[1].box, faces[0].box]
    np.testing.assert_allclose(again[0].points, faces[1].points, atol=1e-3)


def test_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(UsageError, match="dlib") as caught:
        open_detector("dlib")
    assert "face-alignment, mediapipe" in str(caught.value)


def test_closed_network_says_which_file_goes_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("face_alignment.utils.download_url_to_file", closed)
    with pytest.raises(WeightsError) as caught:
        open_detector("face-alignment")
    assert FAN_FILE in str(caught.value) and str(tmp_path) in str(caught.value)


def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    fan_path().parent.mkdir(parents=True)
    fan_path().write_bytes(b"this is no network" * 100)
    with pytest.raises(WeightsError, match="damaged"):
        open_detector("face-alignment")


@pytest.mark.slow
def test_face_alignment_runs_from_a_placed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole code path, on random weights and a network of one stage in place of four."""
    import torch
    from face_alignment.models import FAN

    monkeypatch.setattr("face_alignment.api.FAN", lambda _: FAN(1))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    fan_path().parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(FAN(1).state_dict(), fan_path())
    picture = np.random.default_rng(0).integers(0, 255, (200, 300, 3)).astype(np.uint8)
    boxes = [FaceBox(50, 50, 150, 150), FaceBox(150, 60, 250, 160)]
    with open_detector("face-alignment") as detector:
        faces = detector.detect(picture, boxes)
    assert [face.box for face in faces] == boxes
    for face, box in zip(faces, boxes, strict=True):
        assert face.points.shape == (68, 3) and not face.points[:, 2].any()
        reach = 1.2 * (box.width + box.height)
        assert np.abs(face.points[:, :2] - box.centre).max() < reach
