"""What a stored motion is like, in figures, and what extracting one reports."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from avsynth.face.alignment import Poses
from avsynth.reporting import FileHash, Strict, WrittenReport
from avsynth.weights.head_motions import MotionFile


class Extent(Strict):
    """From where to where a figure goes, the outermost hundredths left out."""

    least: float
    most: float


class MotionFigures(Strict):
    """A motion in figures that can be understood."""

    frames: int
    seconds: float
    frames_per_second: float = Field(description="on average; 0 where nobody knows")
    face_frames: int = Field(description="in which the face was seen")
    cuts: int
    yaw: Extent = Field(description="degrees, positive to the left of the picture")
    pitch: Extent = Field(description="degrees, positive downwards")
    roll: Extent = Field(description="degrees, positive to the right of the picture")
    size: Extent = Field(description="relative to the mean of the shot")
    mouth_opening: Extent = Field(description="distances of the outer eye corners")


class MotionReport(WrittenReport):
    """The whole job."""

    schema_version: int = 1
    verb: str = "motion extract"
    avsynth_version: str
    output: FileHash
    inputs: list[FileHash]
    consent: dict[str, Any]
    motion: MotionFigures
    damaged_frames: int
    stage_seconds: dict[str, float]
    frames_per_second: float
    peak_memory_mb: float
    notes: list[str]


def figures(stored: MotionFile) -> MotionFigures:
    """A motion's figures."""
    motion = stored.motion
    nothing = np.zeros((len(motion), 3))
    angles = Poses(motion.rotation.astype(np.float64), nothing, np.zeros((0, 3))).angles
    seen = motion.seen
    yaw, pitch, roll = (_extent(column, 1) for column in angles[seen].T)
    return MotionFigures(
        frames=len(motion),
        seconds=round(float((stored.end - int(stored.times[0])) * stored.time_base), 3),
        frames_per_second=round(float(stored.rate), 3),
        face_frames=int(seen.sum()),
        cuts=int(motion.cut.sum()) - 1,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        size=_extent(motion.scale[seen], 3),
        mouth_opening=_extent(motion.gauges[seen, 1], 3),
    )


def _extent(values: np.ndarray[Any, Any], digits: int) -> Extent:
    least, most = np.percentile(values, [1, 99])
    return Extent(least=round(float(least), digits), most=round(float(most), digits))
