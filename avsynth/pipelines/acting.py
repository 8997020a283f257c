"""What each face does in a segment: where its mouth goes, how strongly, from which pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avsynth.face.cover import OCCLUDED, Cover, cover_costs, occluded
from avsynth.face.lower_face import LIPS, vertices
from avsynth.face.mesh import MOUTH_JAW, STORED, rows
from avsynth.face.mouth_space import MouthSpace, PersonStyle, align, opening
from avsynth.face.pose import reach_each
from avsynth.face.references import Mouth, references
from avsynth.face.render import Picture
from avsynth.face.retrieval import blur_costs, cheapest_path, costs, own_costs, shares
from avsynth.face.smooth import CONTEXT, smooth
from avsynth.face.store import TrackInfo, TrackTable
from avsynth.face.warp import Floats
from avsynth.models.speech_to_motion import MotionCurve
from avsynth.pipelines.analyse import Analysis
from avsynth.pipelines.timeline import Segment, Timeline

_FADE = 4  # frames over which a face that cannot be done eases out and in
_STYLE_FRAMES = 4000  # a person's style is read off at most so many
_MOUTH = rows(MOUTH_JAW, len(STORED))
DUBBED = "dubbed"


@dataclass(frozen=True)
class Actor:
    """A face of the video with the speech it is given.

    Attributes:
        track: the face.
        curve: mouth motion of the speech, in the person's units.
        style: the person's closed mouth and extent of movement.
        template: the person's rigid shape, see ``mouth_space.align``.
        mean: float32 (V, 2), mean vertices, pixels.
    """

    track: TrackInfo
    curve: MotionCurve
    style: PersonStyle
    template: NDArray[np.float64]
    mean: Floats


def meet(
    track: TrackInfo, curve: MotionCurve, tracks: TrackTable, space: MouthSpace,
    speaking: NDArray[np.bool_] | None = None,
) -> Actor:  # fmt: skip
    """Learn a person's face and way of moving from the whole track.

    ``speaking``, a value a frame of the video, says when there is speech; the extent of movement
    is read off those frames.
    """
    step = max(1, track.count // _STYLE_FRAMES)
    parts = [
        tracks.read(first, min(first + 1000, track.last + 1), track.id)
        for first in range(track.first, track.last + 1, 1000)
    ]
    seen = np.concatenate([part.points[::step] for part in parts])
    frames = np.concatenate([part.frames[::step] for part in parts])
    canonical, poses = align(seen)
    coefficients = space.encode(canonical)
    style = PersonStyle.from_coefficients(
        coefficients, opening(seen), prior=space.deviation,
        speaking=None if speaking is None else speaking[frames],
    )  # fmt: skip
    mean = np.mean([vertices(points) for points in seen], axis=0)
    return Actor(track, curve, style, poses.template, mean.astype(np.float32))


@dataclass(frozen=True)
class Act:
    """One face in one output frame. ``strength`` 0..1.

    ``sources`` are pictures to take the mouth from with their shares; None is the frame's own.

    ``own`` and ``wanted`` are vertices (V, 2), pixels of the frame; ``spare`` (V,) is 1 where
    something covers the face, None where nothing does anywhere.
    """

    own: Floats
    wanted: Floats
    spare: Floats | None
    strength: float
    sources: list[tuple[Picture | None, float]]


class Acting:
    """An actor's part in one segment, worked out ahead: a pure function of its arguments."""

    def __init__(
        self, actor: Actor, analysis: Analysis, timeline: Timeline, segment: Segment,
        space: MouthSpace,
    ) -> None:  # fmt: skip
        self._frames = timeline.source[segment.first : segment.stop]
        low, high = int(self._frames.min()), int(self._frames.max()) + 1
        slice_ = analysis.tracks.read(low - CONTEXT, high + CONTEXT, actor.track.id)
        self.outcomes: list[str] = ["no_face"] * len(self._frames)
        self._acts: dict[int, Act] = {}
        if len(slice_.frames) == 0:
            return
        points = smooth(slice_.points, slice_.frames)
        row_of = {int(frame): row for row, frame in enumerate(slice_.frames)}
        reasons = reach_each(points, analysis.tracks.width, analysis.tracks.height)
        self._cover = analysis.covers.of(actor.track, actor.mean)
        covered = self._cover.read(slice_.frames)
        for i in np.flatnonzero(occluded(covered)):
            reasons[i] = reasons[i] or OCCLUDED
        ends = np.append(analysis.cuts, [0, len(analysis.pts)])
        strengths = _strengths(slice_.frames, reasons, actor.track, ends)
        shown = [(n, row_of[int(f)]) for n, f in enumerate(self._frames) if int(f) in row_of]
        for n, row in shown:
            self.outcomes[n] = reasons[row] or DUBBED
        todo = [(n, row) for n, row in shown if strengths[row] > 0.0]
        if todo:
            self._plan(actor, analysis, timeline, segment, space, points, covered, strengths, todo)

    def get(self, number: int) -> Act | None:
        """What to do in output frame ``number`` of the segment (from 0), None for nothing."""
        return self._acts.get(number)

    def _plan(
        self, actor: Actor, analysis: Analysis, timeline: Timeline, segment: Segment,
        space: MouthSpace, points: Floats, covered: Floats, strengths: NDArray[np.float64],
        todo: list[tuple[int, int]],
    ) -> None:  # fmt: skip
        numbers, at = (np.array(column) for column in zip(*todo, strict=True))
        here = points[at]
        canonical, poses = align(here, actor.template)
        old = space.encode(canonical)
        times = timeline.times(segment.first, segment.stop)[numbers]
        new = actor.style.from_units(actor.curve.at(times))
        new = old + strengths[at, None] * (new - old)
        moved = space.displace(here[:, _MOUTH], poses, old, new)
        lips = canonical[:, LIPS] + space.displacement(new - old)[:, LIPS]
        own_lips = canonical[:, LIPS]
        pictures, mixes = _choose(
            actor, analysis, self._cover, lips, own_lips, poses.angles, self._frames
        )
        for n, row, mouth, mix in zip(numbers, at, moved, mixes, strict=True):
            own, spare = vertices(points[row]), covered[row]
            # What covers the face stays where it is, and pulls at nothing.
            change = (1.0 - spare[:, None]) * (vertices(points[row], mouth) - own)
            self._acts[int(n)] = Act(
                own,
                own + change,
                spare if spare.any() else None,
                float(strengths[row]),
                [(pictures[i], share) for i, share in mix],
            )


