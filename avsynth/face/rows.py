"""Arrays that are read and written a few rows at a time: in memory, on disk, or made as needed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Rows(Protocol):
    """What can be read by rows: an array, or something that gives parts of one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array; the first number is how many rows there are."""
        ...

    def __getitem__(self, part: Any, /) -> Any:
        """A row by its number, or a slice of rows."""
        ...


class StoredRows(Rows, Protocol):
    """What can be written by rows too."""

    def __setitem__(self, part: Any, values: Any, /) -> None:
        """Replace a row, or a slice of rows."""
        ...


class DiskRows:
    """Rows in a file, of which no more is held than what was asked for.

    Mapping the file would count every page that was touched as memory of this process. Any number
    of threads may read.
    """

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: DTypeLike, offset: int = 0,
        *, writable: bool = False,
    ) -> None:  # fmt: skip
        """Rows of ``shape[1:]`` numbers of ``dtype`` that begin ``offset`` bytes into ``path``.

        Raises:
            OSError: the file cannot be opened.
        """
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._offset = offset
        self._row = int(np.prod(shape[1:])) * self.dtype.itemsize
        self._file = path.open("r+b" if writable else "rb")
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: int | slice) -> NDArray[Any]:
        first, stop = self._range(part)
        with self._lock:
            self._file.seek(self._offset + first * self._row)
            data = self._file.read((stop - first) * self._row)
        found = np.frombuffer(data, self.dtype).reshape(-1, *self.shape[1:])
        return found[0] if isinstance(part, int | np.integer) else found

    def __setitem__(self, part: int | slice, values: NDArray[Any]) -> None:
        first, stop = self._range(part)
        shape = (stop - first, *self.shape[1:])
        data = np.ascontiguousarray(np.broadcast_to(values, shape), self.dtype)
        with self._lock:
            self._file.seek(self._offset + first * self._row)
            self._file.write(data.tobytes())

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._file.close()

    def _range(self, part: int | slice) -> tuple[int, int]:
        if isinstance(part, slice):
            first, stop, step = part.indices(len(self))
            if step != 1:
                raise ValueError("rows on disk are read one after the other")
            return first, max(first, stop)
        row = int(part)
        if not 0 <= row < len(self):
            raise IndexError(f"there is no row {row} of {len(self)}")
        return row, row + 1
