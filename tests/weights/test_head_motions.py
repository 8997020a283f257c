"""Motion files: what is written is read, a stranger's file is looked at hard."""

from __future__ import annotations

import functools
import json
import pickle
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from avsynth.errors import WeightsError
from avsynth.face.alignment import _TEMPLATE as GENERIC_TEMPLATE
from avsynth.face.driving import measure
from avsynth.face.mesh import MESH_POINTS, RIGID
from avsynth.face.rows import DiskRows
from avsynth.weights.head_motions import read_motion, write_motion

FRAMES = 700  # more than are worked on at once
META = {"consent": {"record_sha256": "ab" * 32}, "source_sha256": "cd" * 32}
Tensors = dict[str, NDArray[Any]]


@functools.cache
def points() -> NDArray[np.float32]:
    """A made-up face that wanders and talks; unseen for a while."""
    rng = np.random.default_rng(0)
    shape = rng.uniform(-0.6, 0.6, (MESH_POINTS, 3))
    shape[list(RIGID)] = GENERIC_TEMPLATE
    t = np.linspace(0, 20, FRAMES)[:, None, None]
    moved = shape + 0.02 * np.sin(t + rng.uniform(0, 6, (MESH_POINTS, 3)))
    found = (100 * moved + 200 + 10 * np.sin(t)).astype(np.float32)
    found[300:320] = np.nan
    return found


def write(path: Path, metadata: dict[str, Any] = META) -> Path:
    times = np.arange(FRAMES, dtype=np.int64) * 3 + 7
    end = int(times[-1]) + 3
    write_motion(path, points(), [400], times, end, Fraction(1, 75), Fraction(25), metadata)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    stored = read_motion(write(tmp_path / "m.safetensors"))
    whole = measure(points(), [400])
    for name in ("rotation", "scale", "shift", "gauges", "seen", "cut"):
        assert np.allclose(getattr(stored.motion, name), getattr(whole, name), atol=1e-6), name
    halved = stored.motion.expression[:]
    assert halved.dtype == np.float16 and np.abs(halved - whole.expression[:]).max() < 1e-3
    assert stored.times[5] == 22 and stored.end == int(stored.times[-1]) + 3
    assert (stored.time_base, stored.rate) == (Fraction(1, 75), Fraction(25))
    assert stored.metadata == META
    assert stored.motion.outcomes() == whole.outcomes()


def test_it_is_plain_safetensors_without_the_shape_of_the_face(tmp_path: Path) -> None:
    tensors = load_file(write(tmp_path / "m.safetensors"))
    assert set(tensors) == {
        "times", "rotation", "scale", "shift", "gauges", "seen", "cut", "expression"
    }  # fmt: skip
    measured = tensors["expression"][tensors["seen"] > 0].astype(np.float64)
    # Displacements about the mean: the mean itself, the face, is nowhere. (Frames in which motion
    # eases back in are not the measured ones.)
    assert np.abs(measured.mean(axis=0)).max() < 1e-3


def test_equal_motions_make_equal_files(tmp_path: Path) -> None:
    a, b = (write(tmp_path / name).read_bytes() for name in ("a.safetensors", "b.safetensors"))
    assert a == b


def test_it_belongs_to_a_consent_record(tmp_path: Path) -> None:
    path = write(tmp_path / "m.safetensors", {})
    with pytest.raises(WeightsError, match="without the consent"):
        read_motion(path)
    assert len(read_motion(path, own=True).times) == FRAMES


def spoiled(tensors: Tensors, name: str, change: Callable[[NDArray[Any]], object]) -> Tensors:
    changed = dict(tensors)
    changed[name] = np.array(tensors[name])
    found = change(changed[name])
    if isinstance(found, np.ndarray):
        changed[name] = found
    return changed


