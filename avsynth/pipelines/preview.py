"""A contact sheet: moments of a video before and after, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.errors import AvsynthError, InputError
from avsynth.media import Box, atomic_output, read_frames
from avsynth.media.timeline import packet_times
from avsynth.pipelines.segment import Plan

Bytes = NDArray[np.uint8]

_CELL = 240  # pixels, the side of a face in the sheet
_CAPTION = 22  # pixels, the height of the line above it
_COLUMNS = 3
_MOMENTS = 6  # each costs a seek in both videos
_WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Moment:
    """What one pair of pictures shows: a face, and when.

    ``pts`` is the time in the source, in its time base; ``number`` that of the frame in the
    result, whose container may have rounded its time; ``seconds`` from the result's start.
    """

    pts: int
    number: int
    seconds: float
    box: Box


def preview(plan: Plan, result: Path, out: Path) -> list[str]:
    """Write the contact sheet; a note where that failed, for no preview is worth the film."""
    try:
        contact_sheet(plan.video, result, moments(plan), out)
    except AvsynthError as error:
        return [f"no preview was written: {error}"]
    except Exception as error:  # whatever it is: the dubbed film is not to be lost for it
        return [f"no preview was written: {type(error).__name__}: {error}"]
    return []


def contact_sheet(source: Path, result: Path, chosen: list[Moment], out: Path) -> None:
    """Write a PNG with the face in the source (left) and in the result (right) of each moment.

    Raises:
        InputError: there is nothing to show, or a video cannot be read.
        ResourceError: the picture cannot be written.
    """
    times = packet_times(result)
    if not chosen or times is None:
        raise InputError("no moment of it can be shown", result)
    pairs = [
        _pair(_face(source, m.pts, m.box), _face(result, int(times[m.number]), m.box), m.seconds)
        for m in chosen
    ]
    rows = -(-len(pairs) // _COLUMNS)
    columns = -(-len(pairs) // rows)
    pairs += [np.full_like(pairs[0], 255)] * (rows * columns - len(pairs))
    sheet = np.vstack([np.hstack(pairs[i : i + columns]) for i in range(0, len(pairs), columns)])
    _, data = cv2.imencode(".png", sheet[..., ::-1])
    with atomic_output(out) as temporary:
        temporary.write_bytes(data.tobytes())


def moments(plan: Plan) -> list[Moment]:
    """A few evenly spread frames in which somebody was dubbed, with the face's surroundings."""
    found: list[Moment] = []
    share = max(1, _MOMENTS // len(plan.actors))
    for actor, _ in plan.actors:
        source = plan.timeline.source
        inside = np.flatnonzero((source >= actor.track.first) & (source <= actor.track.last))
        if not len(inside):
            continue
        for n in np.unique(inside[np.linspace(0, len(inside) - 1, share + 2).astype(int)[1:-1]]):
            frame = int(source[n])
            seen = plan.analysis.tracks.read(frame, frame + 1, actor.track.id)
            if len(seen):
                seconds = float(plan.timeline.times(int(n), int(n) + 1)[0])
                box = _surroundings(seen.boxes[0])
                found.append(Moment(int(plan.analysis.pts[frame]), int(n), seconds, box))
    found.sort(key=lambda moment: moment.number)
    return found[:: -(-len(found) // _MOMENTS) or 1]


def _surroundings(face: NDArray[np.float32]) -> Box:
    x0, y0, x1, y1 = face
    half = 0.6 * max(x1 - x0, y1 - y0, 2)
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    return Box(int(cx - half), int(cy - half), int(cx + half), int(cy + half))


def _pair(before: Bytes, after: Bytes, seconds: float) -> Bytes:
    """Two pictures and the line above them, with a white margin."""
    both = cv2.copyMakeBorder(
        np.hstack([before, np.full((_CELL, 4, 3), 255, np.uint8), after]),
        _CAPTION, 6, 6, 6, cv2.BORDER_CONSTANT, value=_WHITE,
    )  # fmt: skip
    for text, x in (("before", 6), ("after", _CELL + 10), (f"{seconds:.2f} s", 2 * _CELL - 60)):
        cv2.putText(
            both, text, (x, _CAPTION - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1,
            cv2.LINE_AA,
        )  # fmt: skip
    return np.asarray(both)


def _face(video: Path, pts: int, box: Box) -> Bytes:
    """The square ``box`` of the frame at ``pts``; white where it leaves the picture."""
    with read_frames(video, pts) as frames:
        frame = next(frames, None)
    if frame is None:
        raise InputError(f"no picture at {pts} in it", video)
    inside = box.clip(frame.width, frame.height)
    picture = cv2.copyMakeBorder(
        frame.rgb(inside),
        inside.y0 - box.y0, box.y1 - inside.y1, inside.x0 - box.x0, box.x1 - inside.x1,
        cv2.BORDER_CONSTANT, value=_WHITE,
    )  # fmt: skip
    return np.asarray(cv2.resize(picture, (_CELL, _CELL), interpolation=cv2.INTER_AREA))
