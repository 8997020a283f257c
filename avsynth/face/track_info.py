"""What is known of a track: as a whole, and of a range of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avsynth.face.pose import head_pose

Records = npt.NDArray[np.void]


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """One track: where it is and how it looks on average.

    ``first`` and ``last`` are frame indices, both included; ``count`` is the number of frames in
    which the face was seen; ``box`` the mean rectangle (x0, y0, x1, y1) in display pixels;
    ``yaw`` the mean in degrees, positive when the face looks to the left of the picture;
    ``score`` the mean, 0..1.
    """

    id: int
    shot: int
    first: int
    last: int
    count: int
    box: tuple[float, float, float, float]
    yaw: float
    score: float

    @property
    def area(self) -> float:
        """Of the mean rectangle, in square pixels."""
        x0, y0, x1, y1 = self.box
        return (x1 - x0) * (y1 - y0)

    @property
    def centre(self) -> tuple[float, float]:
        """Of the mean rectangle, in pixels."""
        x0, y0, x1, y1 = self.box
        return (x0 + x1) / 2, (y0 + y1) / 2


@dataclass(frozen=True, slots=True)
class TrackSlice:
    """Records of a range of frames: ``frames`` (n,) int64 rising, ``points`` (n, P, 3) float32.

    Points are those of ``mesh.STORED`` in display pixels. ``scores`` (n,) float32, ``boxes``
    (n, 4) float32 (x0, y0, x1, y1), ``tracks`` (n,) int32. Frames without the face are absent.
    """

    frames: npt.NDArray[np.int64]
    points: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    boxes: npt.NDArray[np.float32]
    tracks: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.frames)


class TrackSums:
    """Running means a track, from its records in order."""

    def __init__(self) -> None:
        self._of: dict[int, dict[str, Any]] = {}

    def add(self, records: Records) -> None:
        """Take in records (n,) with the fields frame, track, shot, score, box and points."""
        yaws = head_pose(records["points"])[:, 0]
        for record, yaw in zip(records, yaws, strict=True):
            frame = int(record["frame"])
            sums = self._of.setdefault(
                int(record["track"]),
                {"shot": int(record["shot"]), "first": frame, "n": 0, "sum": np.zeros(6)},
            )
            sums["last"] = frame
            sums["n"] += 1
            sums["sum"] += (*record["box"], yaw, record["score"])

    def tracks(self) -> list[TrackInfo]:
        """The tracks seen so far, by id."""
        found = []
        for track, sums in sorted(self._of.items()):
            x0, y0, x1, y1, yaw, score = (round(float(v), 3) for v in sums["sum"] / sums["n"])
            span = sums["shot"], sums["first"], sums["last"], sums["n"]
            found.append(TrackInfo(track, *span, (x0, y0, x1, y1), yaw, score))
        return found
