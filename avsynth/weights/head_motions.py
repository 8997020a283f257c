"""Motion as a file: how a head moved and when, without the face and without a pixel.

Safetensors, so that any tool can read it. The displacements of the mesh come last: they are
written and read a few frames at a time, and a long motion takes no memory.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from avsynth.errors import WeightsError
from avsynth.face.driving import GAUGES, HeadMotion, measure
from avsynth.face.mesh import MESH_POINTS
from avsynth.face.rows import DiskRows, Rows
from avsynth.weights.file import refuse_pickles, sha256
from avsynth.weights.subject import consent_record

SUFFIX: Final = ".safetensors"

_FORMAT = "avsynth-head-motion-1"
_LAST = "expression"
_MOST_FRAMES = 20_000_000  # a week and a half at 25 a second
_HEADER_LIMIT = 1 << 20  # bytes
_BLOCK = 512  # frames checked at once
# Names in the dictionary of safetensors, the numbers' types here, and what one frame has of them.
_KINDS: Final = {
    "times": ("I64", "<i8", ()),
    "rotation": ("F32", "<f4", (3, 3)),
    "scale": ("F32", "<f4", ()),
    "shift": ("F32", "<f4", (3,)),
    "gauges": ("F32", "<f4", (GAUGES,)),
    "seen": ("U8", "|u1", ()),
    "cut": ("U8", "|u1", ()),
    _LAST: ("F16", "<f2", (MESH_POINTS, 3)),
}
# The largest size that a head's motion can have; more is an error, or an attack.
_LIMITS: Final = {"shift": 1e3, "gauges": 1e2, _LAST: 1e2}


@dataclass(frozen=True)
class MotionFile:
    """A stored motion.

    Attributes:
        motion: what moved; its expression stays on disk.
        times: int64 (T,), when, rising, in units of ``time_base``.
        end: when the last frame ends, same unit.
        time_base: seconds a unit.
        rate: frames a second on average; 0 where nobody knows.
        metadata: where it is from: hashes of the source and of the consent record.
        path, sha256: of the file.
    """

    motion: HeadMotion
    times: NDArray[np.int64]
    end: int
    time_base: Fraction
    rate: Fraction
    metadata: dict[str, Any]
    path: Path
    sha256: str


def is_motion_file(path: Path) -> bool:
    """Whether ``path`` is meant as a stored motion rather than as a film, by its name."""
    return path.suffix.lower() == SUFFIX


def write_motion(
    path: Path, points: Rows, cuts: Iterable[int], times: NDArray[np.int64], end: int,
    time_base: Fraction, rate: Fraction, metadata: Mapping[str, Any],
) -> None:  # fmt: skip
    """Measure ``points`` (see ``driving.measure``) and store the motion, a few frames at a time.

    ``metadata`` (JSON) says where it is from: of a person ``consent`` with ``record_sha256``,
    without which the file could not be read.

    Raises:
        NothingToDoError: no frame with a face.
        OSError: the file cannot be written.
    """
    count = points.shape[0]
    header = {
        "end": int(end),
        "time_base": str(time_base),
        "rate": str(rate),
        "metadata": dict(metadata),
    }
    head, offsets = _header(count, {_FORMAT: json.dumps(header, sort_keys=True, allow_nan=False)})
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + offsets[_LAST][1])
    store = DiskRows(
        path, (count, MESH_POINTS, 3), "<f2", len(head) + offsets[_LAST][0], writable=True
    )
    try:
        motion = measure(points, cuts, store)
    finally:
        store.close()
    with path.open("r+b") as file:
        for name, (_, kind, _) in _KINDS.items():
            if name != _LAST:
                values = times if name == "times" else getattr(motion, name)
                file.seek(len(head) + offsets[name][0])
                file.write(np.ascontiguousarray(values, kind).tobytes())


def read_motion(path: Path, *, own: bool = False) -> MotionFile:
    """A stored motion, every number of it checked. ``own``: a file of a job, without consent.

    Raises:
        WeightsError: missing, a pickle, damaged, of other shapes or sizes, numbers that are none
            or that no head can have, or without the hash of a consent record.
    """
    if not path.is_file():
        raise WeightsError("no such motion file", path)
    refuse_pickles(path)
    try:
        with safe_open(path, framework="np") as file:
            stored = file.metadata() or {}
            if _FORMAT not in stored:
                raise WeightsError("safetensors, but not a motion", path)
            found = {
                name: (file.get_slice(name).get_dtype(), tuple(file.get_slice(name).get_shape()))
                for name in file.keys()  # noqa: SIM118
            }
            count = _checked_shapes(found)
            arrays = {name: file.get_tensor(name) for name in found if name != _LAST}
        header = json.loads(stored[_FORMAT])
        arrays[_LAST] = _expression(path, count)
        result = _checked(arrays, header, path)
    except (SafetensorError, OSError) as error:
        raise WeightsError("not a safetensors file, or a damaged one", path) from error
    except (KeyError, TypeError, ValueError, ZeroDivisionError, RecursionError) as error:
        said = f"it has no {error.args[0]}" if isinstance(error, KeyError) else str(error)
        raise WeightsError(f"not a motion that can be used: {said[:200]}", path) from error
    if not own and consent_record(result.metadata) is None:
        raise WeightsError("a person's motion without the consent it was extracted under", path)
    return result


def _header(count: int, metadata: Mapping[str, str]) -> tuple[bytes, dict[str, tuple[int, int]]]:
    """What a safetensors file begins with, and where each tensor lies after it."""
    described: dict[str, Any] = {"__metadata__": dict(metadata)}
    offsets = {}
    place = 0
    for name, (code, kind, shape) in _KINDS.items():
        size = count * math.prod(shape) * np.dtype(kind).itemsize
        offsets[name] = place, place + size
        described[name] = {"dtype": code, "shape": [count, *shape], "data_offsets": offsets[name]}
        place += size
    text = json.dumps(described).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, offsets


def _checked_shapes(found: Mapping[str, tuple[str, tuple[int, ...]]]) -> int:
    """How many frames there are; ValueError where the tensors are not those of a motion."""
    if set(found) != set(_KINDS):
        raise ValueError("it holds other tensors")
    count = (found["times"][1] or (0,))[0]
    if not 0 < count <= _MOST_FRAMES:
        raise ValueError(f"it has {count} frames")
    for name, (code, _, shape) in _KINDS.items():
        if found[name] != (code, (count, *shape)):
            raise ValueError(f"{name} is {found[name]}, not {(code, (count, *shape))}")
    return count


def _expression(path: Path, count: int) -> DiskRows:
    """The displacements, left where they are; the library has checked that they are there."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > _HEADER_LIMIT:
            raise ValueError("its header is too long")
        place = json.loads(file.read(length))[_LAST]["data_offsets"][0]
    return DiskRows(path, (count, MESH_POINTS, 3), "<f2", 8 + length + int(place))