def put(where: Any, value: float) -> Callable[[NDArray[Any]], object]:
    return lambda values: values.__setitem__(where, value)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("rotation", put((3, 0, 0), np.nan)),
        ("rotation", put((3, 0, 0), 5.0)),
        ("rotation", lambda r: r * np.array([1, 1, -1], np.float32)),
        ("scale", put(2, -1.0)),
        ("scale", put(2, 1e9)),
        ("shift", put((2, 0), np.inf)),
        ("gauges", put((2, 0), 1e6)),
        ("expression", put((600, 5, 1), np.nan)),
        ("expression", put((600, 5, 1), 6e4)),
        ("expression", lambda e: e.astype(np.float32)),
        ("expression", lambda e: e[:, :468]),
        ("expression", lambda e: e[:-1]),
        ("times", put(9, 0)),
        ("times", lambda t: t[:0]),
        ("seen", lambda s: s * 0),
        ("cut", lambda c: c * 0),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    name: str, change: Callable[[NDArray[Any]], object], tmp_path: Path
) -> None:
    path = write(tmp_path / "m.safetensors")
    text = path.read_bytes()
    (length,) = struct.unpack("<Q", text[:8])
    metadata = json.loads(text[8 : 8 + length])["__metadata__"]
    save_file(spoiled(load_file(path), name, change), path, metadata)
    with pytest.raises(WeightsError):
        read_motion(path)


@pytest.mark.parametrize(
    "header",
    [
        {"end": 1},
        {"end": "x"},
        {"end": None},
        {"time_base": "0"},
        {"time_base": "1/0"},
        {"time_base": "-1/25"},
        {"time_base": "1/999999999999999999999"},
        {"rate": "nan"},
        {"rate": "1e99"},
        {"metadata": [1]},
        {"metadata": {"consent": 5}},
    ],
)
def test_headers_that_cannot_be_are_refused(header: dict[str, Any], tmp_path: Path) -> None:
    path = write(tmp_path / "m.safetensors")
    text = path.read_bytes()
    (length,) = struct.unpack("<Q", text[:8])
    metadata = json.loads(text[8 : 8 + length])["__metadata__"]
    [key] = metadata
    said = json.loads(metadata[key]) | header
    save_file(load_file(path), path, {key: json.dumps(said)})
    with pytest.raises(WeightsError):
        read_motion(path)


def test_what_is_no_motion_is_refused(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    path = tmp_path / "m.safetensors"
    whole = write(path).read_bytes()
    for data in (b"", b"x" * 100, pickle.dumps(Bomb()), whole[:-9], whole + b"12345678",
                 struct.pack("<Q", 2**40) + b"{}"):  # fmt: skip
        path.write_bytes(data)
        with pytest.raises(WeightsError):
            read_motion(path)
    save_file({"x": np.zeros(3)}, path)
    with pytest.raises(WeightsError, match="not a motion"):
        read_motion(path)
    with pytest.raises(WeightsError, match="no such"):
        read_motion(tmp_path / "none.safetensors")
    assert not (tmp_path / "exploded").exists()


def test_rows_on_disk_are_an_array(tmp_path: Path) -> None:
    values = np.arange(60, dtype=np.float16).reshape(10, 2, 3)
    path = tmp_path / "rows"
    path.write_bytes(b"head" + values.tobytes())
    rows = DiskRows(path, (10, 2, 3), np.float16, 4, writable=True)
    assert np.array_equal(rows[2:5], values[2:5]) and np.array_equal(rows[9], values[9])
    assert len(rows[20:30]) == 0 and len(rows) == 10
    rows[3] = np.ones((2, 3))
    rows[4:6] = 7.0
    rows.close()
    again = np.frombuffer(path.read_bytes()[4:], np.float16).reshape(10, 2, 3)
    assert (
        (again[3] == 1).all() and (again[4:6] == 7).all() and np.array_equal(again[6:], values[6:])
    )
    reader = DiskRows(path, (10, 2, 3), np.float16, 4)
    with pytest.raises(IndexError):
        reader[10]
    with pytest.raises(ValueError, match="one after the other"):
        reader[::2]
