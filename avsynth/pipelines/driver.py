"""The driver of a reenactment: a film that is watched once, or a stored motion.

Watching keeps the landmarks of every face in the job folder until it is known whose motion is
meant; what comes out is a motion file there, with which all further work is done.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import NothingToDoError, ResourceError, UsageError
from avsynth.face.choice import ALL, SPEAKING, people, select
from avsynth.face.mesh import MESH_POINTS
from avsynth.face.pose import MAX_PITCH, MAX_YAW, head_pose
from avsynth.face.smooth import CONTEXT, smooth
from avsynth.face.speaking import SoundLevel, score_tracks
from avsynth.face.store import TrackTable, TrackWriter
from avsynth.face.track import FaceTracker, wanted_side
from avsynth.media import Frame, MediaInfo, read_audio, read_frames
from avsynth.pipelines.analyse import FRAMES, expected_frames, store_frames
from avsynth.pipelines.job import Job
from avsynth.pipelines.progress import Progress
from avsynth.pipelines.stages import Ahead
from avsynth.weights.head_motions import MotionFile, read_motion, write_motion

_MAX_FACES = 4
_SOUND_RATE = 16000
_TRACKS, _MESHES, _MOTION = "tracks", "meshes", "motion.safetensors"
_NOTES = "driver.json"
_RECORD = np.dtype(
    [("frame", "<i8"), ("track", "<i4"), ("unused", "<i4"), ("points", "<f4", (MESH_POINTS, 3))]
)
_AHEAD = 6  # frames decoded ahead of the landmarks


@dataclass(frozen=True)
class Driver:
    """Who drives: the motion and, where it is a film, the film.

    Attributes:
        path: as it was given.
        stored: the motion with its times.
        info: of the film; None for a motion file.
        damaged: frames that were not fully decoded.
        notes: for the report.
    """

    path: Path
    stored: MotionFile
    info: MediaInfo | None
    damaged: int = 0
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.stored.times)

    @property
    def seconds(self) -> Fraction:
        """From the first frame's start to the last one's end."""
        return (self.stored.end - int(self.stored.times[0])) * self.stored.time_base


def watch(
    path: Path, info: MediaInfo, face: str, job: Job, steps: Progress, metadata: dict[str, Any]
) -> Driver:
    """The motion of the face in a film that ``face`` names, as an earlier run of the job found it.

    ``metadata`` goes into the motion file, ``job.path("motion.safetensors")``.

    Raises:
        InputError: nothing can be decoded.
        NothingToDoError: no face in any frame.
        UsageError: ``face`` names none, or several.
    """
    assert info.video is not None
    if not job.done(FRAMES):
        _read_once(path, info, job, steps)
    with np.load(job.path(FRAMES), allow_pickle=False) as stored:
        times, cuts = stored["pts"], stored["cuts"]
        end, damaged = int(stored["end"]), int(stored["damaged"])
    if not job.done(_MOTION):
        steps.start("motion")
        with TrackTable.open(job.path(_TRACKS)) as tracks:
            chosen, notes = _chosen(face, path, info, tracks, times)
        rows = TrackRows(job.path(_MESHES), chosen, len(times))
        job.write_json(_NOTES, notes)
        with job.finishing(_MOTION) as temporary, _on_disk(temporary):
            write_motion(
                temporary, rows, cuts, times, end, info.video.time_base,
                info.video.average_rate, metadata,
            )  # fmt: skip
        job.path(_MESHES).unlink(missing_ok=True)
    notes = job.read_json(_NOTES)
    if damaged:
        notes.append(f"{damaged} frames of the driver are damaged")
    return Driver(path, read_motion(job.path(_MOTION), own=True), info, damaged, tuple(notes))


def _read_once(path: Path, info: MediaInfo, job: Job, steps: Progress) -> None:
    """Find the faces of every frame; landmarks go to disk as they are found."""
    assert info.video is not None
    width, height = info.video.width, info.video.height
    side = wanted_side(width, height)
    times: list[int] = []
    cuts: list[int] = []
    duration = 0
    reader = read_frames(path)

    def small_frames() -> Iterator[tuple[Frame, NDArray[np.uint8]]]:
        for frame in reader:
            yield frame, frame.small(side)

    steps.start("faces", expected_frames(info))
    with (
        FaceTracker(width, height, max_faces=_MAX_FACES) as tracker,
        Ahead(small_frames(), _AHEAD) as frames,
        TrackWriter(job.path(_TRACKS), width, height) as tracks,
        _on_disk(job.path(_MESHES)),
        job.path(_MESHES).open("wb") as meshes,
    ):
        shot = tracker.shot
        for number, (frame, small) in enumerate(frames):
            faces = tracker.update(number, small, frame.rgb)
            if tracker.shot != shot:
                cuts.append(number)
                shot = tracker.shot
            tracks.write(number, faces)
            for face in faces:
                record = np.zeros(1, _RECORD)
                record["frame"], record["track"] = number, face.track_id
                record["points"] = face.points
                meshes.write(record.tobytes())
            times.append(frame.pts)
            duration = frame.duration
            steps.advance()
    store_frames(path, info, job, times, cuts, duration, reader.damaged)


def _chosen(
    face: str, path: Path, info: MediaInfo, tracks: TrackTable, times: NDArray[np.int64]
) -> tuple[tuple[int, ...], list[str]]:
    """Ids of the tracks that are meant, and what is to be said of the choice."""
    assert info.video is not None
    choice = face.strip().lower()
    if choice == ALL:
        raise UsageError("one face drives: --driver-face all cannot be")
    if not tracks.tracks:
        raise NothingToDoError("no face was found in any frame of the driver", path)
    scores = None
    if choice == SPEAKING:
        if not info.audio:
            raise UsageError("has no sound that could tell who is speaking", path)
        sound = SoundLevel.of(read_audio(path, _SOUND_RATE))
        scores = score_tracks(tracks, times * float(info.video.time_base), sound)
    most = max(len(shot) for shot in people(tracks.tracks))
    several = [f"{most} faces in a shot of the driver: that of --driver-face {choice} was followed"]
    return select(tracks.tracks, choice, scores), several if most > 1 else []


class TrackRows:
    """Smoothed landmarks of the chosen tracks, frame by frame, NaN where there is none.

    Of a profile half is guessed: it counts as none. A shot has one person, so chosen tracks do not
    overlap.
    """

    def __init__(self, path: Path, chosen: tuple[int, ...], frames: int) -> None:
        self.shape = (frames, MESH_POINTS, 3)
        self._file = path
        count = path.stat().st_size // _RECORD.itemsize
        self._frames = np.empty(count, np.int64)
        self._tracks = np.empty(count, np.int32)
        with path.open("rb") as file:
            for row in range(0, count, 256):
                block = np.frombuffer(file.read(256 * _RECORD.itemsize), _RECORD)
                self._frames[row : row + len(block)] = block["frame"]
                self._tracks[row : row + len(block)] = block["track"]
        self._chosen = chosen

    def __getitem__(self, part: slice) -> NDArray[np.float32]:
        first, stop, _ = part.indices(self.shape[0])
        found = np.full((stop - first, *self.shape[1:]), np.nan, np.float32)
        low, high = np.searchsorted(self._frames, [first - CONTEXT, stop + CONTEXT])
        with self._file.open("rb") as file:
            file.seek(low * _RECORD.itemsize)
            records = np.frombuffer(file.read((high - low) * _RECORD.itemsize), _RECORD)
        for track in self._chosen:
            own = records[records["track"] == track]
            frames = own["frame"]
            inside = (frames >= first) & (frames < stop)
            if inside.any():
                found[frames[inside] - first] = smooth(own["points"], frames)[inside]
        turned = np.abs(head_pose(found)[:, :2]) > (MAX_YAW, MAX_PITCH)  # NaN compares as False
        found[turned.any(axis=1)] = np.nan
        return found


@contextlib.contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResourceError(f"cannot be written: {error.strerror}", path) from error
