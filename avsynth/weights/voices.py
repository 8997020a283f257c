"""A voice as a file: safetensors with a few hundred numbers, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from avsynth.errors import WeightsError
from avsynth.models.voice_print import Voice
from avsynth.speech.pitch_track import PitchStatistics
from avsynth.weights.file import refuse_pickles, sha256
from avsynth.weights.subject import consent_record

_FORMAT = "avsynth-voice-1"
_SHAPES = {"embedding": (128,), "spectrum_mean": (80,), "spectrum_std": (80,), "pitch": (3,)}
_LARGEST = 1 << 20  # bytes: a voice takes three thousand and what is said of it
_RANGES = {"seconds": (0.0, 1e7), "spread": (0.0, 2.0)}


def write_voice(path: Path, voice: Voice, metadata: Mapping[str, Any]) -> str:
    """Store ``voice``; returns the file's hash.

    Args:
        path: a .safetensors file; overwritten.
        voice: what is stored.
        metadata: JSON. Of a person: ``consent`` with ``record_sha256``, without which the file
            could not be read, and ``references``, the hashes of what was heard. Of nobody:
            ``imagined`` with ``seed``, ``distance`` and how that was measured.
    """
    pitch = voice.pitch
    tensors = {
        "embedding": voice.embedding,
        "spectrum_mean": voice.spectrum_mean,
        "spectrum_std": voice.spectrum_std,
        "pitch": np.array([pitch.mean, pitch.std, pitch.voiced]),
    }
    header = {
        "seconds": voice.seconds,
        "spread": voice.spread,
        "synthetic": voice.synthetic,
        "encoder": voice.encoder,
        "metadata": dict(metadata),
    }
    stored = {name: np.ascontiguousarray(value, np.float32) for name, value in tensors.items()}
    # A single key: safetensors writes several in random order, and equal voices give equal files.
    # Written by us: a full disk is then an OSError, which everybody understands.
    header_text = json.dumps(header, sort_keys=True, allow_nan=False)
    path.write_bytes(save(stored, {_FORMAT: header_text}))
    return sha256(path)


def read_voice(path: Path) -> tuple[Voice, dict[str, Any]]:
    """A stored voice and what is said of it.

    Raises:
        WeightsError: missing, not a file of a voice, a pickle, damaged, numbers of another shape
            or none at all, or a person's voice without the hash of the consent record that it was
            enrolled under.
    """
    if not path.is_file():
        raise WeightsError("no such voice file", path)
    refuse_pickles(path)
    if path.stat().st_size > _LARGEST:
        raise WeightsError("too large for a voice", path)
    try:
        with safe_open(path, framework="np") as file:
            stored = file.metadata() or {}
            if _FORMAT not in stored:
                raise WeightsError("safetensors, but not a voice", path)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise WeightsError("not a safetensors file, or a damaged one", path) from error
    try:
        header = json.loads(stored[_FORMAT])
        voice = _voice(tensors, header)
        metadata = dict(header["metadata"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(f"not a voice that can be used: {_said(error)}", path) from error
    if not voice.synthetic and consent_record(metadata) is None:
        raise WeightsError("a person's voice without the consent it was enrolled under", path)
    return voice, metadata


def is_voice_file(path: Path) -> bool:
    """Whether ``path`` is meant as a stored voice rather than as sound, by its name."""
    return path.suffix.lower() == ".safetensors"


def _voice(tensors: Mapping[str, NDArray[Any]], header: Mapping[str, Any]) -> Voice:
    """ValueError, KeyError or TypeError: it cannot be one."""
    if set(tensors) != set(_SHAPES):
        raise ValueError("it holds other tensors")
    for name, shape in _SHAPES.items():
        if tensors[name].shape != shape or tensors[name].dtype != np.float32:
            raise ValueError(f"{name} is not {shape[0]} numbers in single precision")
        if not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} holds what is not a number")
    length = float(np.linalg.norm(tensors["embedding"]))
    if abs(length - 1.0) > 1e-3:
        raise ValueError(f"its embedding has length {length:.3g}, not 1")
    if (tensors["spectrum_std"] < 0).any():
        raise ValueError("spectrum_std is negative")
    mean, std, voiced = (float(value) for value in tensors["pitch"])
    if std < 0 or not 0 <= voiced <= 1 or abs(mean) > 10:
        raise ValueError("pitch is out of range")
    for name, (least, most) in _RANGES.items():
        if not least <= float(header[name]) <= most:
            raise ValueError(f"{name} is out of range")
    if not isinstance(header["synthetic"], bool) or not isinstance(header["encoder"], str):
        raise ValueError("its header is not that of a voice")
    return Voice(
        embedding=tensors["embedding"],
        spectrum_mean=tensors["spectrum_mean"],
        spectrum_std=tensors["spectrum_std"],
        pitch=PitchStatistics(mean, std, voiced),
        seconds=float(header["seconds"]),
        spread=float(header["spread"]),
        synthetic=header["synthetic"],
        encoder=header["encoder"],
    )


def _said(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]}"
    return str(error).partition("\n")[0]
