"""Reference mouths: moments of a person kept, while the video is read once, to take pixels from.

Of every ten seconds or so of a face a few dozen pictures are kept that differ most in opening and
width of the mouth and in the pose of the head. Each stretch is one file, so that an hour of video
needs no memory and rendering a segment reads only the stretches around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face.mesh import EYE_OUTER, LIP_CORNERS, LIP_TOP_BOTTOM, LIPS_OUTER
from avsynth.media import Box

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_STRETCH = 250  # frames
_KEPT = 32  # pictures of one face in a stretch
_MARGIN = 0.35  # of the mouth's width, kept around the lips
_NOSE_TIP = 1
#: How far two pictures must differ, in eye distances, to be worth keeping both: opening and width
#: of the mouth, then the nose's place between the eyes across and down (a stand-in for yaw, pitch).
_STEPS = np.array([0.012, 0.03, 0.06, 0.06])


@dataclass(frozen=True, slots=True)
class Mouth:
    """A kept picture: ``rgb`` uint8 (h, w, 3) of ``box`` in frame number ``frame``.

    ``sharpness`` is the log of its finest detail over the next coarser one's: comparable between
    mouths of different shape, and low where motion blurred them.
    """

    frame: int
    box: Box
    rgb: Bytes

    @property
    def sharpness(self) -> float:
        """See the class."""
        grey = cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY)
        half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        fine, coarse = (float(cv2.Laplacian(g, cv2.CV_32F).var()) for g in (grey, half))
        return float(np.log((fine + 0.1) / (coarse + 0.1)))


@dataclass(slots=True)
class _Stretch:
    number: int
    shapes: list[NDArray[np.float64]] = field(default_factory=list)
    mouths: list[Mouth] = field(default_factory=list)


class ReferenceCollector:
    """Chooses and stores reference mouths; frames are offered in order.

    ``close`` (or leaving the ``with`` block) writes what is still held.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(exist_ok=True)
        self._open: dict[int, _Stretch] = {}

    def offer(self, frame: int, track: int, points: Floats, crop: Callable[[Box], Bytes]) -> None:
        """Consider a face, ``points`` (478, 3) in pixels; ``crop`` is called if it is kept."""
        number = frame // _STRETCH
        stretch = self._open.get(track)
        if stretch is None or stretch.number != number:
            if stretch is not None:
                self._store(track, stretch)
            stretch = self._open[track] = _Stretch(number)
        shape = _shape(points)
        away = [float(np.linalg.norm((shape - other) / _STEPS)) for other in stretch.shapes]
        if away and min(away) < 1.0:
            return
        if len(stretch.mouths) == _KEPT:
            _forget_nearest(stretch)
        box, rgb = lips_box(points), None
        rgb = crop(box)
        if rgb.size:
            stretch.shapes.append(shape)
            stretch.mouths.append(Mouth(frame, box, rgb))

    def close(self) -> None:
        """Write the stretches that are still open."""
        for track, stretch in self._open.items():
            self._store(track, stretch)
        self._open.clear()

    def __enter__(self) -> ReferenceCollector:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _store(self, track: int, stretch: _Stretch) -> None:
        if not stretch.mouths:
            return
        pictures = [cv2.imencode(".png", m.rgb[..., ::-1], _FAST)[1] for m in stretch.mouths]
        np.savez(
            _file(self._folder, track, stretch.number),
            frames=np.array([m.frame for m in stretch.mouths]),
            boxes=np.array([(m.box.x0, m.box.y0, m.box.x1, m.box.y1) for m in stretch.mouths]),
            ends=np.cumsum([len(p) for p in pictures]),
            pictures=np.concatenate([p.ravel() for p in pictures]),
        )


_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def lips_box(points: Floats) -> Box:
    """The lips of a face (478, 2 or 3) with a margin, in whole pixels (may leave the picture)."""
    lips = points[list(LIPS_OUTER), :2]
    low, high = lips.min(axis=0), lips.max(axis=0)
    margin = _MARGIN * max(float(high[0] - low[0]), 8.0)
    x0, y0 = np.floor(low - margin).astype(int)
    x1, y1 = np.ceil(high + margin).astype(int)
    return Box(int(x0), int(y0), int(x1), int(y1))


def references(folder: Path, track: int, first: int, stop: int) -> Iterator[Mouth]:
    """Kept mouths of a track from the stretches that hold frames ``first`` to ``stop``, and the
    one before and after them."""
    for number in range(first // _STRETCH - 1, (stop - 1) // _STRETCH + 2):
        path = _file(folder, track, number)
        if path.exists():
            with np.load(path, allow_pickle=False) as stored:
                starts = np.concatenate([[0], stored["ends"][:-1]])
                data = stored["pictures"]
                for frame, box, a, b in zip(
                    stored["frames"], stored["boxes"], starts, stored["ends"], strict=True
                ):
                    bgr = np.asarray(cv2.imdecode(data[a:b], cv2.IMREAD_COLOR), dtype=np.uint8)
                    rgb = np.ascontiguousarray(bgr[..., ::-1])
                    yield Mouth(int(frame), Box(*(int(v) for v in box)), rgb)


def _file(folder: Path, track: int, number: int) -> Path:
    return folder / f"{track}-{number}.npz"


def _shape(points: Floats) -> NDArray[np.float64]:
    flat = points[:, :2].astype(np.float64)
    right, left = flat[list(EYE_OUTER)]
    unit = max(float(np.linalg.norm(left - right)), 1e-6)
    top, bottom = flat[list(LIP_TOP_BOTTOM)]
    a, b = flat[list(LIP_CORNERS)]
    nose = (flat[_NOSE_TIP] - (left + right) / 2) / unit
    across = (left - right) / unit
    return np.array(
        [
            np.linalg.norm(bottom - top) / unit,
            np.linalg.norm(b - a) / unit,
            nose @ across,
            nose @ np.array([-across[1], across[0]]),
        ]
    )


def _forget_nearest(stretch: _Stretch) -> None:
    """Of the two most alike, forget the older one."""
    shapes = np.array(stretch.shapes) / _STEPS
    apart = np.linalg.norm(shapes[:, None] - shapes[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    older = int(min(np.unravel_index(int(apart.argmin()), apart.shape)))
    del stretch.shapes[older], stretch.mouths[older]
