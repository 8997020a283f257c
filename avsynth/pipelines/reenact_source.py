"""The source of a reenactment: one frame, the face in it, the portrait that is made to move."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.errors import AvsynthError, InputError, NothingToDoError, UsageError
from avsynth.face.choice import select
from avsynth.face.driving import gauges, pose_free
from avsynth.face.head_motion import MEASURED, HeadMotion
from avsynth.face.portrait import Portrait, portrait_box
from avsynth.face.pose import MIN_EYES, OUT_OF_FRAME, PROFILE, TOO_SMALL, head_pose, reach_each
from avsynth.face.quiet import quiet
from avsynth.face.track import FaceTracker, TrackedFace, wanted_side
from avsynth.face.track_info import TrackInfo
from avsynth.media import Frame, VideoInfo, read_frames, video_like
from avsynth.media.still import read_still
from avsynth.media.timeline import packet_times
from avsynth.pipelines.job import Job
from avsynth.pipelines.reenact_inputs import ReenactInputs
from avsynth.pipelines.reenact_options import ReenactOptions

_MAX_FACES = 8
_LOOKS = 24  # frames of a film that are looked at
_READ_THROUGH = 1500  # frames up to which reading all of a film is cheaper than seeking
_SMALL_EYES = 60.0  # pixels between the eyes' outer corners below which a note is due
_STORED = "source.npz"
# What counts as one when frames are compared: degrees, eye distances, a halving of sharpness.
_TURN, _GAUGE, _BLUR = 8.0, 0.04, 1.0


@dataclass(frozen=True)
class SourceFrame:
    """The frame that is made to move.

    Attributes:
        frame: the whole picture; not to be written to.
        like: describes it to an encoder, in all but the clock.
        points: float32 (478, 3), landmarks in its pixels.
        portrait: the part that moves.
        path: of its file.
        seconds: where in a film it was; None for a picture.
        notes: for the report.
    """

    frame: Frame
    like: VideoInfo
    points: NDArray[np.float32]
    portrait: Portrait
    path: Path
    seconds: float | None
    notes: tuple[str, ...]


def still_source(inputs: ReenactInputs, options: ReenactOptions) -> SourceFrame:
    """The source, where it is a picture.

    Raises:
        InputError: it cannot be decoded.
        NothingToDoError: no face, or one that cannot be made to move.
        UsageError: a face that does not exist.
    """
    with quiet():  # libraries speak of what they cannot read
        still = read_still(inputs.source)
    with FaceTracker(still.frame.width, still.frame.height, _MAX_FACES) as tracker:
        points, notes = _face(still.frame, inputs, options, tracker)
    _refuse_hopeless(points, still.frame, inputs)
    like = video_like(still.frame.width, still.frame.height)
    return _source(inputs.source, still.frame, like, points, None, (*still.notes, *notes))


def film_source(
    inputs: ReenactInputs, options: ReenactOptions, motion: HeadMotion, job: Job
) -> SourceFrame:
    """The frame of a film, as an earlier run of the job chose it.

    Raises:
        InputError: it cannot be decoded.
        NothingToDoError: no face, or none that can be made to move.
        UsageError: a face, or a time, that does not exist.
    """
    assert inputs.source_info is not None and inputs.source_info.video is not None
    like = inputs.source_info.video
    if not job.done(_STORED):
        pts, points, notes = _choose(inputs, options, motion)
        with job.finishing(_STORED) as temporary, temporary.open("wb") as file:
            np.savez(file, pts=pts, points=points, notes=np.array(notes, dtype=np.str_))
    with np.load(job.path(_STORED), allow_pickle=False) as stored:
        points, told = stored["points"], [str(note) for note in stored["notes"]]
        frame = _frame_at(inputs.source, int(stored["pts"]))
    _refuse_hopeless(points, frame, inputs)
    seconds = float(frame.time - like.start)
    return _source(inputs.source, frame, like, points, seconds, told)


def reopened(
    path: Path, time: int | None, like: VideoInfo, points: NDArray[np.float32]
) -> SourceFrame:
    """A source that was chosen before: the frame at ``time`` in a film, None: a picture.

    Raises:
        InputError: it cannot be decoded.
    """
    if time is None:
        with quiet():
            frame = read_still(path).frame
    else:
        frame = _frame_at(path, time)
    return _source(path, frame, like, points, None, ())


def _source(
    path: Path, frame: Frame, like: VideoInfo, points: NDArray[np.float32],
    seconds: float | None, notes: Sequence[str],
) -> SourceFrame:  # fmt: skip
    box = portrait_box(points, frame.width, frame.height)
    inside = points - np.array([box.x0, box.y0, 0], np.float32)
    portrait = Portrait(frame.rgb(box), box, inside)
    notes = (*notes, *_doubts(points, frame))
    return SourceFrame(frame, like, points, portrait, path, seconds, notes)


def _face(
    frame: Frame, inputs: ReenactInputs, options: ReenactOptions, tracker: FaceTracker
) -> tuple[NDArray[np.float32], list[str]]:
    """Landmarks of the face that is meant, and what is to be said of the choice."""
    tracker.begin(frame.width, frame.height)  # each frame by itself
    faces: list[TrackedFace] = tracker.update(
        0, frame.small(wanted_side(frame.width, frame.height)), frame.rgb
    )
    if not faces:
        raise NothingToDoError("no face was found in the source", inputs.source)
    infos = [
        TrackInfo(
            face.track_id, 0, 0, 0, 1, (face.box.x0, face.box.y0, face.box.x1, face.box.y1),
            0.0, face.score,
        )
        for face in faces
    ]  # fmt: skip
    [chosen] = select(infos, options.face)
    points = next(face.points for face in faces if face.track_id == chosen)
    if len(faces) == 1:
        return points, []
    return points, [f"{len(faces)} faces in the source: that of --face {options.face} was taken"]


def _choose(
    inputs: ReenactInputs, options: ReenactOptions, motion: HeadMotion
) -> tuple[int, NDArray[np.float32], list[str]]:
    """Of a film: the wanted frame, or the one most like the driver's usual look, and sharp."""
    times = packet_times(inputs.source)
    if times is None:
        with read_frames(inputs.source) as frames:
            times = np.array([frame.pts for frame in frames], np.int64)
    if options.source_at is not None:
        looks = iter([_frame_at(inputs.source, _time_at(inputs, options.source_at, times))])
    else:
        looks = _looks(inputs, times)
    best: tuple[float, int, NDArray[np.float32], list[str]] | None = None
    problem: AvsynthError = NothingToDoError("no face was found in the source", inputs.source)
    assert inputs.source_info is not None and inputs.source_info.video is not None
    width, height = inputs.source_info.video.width, inputs.source_info.video.height
    with FaceTracker(width, height, _MAX_FACES) as tracker:
        for frame in looks:
            try:
                points, notes = _face(frame, inputs, options, tracker)
                _refuse_hopeless(points, frame, inputs)
            except (NothingToDoError, UsageError) as error:
                problem = error
                continue
            unlike = _unlike(frame, points, motion)
            if best is None or unlike < best[0]:
                best = unlike, frame.pts, points, notes
    if best is None:
        raise problem
    return best[1:]


