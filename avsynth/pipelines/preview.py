"""A contact sheet: moments of a video before and after, side by side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.errors import ResourceError
from avsynth.media import Box, Frame, read_frames

Bytes = NDArray[np.uint8]

_CELL = 240  # pixels, the side of a face in the sheet
_COLUMNS = 4


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


def _face(video: Path, pts: int, box: Box) -> Bytes:
    with read_frames(video, pts) as frames:
        frame: Frame = next(frames)
    picture = frame.rgb(box.clip(frame.width, frame.height))
    return np.asarray(cv2.resize(picture, (_CELL, _CELL), interpolation=cv2.INTER_AREA))
