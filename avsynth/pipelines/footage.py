"""A person's footage for learning from: whose face, how its mouth moves, in which frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import NothingToDoError, UsageError
from avsynth.face.choice import ALL, SPEAKING, select
from avsynth.face.cover import occluded
from avsynth.face.lower_face import vertices
from avsynth.face.mouth_space import MouthSpace, align, opening
from avsynth.face.pose import reach_each
from avsynth.face.smooth import CONTEXT, smooth
from avsynth.face.speaking import SoundLevel, score_tracks
from avsynth.face.store import TrackInfo
from avsynth.face.warp import Floats
from avsynth.media import MediaInfo, read_audio
from avsynth.pipelines.analyse import Analysis

_BLOCK = 1000  # frames read at once
_SAMPLE = 4000  # frames from which the shape of a face is learnt
_SOUND_RATE = 16000


@dataclass(frozen=True)
class Film:
    """A film whose faces were found. ``seconds`` is its length."""

    path: Path
    info: MediaInfo
    analysis: Analysis

    @property
    def times(self) -> NDArray[np.float64]:
        """When each frame is shown, seconds (N,)."""
        return np.asarray(self.analysis.pts * float(self.analysis.time_base), np.float64)

    @property
    def seconds(self) -> float:
        """From the first frame to the end of the last."""
        return float((self.analysis.end - int(self.analysis.pts[0])) * self.analysis.time_base)


@dataclass(frozen=True)
class Face:
    """The subject in one shot of a film.

    Attributes:
        track: where it was found.
        frames: (n,) the frames in which it was, rising.
        coefficients: (n, K) of the mouth, smoothed; openings (n,).
        usable: (n,) False where it is turned away, covered, or leaves the picture.
        template: the rigid shape, see ``align``; mean: (V, 2), mean vertices, pixels.
    """

    track: TrackInfo
    frames: NDArray[np.int64]
    coefficients: NDArray[np.float64]
    openings: NDArray[np.float64]
    usable: NDArray[np.bool_]
    template: NDArray[np.float64]
    mean: Floats


def faces_of(film: Film, space: MouthSpace, choice: str) -> list[Face]:
    """The subject's face in each shot of a film, ``choice`` as for ``dub`` but one person a shot.

    Raises:
        NothingToDoError: no face.
        UsageError: a face that does not exist, or "all".
    """
    if choice.strip().lower() == ALL:
        raise UsageError("one person is learnt from: --face all cannot be")
    tracks, scores = film.analysis.tracks, None
    if not tracks.tracks:
        raise NothingToDoError("no face was found in any frame", film.path)
    if choice.strip().lower() == SPEAKING:
        sound = SoundLevel.of(read_audio(film.path, _SOUND_RATE))
        scores = score_tracks(tracks, film.times, sound)
    ids = select(tracks.tracks, choice, scores)
    return [_face(film.analysis, track, space) for track in tracks.tracks if track.id in ids]


def smoothed(
    analysis: Analysis, track: TrackInfo, first: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Frames (n,) of a track from ``first`` to ``stop`` and their smoothed points (n, P, 3)."""
    part = analysis.tracks.read(first - CONTEXT, stop + CONTEXT, track.id)
    wanted = (part.frames >= first) & (part.frames < stop)
    if not wanted.any():
        return part.frames[wanted], part.points[wanted]
    return part.frames[wanted], smooth(part.points, part.frames)[wanted]


def _face(analysis: Analysis, track: TrackInfo, space: MouthSpace) -> Face:
    step = max(1, track.count // _SAMPLE)
    sample = np.concatenate([points[::step] for _, points in _blocks(analysis, track)])
    template = align(sample)[1].template
    mean = np.mean([vertices(points) for points in sample], axis=0).astype(np.float32)
    cover = analysis.covers.of(track, mean)
    frames, coefficients, openings, usable = [], [], [], []
    for numbers, points in _blocks(analysis, track):
        frames.append(numbers)
        coefficients.append(space.encode(align(points, template)[0]))
        openings.append(opening(points))
        reasons = reach_each(points, analysis.tracks.width, analysis.tracks.height)
        able = np.array([reason is None for reason in reasons])
        usable.append(able & ~occluded(cover.read(numbers)))
    return Face(
        track,
        np.concatenate(frames),
        np.concatenate(coefficients),
        np.concatenate(openings),
        np.concatenate(usable),
        template,
        mean,
    )


def _blocks(
    analysis: Analysis, track: TrackInfo
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    for first in range(track.first, track.last + 1, _BLOCK):
        stop = min(first + _BLOCK, track.last + 1)
        frames, points = smoothed(analysis, track, first, stop)
        if len(frames):
            yield frames, points
