"""The visual detector on the demo person: what it looks at, what it keeps, when it abstains."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from avsynth import weights
from avsynth.face.track import FaceTracker
from avsynth.media import MediaInfo, probe, read_frames
from avsynth.models.frame_detector import FrameDetector, FrameDetectorConfig
from avsynth.pipelines.demonstrate import demo_media
from avsynth.weights import file as weights_file
from detectors.looks import Burst, Look
from detectors.visual import PICTURES, VisualDetector, heat_of

PERSON = demo_media()[0]


@pytest.fixture(scope="module")
def burst() -> Burst:
    """The first eight frames of the demo person."""
    looks = []
    info = probe(PERSON).video
    assert info is not None
    with FaceTracker(info.width, info.height) as tracker:
        for number, frame in zip(range(8), read_frames(PERSON), strict=False):
            faces = tracker.update(number, frame.rgb())
            looks.append(Look(frame, number, float(frame.time), faces))
    return Burst(0, looks, 1.0)


@pytest.fixture(scope="module")
def info() -> MediaInfo:
    return probe(PERSON)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> VisualDetector:
    """An untrained one: these tests are about all but what it has learned."""
    torch.manual_seed(0)
    config = FrameDetectorConfig(head=8)
    path: Path = tmp_path_factory.mktemp("weights") / "frames.safetensors"
    about = {"purpose": "commercial", "families": ["warp"]}
    weights_file.write(path, "frame-detector", FrameDetector(config), config, {}, about)
    return VisualDetector(weights.load(path, engine="torch"))


def moved(burst: Burst, number: int, scale: float = 1.0, tracks: int = 1) -> Burst:
    """The burst at another second, its faces smaller or several times over."""
    looks = []
    for look in burst.looks:
        faces = [
            dataclasses.replace(face, track_id=track, points=face.points * np.float32(scale))
            for face in look.faces
            for track in range(tracks)
        ]
        looks.append(Look(look.frame, look.index, look.time + number, faces))
    return Burst(number, looks, 1.0)


def test_it_scores_a_face_over_time(
    detector: VisualDetector, burst: Burst, info: MediaInfo
) -> None:
    detector.start(info)
    for number in range(3):
        detector.update_faces(moved(burst, number))
    found = detector.finish()
    assert found.score is not None and found.subject == "face" and found.trained_on == ("warp",)
    assert found.times.shape == found.scores.shape == found.tracks.shape == (3,)
    assert np.allclose(np.diff(found.times), 1.0)
    assert found.score == pytest.approx(float(found.scores.mean()), abs=1e-4)
    assert found.seen == 3 * PICTURES
    marked = found.frames[0]
    assert marked.picture.shape == (224, 224, 3) and marked.heat is not None
    assert marked.heat.min() >= 0 and marked.heat.max() <= 1
    assert len(found.weights) == 1 and len(next(iter(found.weights.values()))) == 64


def test_equal_files_score_equal_and_the_last_one_is_forgotten(
    detector: VisualDetector, burst: Burst, info: MediaInfo
) -> None:
    scores = []
    for _ in range(2):
        detector.start(info)
        detector.update_faces(burst)
        scores.append(detector.finish().score)
    assert scores[0] == scores[1]


def test_it_abstains_where_there_is_no_face_or_a_tiny_one(
    detector: VisualDetector, burst: Burst, info: MediaInfo
) -> None:
    detector.start(info)
    assert "no face" in str(detector.finish().abstained)
    detector.update_faces(moved(burst, 0, scale=0.2))
    assert detector.finish().score is None


def test_what_it_keeps_does_not_grow_with_the_file(
    detector: VisualDetector, burst: Burst, info: MediaInfo
) -> None:
    detector.start(info)
    for number in range(7):
        detector.update_faces(moved(burst, number, tracks=6))
    found = detector.finish()
    assert len(found.frames) <= 4
    assert len(found.scores) == 7 * 4  # of six faces at a time, four are looked at


def test_a_still_picture_is_looked_at_once(
    detector: VisualDetector, burst: Burst, info: MediaInfo
) -> None:
    detector.start(info)
    detector.update_faces(Burst(0, burst.looks[:1], 0.0))
    assert detector.finish().seen == 1


def test_the_worst_face_makes_the_score(
    detector: VisualDetector, burst: Burst, info: MediaInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = [-2.0, 3.0] * 4
    places = np.zeros((PICTURES, 10, 10), np.float32)
    monkeypatch.setattr(
        detector, "judge", lambda crops: (np.full(len(crops), queue.pop(0), np.float32), places)
    )
    detector.start(info)
    for number in range(4):
        detector.update_faces(moved(burst, number, tracks=2))
    found = detector.finish()
    assert found.score == 3.0 and found.frames[0].track == 1
    assert {i.score for i in found.where} == {3.0}


def test_heat_lies_where_the_view_was_cut() -> None:
    places = np.full((10, 10), -9.0, np.float32)
    places[4, 5] = 9.0
    heat = heat_of(places)
    assert np.unravel_index(heat.argmax(), heat.shape) == (3 + 4, 2 + 5)
    assert heat[:3].max() == 0 and heat[:, :2].max() == 0