def _choose(
    actor: Actor, analysis: Analysis, cover: Cover, lips: NDArray[np.float64],
    own_lips: NDArray[np.float64], angles: NDArray[np.float64], frames: NDArray[np.int64],
) -> tuple[list[Picture | None], list[list[tuple[int, float]]]]:  # fmt: skip
    """Pictures to take mouths from, and which of them each frame takes.

    The first is None: the frame's own mouth, the best there is where it is near what is wanted.
    The others are the actor's reference pictures near the segment.
    """
    low, high = int(frames.min()), int(frames.max()) + 1
    mouths = list(references(analysis.references, actor.track.id, low, high))
    if not mouths:
        return [None], [[(0, 1.0)] for _ in lips]
    points = np.stack([_place(mouth, analysis.tracks, actor.track.id) for mouth in mouths])
    canonical, poses = align(points, actor.template)
    cost = costs(lips, angles, canonical[:, LIPS], poses.angles)
    cost += blur_costs(np.array([mouth.sharpness for mouth in mouths]))
    cost += cover_costs(cover.read(np.array([mouth.frame for mouth in mouths])))
    path = cheapest_path(np.column_stack([own_costs(lips, own_lips), cost]))
    pictures = [
        Picture(mouth.rgb, vertices(p) - np.array([mouth.box.x0, mouth.box.y0], np.float32))
        for mouth, p in zip(mouths, points, strict=True)
    ]
    return [None, *pictures], shares(path)


def _place(mouth: Mouth, tracks: TrackTable, track: int) -> Floats:
    """The smoothed landmarks of the frame a reference was taken from."""
    near = tracks.read(mouth.frame - CONTEXT, mouth.frame + CONTEXT + 1, track)
    row = int(np.flatnonzero(near.frames == mouth.frame)[0])
    return np.asarray(smooth(near.points, near.frames)[row])


def _strengths(
    frames: NDArray[np.int64], reasons: list[str | None], track: TrackInfo,
    cuts: NDArray[np.int64],
) -> NDArray[np.float64]:  # fmt: skip
    """How strongly each row is changed: 0 where it cannot be, easing to 1 within a few frames.

    At a cut nothing needs easing; ``cuts`` include the video's first frame and its end.
    """
    able = [int(f) for f, reason in zip(frames, reasons, strict=True) if reason is None]
    allowed = set(able)
    if track.first in cuts:
        allowed.update(range(track.first - _FADE, track.first))
    if track.last + 1 in cuts:
        allowed.update(range(track.last + 1, track.last + 1 + _FADE))
    # Beyond the rows that were read nothing is known; the context is longer than the fade.
    allowed.update(range(int(frames[0]) - _FADE, int(frames[0])) if frames[0] > track.first else ())
    allowed.update(
        range(int(frames[-1]) + 1, int(frames[-1]) + 1 + _FADE) if frames[-1] < track.last else ()
    )
    strengths = np.zeros(len(frames))
    for row, frame in enumerate(int(f) for f in frames):
        if reasons[row] is None:
            away = next(
                (d for d in range(1, _FADE + 1) if not {frame - d, frame + d} <= allowed), None
            )
            strengths[row] = 1.0 if away is None else away / (_FADE + 1)
    return strengths
