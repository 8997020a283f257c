"""Head pose and reach, on a generic head turned by known angles."""

from __future__ import annotations

import numpy as np
import pytest

from avsynth.face import mesh
from avsynth.face.alignment import _TEMPLATE as GENERIC_TEMPLATE
from avsynth.face.pose import head_pose, reach, reach_each


def head(
    yaw: float = 0.0,
    pitch: float = 0.0,
    roll: float = 0.0,
    eyes: float = 90.0,
    at: tuple[float, float] = (320.0, 200.0),
) -> np.ndarray:
    """STORED points; yaw to the left of the picture, pitch down, roll to the right, degrees."""
    points = np.zeros((len(mesh.STORED), 3))
    points[:] = (0.0, 0.9, -0.3)
    points[mesh.stored(mesh.RIGID)] = GENERIC_TEMPLATE
    y, p, r = np.radians((yaw, pitch, roll))
    right, down, near = points.T.copy()
    # nodding brings the forehead nearer: down -> away
    down, near = down * np.cos(p) - near * np.sin(p), down * np.sin(p) + near * np.cos(p)
    # turning to the picture's left brings its right side nearer
    right, near = right * np.cos(y) + near * np.sin(y), near * np.cos(y) - right * np.sin(y)
    right, down = right * np.cos(r) - down * np.sin(r), right * np.sin(r) + down * np.cos(r)
    return np.stack([right, down, near], axis=-1) * eyes + (*at, 0.0)


@pytest.mark.parametrize("axis, name", enumerate(["yaw", "pitch", "roll"]))
@pytest.mark.parametrize("degrees", [-35.0, 0.0, 20.0, 55.0])
def test_known_angles(axis: int, name: str, degrees: float) -> None:
    angles = head_pose(head(**{name: degrees})[None])[0]
    expected = np.zeros(3)
    expected[axis] = degrees
    np.testing.assert_allclose(angles, expected, atol=0.01)


@pytest.mark.parametrize(
    "points, reason",
    [
        (head(), None),
        (head(yaw=30), None),
        (head(yaw=-60), "profile"),
        (head(pitch=60), "profile"),
        (head(roll=80), None),
        (head(eyes=12), "too_small"),
        (head(at=(635, 350)), "out_of_frame"),
        (head(at=(-200, 100)), "out_of_frame"),
    ],
)
def test_reach(points: np.ndarray, reason: str | None) -> None:
    assert reach(points, 640, 360) == reason


def test_reach_of_a_track() -> None:
    track = np.stack([head(), head(yaw=70), head(eyes=5)])
    assert reach_each(track, 640, 360) == [None, "profile", "too_small"]
    assert reach_each(track[:0], 640, 360) == []