def _fraction(text: str) -> Fraction:
    """From "1/25"; ValueError for other forms: "1e999999999" would take hours and all memory."""
    if not re.fullmatch(r"\d{1,20}(/\d{1,20})?", text):
        raise ValueError("its clock cannot be")
    return Fraction(text)


def _checked(arrays: dict[str, Any], header: dict[str, Any], path: Path) -> MotionFile:
    times, expression = arrays.pop("times"), arrays[_LAST]
    for name, values in arrays.items():
        most = _LIMITS.get(name, np.inf)
        for first in range(0, len(values), _BLOCK):
            part = values[first : first + _BLOCK]
            if not np.isfinite(part).all() or np.abs(part).max() > most:
                raise ValueError(f"{name} holds what no head can do")
    rotation, scale = arrays["rotation"], arrays["scale"]
    straight = rotation @ rotation.transpose(0, 2, 1) - np.eye(3, dtype=np.float32)
    if np.abs(straight).max() > 1e-3 or (np.linalg.det(rotation) < 0).any():
        raise ValueError("rotation holds what is no rotation")
    if (scale < 0.01).any() or (scale > 100).any():
        raise ValueError("scale holds what no head can do")
    seen, cut = (arrays[name].astype(bool) for name in ("seen", "cut"))
    if not seen.any() or not cut[0]:
        raise ValueError("it has no frame with a face, or no beginning")
    end = header["end"]
    time_base, rate = _fraction(header["time_base"]), _fraction(header["rate"])
    rising = bool((np.diff(times) > 0).all())
    if not isinstance(end, int) or not rising or not int(times[-1]) < end < 2**62:
        raise ValueError("its times do not rise")
    if not Fraction(1, 10**9) <= time_base <= 1000 or not 0 <= rate <= 10**6:
        raise ValueError("its clock cannot be")
    if int(times[0]) < -(2**62) or max(time_base.denominator, rate.denominator) > 10**9:
        raise ValueError("its clock cannot be")
    if not isinstance(header["metadata"], dict):
        raise ValueError("nothing is said of where it is from")
    motion = HeadMotion(rotation, scale, arrays["shift"], expression, arrays["gauges"], seen, cut)
    return MotionFile(motion, times, end, time_base, rate, header["metadata"], path, sha256(path))
