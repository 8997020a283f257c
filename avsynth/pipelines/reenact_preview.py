"""A contact sheet of a reenactment: source, driver and result side by side.

The driver's face is shown only where the driver is a film that was given; a stored motion has
none.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.errors import AvsynthError, InputError
from avsynth.media import Box, Frame, atomic_output, read_frames
from avsynth.media.timeline import packet_times
from avsynth.pipelines.reenact_segment import Plan

Bytes = NDArray[np.uint8]

_CELL = 240  # pixels, the side of a picture in the sheet
_CAPTION = 22  # pixels, the height of the line above it
_COLUMNS = 2
_MOMENTS = 6
_WHITE = (255, 255, 255)


def write_preview(plan: Plan, result: Path, out: Path) -> list[str]:
    """Write the contact sheet; a note where that failed, for no preview is worth the film."""
    try:
        sheet(plan, result, out)
    except AvsynthError as error:
        return [f"no preview was written: {error}"]
    except Exception as error:  # whatever it is: the film is not to be lost for it
        return [f"no preview was written: {type(error).__name__}: {error}"]
    return []


def sheet(plan: Plan, result: Path, out: Path) -> None:
    """Write a PNG of a few moments, evenly spread.

    Raises:
        InputError: a film cannot be read.
        ResourceError: the picture cannot be written.
    """
    times = packet_times(result)
    if times is None:
        raise InputError("its times cannot be read", result)
    box = plan.source.portrait.box
    source = _cell(plan.source.frame, box)
    rows = []
    count = len(plan.timeline)
    for number in np.unique(np.linspace(0, count - 1, _MOMENTS + 2).astype(int)[1:-1]):
        cells = [("source", source)]
        driver = _driver(plan, int(number))
        if driver is not None:
            cells.append(("driver", driver))
        cells.append(("result", _cell(_frame(result, int(times[number])), box)))
        seconds = float(plan.timeline.times(int(number), int(number) + 1)[0])
        rows.append(_strip(cells, seconds))
    rows += [np.full_like(rows[0], 255)] * (-len(rows) % min(_COLUMNS, len(rows)))
    columns = min(_COLUMNS, len(rows))
    whole = np.vstack([np.hstack(rows[i : i + columns]) for i in range(0, len(rows), columns)])
    _, data = cv2.imencode(".png", whole[..., ::-1])
    with atomic_output(out) as temporary:
        temporary.write_bytes(data.tobytes())


def _driver(plan: Plan, number: int) -> Bytes | None:
    """The driver's picture, whole: where the face is in it is not kept. None for a motion file."""
    if plan.driver.info is None:
        return None
    frame = _frame(plan.driver.path, int(plan.driver.stored.times[number]))
    return _cell(frame, Box(0, 0, frame.width, frame.height))


def _frame(film: Path, pts: int) -> Frame:
    with read_frames(film, pts) as frames:
        frame = next(frames, None)
    if frame is None:
        raise InputError(f"no picture at {pts} in it", film)
    return frame


def _cell(frame: Frame, box: Box) -> Bytes:
    """A box of a frame, whole, in the middle of a white square."""
    rgb = frame.rgb(box)
    factor = _CELL / max(rgb.shape[:2])
    size = max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    x, y = (_CELL - size[0]) // 2, (_CELL - size[1]) // 2
    cell = np.full((_CELL, _CELL, 3), 255, np.uint8)
    cell[y : y + size[1], x : x + size[0]] = small
    return cell


def _strip(cells: list[tuple[str, Bytes]], seconds: float) -> Bytes:
    """Pictures in a row and the line above them, with a white margin."""
    gap = np.full((_CELL, 4, 3), 255, np.uint8)
    row = np.hstack([part for _, cell in cells for part in (cell, gap)][:-1])
    row = np.asarray(
        cv2.copyMakeBorder(row, _CAPTION, 6, 6, 6, cv2.BORDER_CONSTANT, value=_WHITE), np.uint8
    )
    words = [(name, 6 + (_CELL + 4) * n) for n, (name, _) in enumerate(cells)]
    for text, x in (*words, (f"{seconds:.2f} s", row.shape[1] - 66)):
        cv2.putText(
            row, text, (x, _CAPTION - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1,
            cv2.LINE_AA,
        )  # fmt: skip
    return row
