"""Tracks on disk: one flat file of fixed-size records, read a range of frames at a time.

The file is a header and then one record a face and frame, frames never falling. A small JSON file
beside it, written when all is done, holds the list of tracks; it only saves a pass over the
records, so after a job was killed all whole records can still be read.
"""

from __future__ import annotations

import json
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np

from avsynth.errors import InputError, ResourceError, UsageError
from avsynth.face.mesh import MESH_POINTS, STORED
from avsynth.face.track import TrackedFace
from avsynth.face.track_info import Records, TrackInfo, TrackSlice, TrackSums

__all__ = ["TrackInfo", "TrackSlice", "TrackTable", "TrackWriter"]

_MAGIC = b"AVSTRK01"
_HEADER = struct.Struct("<8sIII12x")  # magic, points a record, picture width, picture height
_BLOCK = 512  # records read at once where a whole file is gone through
_TOGETHER = 64  # frames written at once: the mean pose is cheaper for many than for one


class TrackWriter:
    """Writes what a ``FaceTracker`` finds. A context manager: leaving it in peace seals the file.

    After an exception the records stay, the list of tracks is not written, and
    ``TrackTable.complete`` is False.
    """

    def __init__(self, path: str | os.PathLike[str], width: int, height: int) -> None:
        """Start a new file at ``path`` for a video of ``width`` x ``height`` display pixels.

        ResourceError, here and later, when the disk is full or the folder cannot be written.
        """
        self.path = Path(path)
        self._size = (width, height)
        self._record = _record(len(STORED))
        self._sums = TrackSums()
        self._last = -1
        self._waiting: list[Records] = []
        with _on_disk(self.path):
            _index_path(self.path).unlink(missing_ok=True)
            self._file = self.path.open("wb")
            self._file.write(_HEADER.pack(_MAGIC, len(STORED), width, height))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.close()
        else:
            with suppress(OSError):  # the first failure is the one to tell
                self._file.close()

    def write(self, index: int, faces: list[TrackedFace]) -> None:
        """Append the faces of frame ``index``. UsageError when frames go backwards."""
        if index <= self._last:
            raise UsageError(f"frame {index} cannot be stored after frame {self._last}", self.path)
        self._last = index
        if not faces:
            return
        records = np.zeros(len(faces), self._record)
        for record, face in zip(records, faces, strict=True):
            points = face.points[list(STORED)] if len(face.points) == MESH_POINTS else face.points
            record["frame"], record["track"], record["shot"] = index, face.track_id, face.shot
            record["score"], record["points"] = face.score, points
            record["box"] = face.box.x0, face.box.y0, face.box.x1, face.box.y1
        self._waiting.append(records)
        if len(self._waiting) >= _TOGETHER:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            records = np.concatenate(self._waiting)
            self._sums.add(records)
            with _on_disk(self.path):
                self._file.write(records.tobytes())
            self._waiting = []

    def close(self) -> None:
        """Bring the records to disk and write the list of tracks; a second call does nothing."""
        if self._file.closed:
            return
        self._flush()
        with _on_disk(self.path):
            self._seal()

    def _seal(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        records = (self._file.tell() - _HEADER.size) // self._record.itemsize
        self._file.close()
        index = {
            "records": records,
            "frames": self._last + 1,
            "width": self._size[0],
            "height": self._size[1],
            "points": len(STORED),
            "tracks": [asdict(track) for track in self._sums.tracks()],
        }
        temporary = _index_path(self.path).with_suffix(".part")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(index, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(_index_path(self.path))


class TrackTable:
    """Reads what a ``TrackWriter`` wrote, in constant memory. A context manager."""

    def __init__(self, path: Path, points: int, width: int, height: int) -> None:
        self.path, self.width, self.height = path, width, height
        self._record = _record(points)
        self._lock = threading.Lock()
        self._file = path.open("rb")
        payload = path.stat().st_size - _HEADER.size
        self.records = payload // self._record.itemsize  # a half-written last one is dropped
        index = _read_index(path, self.records)
        self.complete = index is not None  # False when the writer was killed
        if index is None:
            sums = TrackSums()
            for block in self._blocks(0, self.records):
                sums.add(block)
            self.tracks: list[TrackInfo] = sums.tracks()
            self.frames = int(self._at(self.records - 1)["frame"]) + 1 if self.records else 0
        else:
            self.tracks = [TrackInfo(**{**t, "box": tuple(t["box"])}) for t in index["tracks"]]
            self.frames = int(index["frames"])  # of the video, with and without faces

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> TrackTable:
        """Open a file of tracks. InputError when it is missing, foreign or of another version."""
        try:
            with Path(path).open("rb") as file:
                header = file.read(_HEADER.size)
        except OSError as error:
            raise InputError("cannot read the file of face tracks", path, error.strerror) from error
        if len(header) < _HEADER.size or header[: len(_MAGIC)] != _MAGIC:
            raise InputError("this is not a file of face tracks", path)
        _, points, width, height = _HEADER.unpack(header)
        if points != len(STORED):
            raise InputError(
                f"face tracks of {points} points, not {len(STORED)}", path, "track the video again"
            )
        return cls(Path(path), points, width, height)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._file.close()

    def read(self, first: int, last: int, track_id: int | None = None) -> TrackSlice:
        """Records of the frames ``first`` <= index < ``last``, of one track or of all."""
        start, stop = self._position(first), self._position(last)
        parts = [
            block if track_id is None else block[block["track"] == track_id]
            for block in self._blocks(start, stop)
        ]
        found = np.concatenate(parts) if parts else np.zeros(0, self._record)
        return TrackSlice(
            found["frame"].astype(np.int64),
            np.ascontiguousarray(found["points"]),
            found["score"].astype(np.float32),
            np.ascontiguousarray(found["box"]),
            found["track"].astype(np.int32),
        )

    def _position(self, frame: int) -> int:
        """Number of the first record whose frame is not below ``frame``."""
        low, high = 0, self.records
        while low < high:
            middle = (low + high) // 2
            if int(self._at(middle)["frame"]) < frame:
                low = middle + 1
            else:
                high = middle
        return low

    def _at(self, number: int) -> Any:
        return next(self._blocks(number, number + 1))[0]

    def _blocks(self, start: int, stop: int) -> Iterator[Records]:
        size = self._record.itemsize
        for first in range(start, stop, _BLOCK):
            count = min(_BLOCK, stop - first)
            with self._lock:  # threads that render segments share one table
                self._file.seek(_HEADER.size + first * size)
                payload = self._file.read(count * size)
            yield np.frombuffer(payload, self._record)


@contextmanager
def _on_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ResourceError(f"cannot write the face tracks: {reason}", path) from error


def _record(points: int) -> np.dtype[np.void]:
    return np.dtype(
        [
            ("frame", "<i8"),
            ("track", "<i4"),
            ("shot", "<i4"),
            ("score", "<f4"),
            ("box", "<f4", (4,)),
            ("points", "<f4", (points, 3)),
        ]
    )


def _index_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _read_index(path: Path, records: int) -> dict[str, Any] | None:
    """The list of tracks, or None where it is missing, damaged or of other records."""
    try:
        index = json.loads(_index_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return index if isinstance(index, dict) and index.get("records") == records else None
