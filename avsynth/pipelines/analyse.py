"""Pass one over a video: shots, faces, landmarks, reference mouths, all kept in the job folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.face.colours import ColourWriter
from avsynth.face.cover import Covers
from avsynth.face.references import ReferenceCollector
from avsynth.face.store import TrackTable, TrackWriter
from avsynth.face.track import FaceTracker, wanted_side
from avsynth.media import Box, Frame, MediaInfo, read_frames
from avsynth.pipelines.job import Job
from avsynth.pipelines.progress import Progress
from avsynth.pipelines.stages import Ahead

#: What a pass over the pictures has found, as its last step leaves it in the job folder.
FRAMES = "frames.npy"
_TRACKS, _COLOURS, _REFERENCES = "tracks", "colours", "references"
_MAX_FACES = 8


@dataclass(frozen=True)
class Analysis:
    """What pass one found.

    ``pts`` int64 (N,) are the frames' times in units of ``time_base``; ``end`` is where the last
    one ends; ``cuts`` are the numbers of frames that begin a shot. ``tracks`` are the faces;
    ``covers`` tell what covers them; ``references`` is the folder of reference mouths;
    ``damaged`` counts frames not fully decoded.
    """

    pts: NDArray[np.int64]
    end: int
    time_base: Fraction
    cuts: NDArray[np.int64]
    tracks: TrackTable
    covers: Covers
    references: Path
    damaged: int


def analyse(path: Path, info: MediaInfo, job: Job, progress: Progress) -> Analysis:
    """Read the video once, or take what an earlier run of the same job has found.

    Raises:
        InputError: nothing can be decoded.
    """
    assert info.video is not None
    if not job.done(FRAMES):
        _read_once(path, info, job, progress)
    return load_analysis(job.folder, info.video.time_base)


def load_analysis(folder: Path, time_base: Fraction) -> Analysis:
    """What ``analyse`` left in a job folder, of a film of that time base."""
    with np.load(folder / FRAMES, allow_pickle=False) as stored:
        pts, cuts = stored["pts"], stored["cuts"]
        end, damaged = int(stored["end"]), int(stored["damaged"])
    return Analysis(
        pts,
        end,
        time_base,
        cuts,
        TrackTable.open(folder / _TRACKS),
        Covers(folder / _COLOURS),
        folder / _REFERENCES,
        damaged,
    )


def analysis_files(folder: Path) -> list[Path]:
    """The files in a job folder that ``load_analysis`` and its result read."""
    references = sorted((folder / _REFERENCES).iterdir())
    return [folder / FRAMES, *sorted(folder.glob(f"{_TRACKS}*")), folder / _COLOURS, *references]


def _read_once(path: Path, info: MediaInfo, job: Job, progress: Progress) -> None:
    assert info.video is not None
    width, height = info.video.width, info.video.height
    side = wanted_side(width, height)
    times: list[int] = []
    cuts: list[int] = [0]
    duration = 0
    reader = read_frames(path)

    def small_frames() -> Iterator[tuple[Frame, NDArray[np.uint8]]]:
        for frame in reader:
            yield frame, frame.small(side)

    progress.start("networks")
    with (
        FaceTracker(width, height, max_faces=_MAX_FACES) as tracker,
        Ahead(small_frames(), depth=4) as frames,
        TrackWriter(job.path(_TRACKS), width, height) as tracks,
        ColourWriter(job.path(_COLOURS), width, height) as colours,
        ReferenceCollector(job.path(_REFERENCES)) as kept,
    ):
        progress.start("faces", expected_frames(info))
        for number, (frame, small) in enumerate(frames):
            shot = tracker.shot
            faces = tracker.update(number, small, frame.rgb)
            if tracker.shot != shot:
                cuts.append(number)
            tracks.write(number, faces)
            colours.write(number, faces, small)
            for face in faces:
                kept.offer(number, face.track_id, face.points, _cropper(frame))
            times.append(frame.pts)
            duration = frame.duration
            progress.advance()
    store_frames(path, info, job, times, cuts, duration, reader.damaged)


def store_frames(
    path: Path, info: MediaInfo, job: Job, times: list[int], cuts: list[int], duration: int,
    damaged: int,
) -> None:  # fmt: skip
    """Keep what a pass over the pictures found, as its last step.

    Args:
        path: the film.
        info: what is known of it.
        job: where it goes.
        times: of the frames, units of the film's time base.
        cuts: numbers of frames that begin a shot.
        duration: of the last frame as it is stated, 0 where it is not.
        damaged: frames not fully decoded.

    Raises:
        InputError: there was no picture.
    """
    if not times:
        raise InputError("holds no picture that can be decoded", path)
    pts = np.array(times, dtype=np.int64)
    end = int(pts[-1]) + _last_duration(pts, duration, info)
    with job.finishing(FRAMES) as temporary, temporary.open("wb") as file:
        np.savez(file, pts=pts, cuts=np.array(cuts, np.int64), end=end, damaged=damaged)


def _cropper(frame: Frame) -> Callable[[Box], NDArray[np.uint8]]:
    def crop(box: Box) -> NDArray[np.uint8]:
        inside = box.clip(frame.width, frame.height)
        if inside != box:  # a mouth that leaves the picture is no reference
            return np.empty((0, 0, 3), dtype=np.uint8)
        return frame.rgb(box)

    return crop


def _last_duration(pts: NDArray[np.int64], stated: int, info: MediaInfo) -> int:
    """How long the last frame is shown: as stated, else as long as frames usually are."""
    assert info.video is not None
    if stated > 0:
        return stated
    if len(pts) > 1:
        return int(np.median(np.diff(pts)))
    rate = info.video.average_rate or Fraction(25)
    return max(1, round(1 / rate / info.video.time_base))


def expected_frames(info: MediaInfo) -> int | None:
    """How many frames a film says it has, or must have by its length and rate; None: no idea."""
    assert info.video is not None
    length = info.video.duration or info.duration
    by_length = length * info.video.average_rate if length and info.video.average_rate else None
    return info.video.frames or (None if by_length is None else round(by_length))
