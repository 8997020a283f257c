"""Faces of a film as small pictures to choose from."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.face.choice import people
from avsynth.face.store import TrackInfo, TrackTable, TrackWriter
from avsynth.face.track import FaceTracker, wanted_side
from avsynth.media import Box, Frame, probe, read_frames
from avsynth.media.info import VideoInfo
from avsynth.pipelines.analyse import expected_frames
from avsynth.pipelines.progress import Callback, Progress
from avsynth.studio.jobs import TellPart

Bytes = NDArray[np.uint8]

#: Frames that are looked at: the beginning of a long film must do.
FRAMES: Final = 1500
_SIDE: Final = 160  # pixels of a picture
_MOST: Final = 8
_SEEN: Final = 3  # frames below which it is a flicker
_BETTER: Final = 1.2  # times as large, and a face is cut out again


@dataclass(frozen=True)
class FacesOrder:
    """The faces of a film; its pictures go into ``folder``."""

    folder: Path
    film: Path
    names: dict[str, str] = field(default_factory=dict)

    def carry_out(self, tell: Callback, found: TellPart) -> dict[str, Any]:
        """Look at the film's beginning; the largest faces first.

        Each has ``choice``, a box as ``DubOptions.face`` takes it, and ``picture``, a file's name.
        """
        info = probe(self.film)
        if info.video is None:
            raise InputError("holds no picture", self.film)
        total = expected_frames(info)
        steps = Progress(tell)
        steps.start("faces", None if total is None else min(total, FRAMES))
        count, pictures = _look(self.film, info.video, steps)
        with TrackTable.open(Path("tracks")) as table:
            chosen = _places(table.tracks)
        faces = []
        for number, track in enumerate(chosen):
            name = f"face-{number}.jpg"
            _, jpeg = cv2.imencode(".jpg", pictures[track.id][..., ::-1])
            Path(name).write_bytes(jpeg.tobytes())
            faces.append({"choice": _box(track), "picture": name})
        steps.finish()
        return {"faces": faces, "whole": total is not None and count >= total - 2}


def _look(film: Path, video: VideoInfo, steps: Progress) -> tuple[int, dict[int, Bytes]]:
    """Follow the faces as a dub will; frames seen, and the best picture of each track."""
    pictures: dict[int, Bytes] = {}
    sizes: dict[int, float] = {}
    count, side = 0, wanted_side(video.width, video.height)
    with (
        read_frames(film) as frames,
        FaceTracker(video.width, video.height) as tracker,
        TrackWriter(Path("tracks"), video.width, video.height) as tracks,
    ):
        for number, frame in enumerate(islice(frames, FRAMES)):
            faces = tracker.update(number, frame.small(side), frame.rgb)
            tracks.write(number, faces)
            for face in faces:
                if face.box.area > _BETTER * sizes.get(face.track_id, 0.0):
                    sizes[face.track_id] = face.box.area
                    pictures[face.track_id] = _picture(frame, face.box.centre, face.box.area**0.5)
            count = number + 1
            steps.advance()
    return count, pictures


def _picture(frame: Frame, centre: tuple[float, float], side: float) -> Bytes:
    half = max(0.75 * side, 8.0)
    x, y = centre
    box = Box(int(x - half), int(y - half), int(x + half), int(y + half))
    cut = frame.rgb(box.clip(frame.width, frame.height))
    scale = _SIDE / max(cut.shape[:2])
    size = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
    return np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA))


def _places(tracks: list[TrackInfo]) -> list[TrackInfo]:
    """One track for every place where somebody is: a box means whoever is there, in any shot."""
    persons = [person for shot in people(tracks) for person in shot]
    longest = [max(person, key=_presence) for person in persons]
    found: list[TrackInfo] = []
    for track in sorted(longest, key=_presence, reverse=True):
        if track.count >= _SEEN and not any(_inside(track, other) for other in found):
            found.append(track)
    return found[:_MOST]


def _presence(track: TrackInfo) -> float:
    return track.area * track.count


def _inside(track: TrackInfo, other: TrackInfo) -> bool:
    (x, y), (x0, y0, x1, y1) = track.centre, other.box
    return x0 <= x <= x1 and y0 <= y <= y1


def _box(track: TrackInfo) -> str:
    x0, y0, x1, y1 = (max(value, 0.0) for value in track.box)
    return f"{x0:.0f},{y0:.0f},{max(x1 - x0, 1):.0f},{max(y1 - y0, 1):.0f}"
