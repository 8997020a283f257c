"""A contact sheet: moments of a video before and after, side by side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.errors import ResourceError
from avsynth.media import Box, Frame, read_frames
from avsynth.pipelines.segment import Plan

Bytes = NDArray[np.uint8]

_CELL = 240  # pixels, the side of a face in the sheet
_COLUMNS = 4
_PREVIEWS = 12


def contact_sheet(
    source: Path, result: Path, moments: list[tuple[int, int, Box]], out: Path
) -> None:
    """Write a PNG with the face in the source (left) and in the result (right) of each moment.

    Args:
        source, result: the videos, of the same time base.
        moments: (pts in the source, pts in the result, box of the face) each.
        out: the picture.

    Raises:
        ResourceError: it cannot be written.
    """
    pairs = [
        np.hstack([_face(source, a, box), np.zeros((_CELL, 4, 3), np.uint8), _face(result, b, box)])
        for a, b, box in moments
    ]
    pairs += [np.zeros_like(pairs[0])] * (-len(pairs) % _COLUMNS)
    gap = np.full((_CELL, 12, 3), 255, np.uint8)
    rows = [
        np.hstack([cell for pair in pairs[i : i + _COLUMNS] for cell in (pair, gap)])
        for i in range(0, len(pairs), _COLUMNS)
    ]
    ok, data = cv2.imencode(".png", np.vstack(rows)[..., ::-1])
    try:
        out.write_bytes(data.tobytes())
    except OSError as error:
        raise ResourceError(f"cannot write the preview: {error.strerror}", out) from error
    assert ok


def moments(plan: Plan) -> list[tuple[int, int, Box]]:
    """Evenly spread frames in which somebody was dubbed, with the face's surroundings."""
    found: list[tuple[int, int, Box]] = []
    for actor, _ in plan.actors:
        inside = np.flatnonzero(
            (plan.timeline.source >= actor.track.first) & (plan.timeline.source <= actor.track.last)
        )
        share = max(1, _PREVIEWS // len(plan.actors))
        for n in inside[np.linspace(0, len(inside) - 1, share).astype(int)]:
            seen = plan.analysis.tracks.read(
                int(plan.timeline.source[n]), int(plan.timeline.source[n]) + 1, actor.track.id
            )
            if len(seen):
                x0, y0, x1, y1 = seen.boxes[0]
                half = 0.6 * max(x1 - x0, y1 - y0)
                cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
                box = Box(int(cx - half), int(cy - half), int(cx + half), int(cy + half))
                at = int(plan.analysis.pts[plan.timeline.source[n]])
                found.append((at, int(plan.timeline.pts[n]), box))
    return found


def _face(video: Path, pts: int, box: Box) -> Bytes:
    with read_frames(video, pts) as frames:
        frame: Frame = next(frames)
    picture = frame.rgb(box.clip(frame.width, frame.height))
    return np.asarray(cv2.resize(picture, (_CELL, _CELL), interpolation=cv2.INTER_AREA))
