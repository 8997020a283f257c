"""The shipped portraits: faces with sane landmarks, nobody of the training, unlike one another."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from avsynth.pipelines.imagine import imagine
from avsynth.pipelines.imagine_portrait import TOO_NEAR
from avsynth.provenance.dlib_face import DlibFace
from avsynth.weights.faces import NAME, load_faces
from avsynth.weights.manifest import list_weights

COUNT = 16


@pytest.mark.data
def test_shipped_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if NAME not in {entry.name for entry in list_weights()}:
        pytest.skip(f"{NAME} is not shipped")
    report = imagine(tmp_path / "people", COUNT, seed=0)
    near = report.refused.get(TOO_NEAR, 0)
    faces = report.draws - sum(report.refused.values()) + near
    distances = [portrait.distance for portrait in report.portraits]
    embedder, known = DlibFace(), load_faces().people
    points = []
    for portrait in report.portraits:
        bgr = cv2.imread(portrait.file.path)
        assert bgr is not None
        point = embedder.embed_picture(np.ascontiguousarray(bgr[:, :, ::-1], np.uint8))
        assert point is not None and not known.too_near(point)
        points.append(point)
    apart = np.linalg.norm(np.stack(points)[:, None] - np.stack(points)[None], axis=2)
    others = apart[np.triu_indices(COUNT, 1)]
    with capsys.disabled():
        print(
            f"\n{report.draws} draws: {faces} faces with sane landmarks, {near} too near; refused "
            f"{report.refused}; nearest {min(distances):.3f}, median {np.median(distances):.3f}; "
            f"from one another median {np.median(others):.3f}"
        )
    assert len(report.portraits) == COUNT and faces / report.draws > 0.85
    assert all(portrait.distance > portrait.threshold for portrait in report.portraits)
    assert np.median(others) > 0.2  # not one and the same person
