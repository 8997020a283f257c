"""The colours of faces on disk: one fixed-size record a face and frame, frames never falling.

Written while the video is read once, a few hundred bytes each; read a range of frames at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import InputError, ResourceError
from avsynth.face.mesh import MESH_POINTS, STORED
from avsynth.face.track import TrackedFace

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_RECORD = np.dtype([("frame", "<i8"), ("track", "<i4"), ("rgb", "u1", (len(STORED), 3))])
_AROUND = np.arange(-1, 2)


class ColourWriter:
    """Keeps the colour under each stored landmark; a context manager."""

    def __init__(self, path: str | os.PathLike[str], width: int, height: int) -> None:
        """Start a new file for a video of ``width`` x ``height`` display pixels.

        ResourceError, here and later, when the disk is full or the folder cannot be written.
        """
        self.path = Path(path)
        self._size = np.array([width, height], dtype=np.float32)
        with _on_disk(self.path):
            self._file = self.path.open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def write(self, index: int, faces: list[TrackedFace], small: Bytes) -> None:
        """Append the faces of frame ``index``; ``small`` (h, w, 3) is its whole picture."""
        records = np.zeros(len(faces), _RECORD)
        for record, face in zip(records, faces, strict=True):
            points = face.points[list(STORED)] if len(face.points) == MESH_POINTS else face.points
            record["frame"], record["track"] = index, face.track_id
            record["rgb"] = _colours(small, points[:, :2], self._size)
        with _on_disk(self.path):
            self._file.write(records.tobytes())

    def close(self) -> None:
        """Bring everything to disk; a second call does nothing."""
        with _on_disk(self.path):
            self._file.close()


def _colours(small: Bytes, points: Floats, size: Floats) -> Bytes:
    """Mean of 3 x 3 pixels of ``small`` at each of ``points`` (P, 2), pixels of the full ``size``.

    Where a point is outside, the nearest pixels are taken.
    """
    height, width = small.shape[:2]
    at = (points + 0.5) * (np.array([width, height], np.float32) / size)
    x, y = np.floor(at).astype(np.intp).T
    columns = np.clip(x[:, None] + _AROUND, 0, width - 1)
    rows = np.clip(y[:, None] + _AROUND, 0, height - 1)
    near = (rows[:, :, None] * width + columns[:, None, :]).reshape(-1)
    colours = small.reshape(-1, 3).take(near, axis=0).reshape(len(points), _AROUND.size**2, 3)
    total = np.add.reduce(colours, axis=1, dtype=np.uint16)
    return np.asarray((total + _AROUND.size**2 // 2) // _AROUND.size**2, dtype=np.uint8)


class ColourTable:
    """What a ``ColourWriter`` kept, read a range of frames at a time; shared by threads freely."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """InputError: the file is missing or unreadable."""
        self.path = Path(path)
        try:
            self.records = self.path.stat().st_size // _RECORD.itemsize
        except OSError as error:
            raise InputError("cannot read the colours of faces", path, error.strerror) from error

    def read(self, first: int, stop: int, track: int) -> tuple[NDArray[np.int64], Bytes]:
        """Frames (n,) of a track, ``first`` <= frame < ``stop``, and their colours (n, P, 3)."""
        start = self._position(first)
        found = self._load(start, self._position(stop) - start)
        found = found[found["track"] == track]
        return found["frame"].astype(np.int64), np.ascontiguousarray(found["rgb"])

    def _position(self, frame: int) -> int:
        """Number of the first record whose frame is not below ``frame``."""
        low, high = 0, self.records
        while low < high:
            middle = (low + high) // 2
            if int(self._load(middle, 1)["frame"][0]) < frame:
                low = middle + 1
            else:
                high = middle
        return low

    def _load(self, start: int, count: int) -> NDArray[np.void]:
        return np.fromfile(self.path, _RECORD, count, offset=start * _RECORD.itemsize)


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ResourceError(f"cannot write the colours of faces: {reason}", path) from error