def _looks(inputs: ReenactInputs, times: NDArray[np.int64]) -> Iterator[Frame]:
    """Frames spread evenly over a film: a short one is read through, in a long one is sought."""
    wanted = times[np.unique(np.linspace(0, len(times) - 1, _LOOKS).round().astype(int))]
    if len(times) > _READ_THROUGH:
        for pts in wanted:
            yield _frame_at(inputs.source, int(pts))
        return
    with read_frames(inputs.source) as frames:
        yield from (frame for frame in frames if frame.pts in wanted)


def _time_at(inputs: ReenactInputs, seconds: float, times: NDArray[np.int64]) -> int:
    assert inputs.source_info is not None and inputs.source_info.video is not None
    wanted = int(times[0]) + Fraction(seconds) / inputs.source_info.video.time_base
    last = float((int(times[-1]) - int(times[0])) * inputs.source_info.video.time_base)
    if seconds > last + 1.0:
        raise UsageError(
            f"--source-at {seconds:g}: its last frame is at {last:.2f} s", inputs.source
        )
    return int(times[max(0, int(np.searchsorted(times, round(wanted), side="right")) - 1)])


def _frame_at(source: Path, pts: int) -> Frame:
    with read_frames(source, pts) as frames:
        frame = next(frames, None)
    if frame is None:
        raise InputError("no picture in it can be decoded", source)
    return frame


def _unlike(frame: Frame, points: NDArray[np.float32], motion: HeadMotion) -> float:
    """How unlike the driver's usual look a face is, and how blurred."""
    measured = np.array([outcome == MEASURED for outcome in motion.outcomes()])
    shapes, matrix, _ = pose_free(points[None])
    rotation = matrix[0] / np.linalg.norm(matrix[0, 0])
    u, _, vt = np.linalg.svd(motion.rotation[measured].mean(axis=0))
    cosine = (np.trace((u @ vt).T @ rotation) - 1.0) / 2.0
    turn = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))) / _TURN
    look = (gauges(shapes)[0] - np.median(motion.gauges[measured], axis=0)) / _GAUGE
    box = portrait_box(points, frame.width, frame.height)
    grey = cv2.cvtColor(frame.rgb(box), cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, (160, 160), interpolation=cv2.INTER_AREA)
    sharp = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return float(turn**2 + (look[1:] ** 2).sum() - _BLUR * np.log2(sharp + 1.0))


def _refuse_hopeless(points: NDArray[np.float32], frame: Frame, inputs: ReenactInputs) -> None:
    [reason] = reach_each(points[None], frame.width, frame.height)
    if reason == PROFILE:
        yaw, pitch, _ = head_pose(points[None])[0]
        raise NothingToDoError(
            f"the face in the source is turned away too far (yaw {yaw:.0f}, pitch {pitch:.0f} "
            "degrees): half of it is hidden",
            inputs.source,
            "use a picture that shows both eyes",
        )
    if reason == TOO_SMALL:
        raise NothingToDoError(
            f"the face in the source is too small: less than {MIN_EYES:.0f} pixels from eye to eye",
            inputs.source,
            "use a larger picture",
        )


def _doubts(points: NDArray[np.float32], frame: Frame) -> list[str]:
    """What is doubtful about a source that can be used."""
    notes = []
    if reach_each(points[None], frame.width, frame.height)[0] == OUT_OF_FRAME:
        notes.append("the face in the source leaves the picture: what is not in it cannot move in")
    yaw = float(head_pose(points[None])[0, 0])
    if abs(yaw) > 25.0:
        notes.append(f"the face in the source is turned by {yaw:.0f} degrees: its far side is thin")
    _, matrix, _ = pose_free(points[None])
    eyes = float(np.linalg.norm(matrix[0, 0]))
    if eyes < _SMALL_EYES:
        notes.append(f"the face in the source is small, {eyes:.0f} pixels from eye to eye")
    return notes
