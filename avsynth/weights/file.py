"""One weights file: safetensors with the config, kind and card data as JSON in its metadata."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from avsynth.errors import WeightsError
from avsynth.weights.architectures import build

_FORMAT = "avsynth-weights-1"
_NETWORK = "network."
# What building a network of a stranger's config, and putting numbers into it, may end in.
_MISFITS = (KeyError, IndexError, TypeError, ValueError, RuntimeError, ArithmeticError,
            AssertionError)  # fmt: skip


@dataclass(frozen=True)
class WeightsFile:
    """What a file holds: the network (float32, eval mode), its config, other tensors, metadata."""

    path: Path
    sha256: str
    kind: str
    config: BaseModel
    network: nn.Module
    extras: dict[str, Tensor]
    metadata: dict[str, Any]


def sha256(path: Path) -> str:
    """Hash of a file's bytes, lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(
    path: Path,
    kind: str,
    network: nn.Module,
    config: BaseModel,
    extras: dict[str, Tensor],
    metadata: dict[str, Any],
) -> str:
    """Store ``network`` in half precision and ``extras`` as they are; returns the file's hash.

    ``metadata`` (JSON) says what a card says: data, licences, purpose, version, steps, seed.
    """
    tensors = {
        f"{_NETWORK}{name}": value.half().contiguous() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    tensors |= {name: value.contiguous() for name, value in extras.items()}
    header = {"kind": kind, "config": config.model_dump(mode="json"), "metadata": metadata}
    path.parent.mkdir(parents=True, exist_ok=True)
    # A single key: safetensors writes several in random order, and equal runs give equal files.
    # Written by us: a full disk is then an OSError, which everybody understands.
    path.write_bytes(save(tensors, {_FORMAT: json.dumps(header, sort_keys=True)}))
    return sha256(path)


def read(path: Path, expected_sha256: str | None = None) -> WeightsFile:
    """Check and read a file. WeightsError: missing, a pickle, damaged, unknown, wrong hash.

    The hash is checked before anything in the file is interpreted.
    """
    if not path.is_file():
        raise WeightsError("no such weights file", path)
    refuse_pickles(path)
    digest = sha256(path)
    if expected_sha256 is not None and digest != expected_sha256:
        raise WeightsError(
            f"wrong hash: sha256 {digest[:12]}..., expected {expected_sha256[:12]}...",
            path,
            "the file was changed or damaged: install it again",
        )
    try:
        # Not "pt": Ctrl-C in torch.asarray's first call is lost and comes out as a ValueError.
        with safe_open(path, framework="np") as file:
            stored = file.metadata() or {}
            tensors = {name: torch.from_numpy(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise WeightsError("not a safetensors file, or a damaged one", path) from error
    if _FORMAT not in stored:
        raise WeightsError("safetensors, but not weights of this toolkit", path)
    try:
        header = _header(stored[_FORMAT])
        config, network = build(header["kind"], header["config"])
        state = {
            name.removeprefix(_NETWORK): value.float() if value.is_floating_point() else value
            for name, value in tensors.items()
            if name.startswith(_NETWORK)
        }
        network.load_state_dict(state)
    except _MISFITS as error:
        raise WeightsError(
            f"weights do not fit their config: {_first_line(error)}", path
        ) from error
    except WeightsError as error:
        raise WeightsError(error.what, path, error.hint) from error
    extras = {name: value for name, value in tensors.items() if not name.startswith(_NETWORK)}
    network.eval().requires_grad_(False)
    return WeightsFile(path, digest, header["kind"], config, network, extras, header["metadata"])


def _header(text: str) -> dict[str, Any]:
    """What is said of the tensors; ValueError, KeyError or RecursionError where it is no header."""
    header = json.loads(text)
    wanted = {"kind": str, "config": dict, "metadata": dict}
    for name, kind in wanted.items():
        if not isinstance(header, dict) or not isinstance(header[name], kind):
            raise ValueError("its header is not that of weights")
    return dict(header)


def refuse_pickles(path: Path) -> None:
    """WeightsError for a pickle: it can run any program when it is opened, so it is not opened."""
    with path.open("rb") as file:
        start = file.read(9)
    # A header of 640 bytes begins as a pickle does; what it is follows in the ninth byte.
    if start[8:] == b"{" and int.from_bytes(start[:8], "little") <= path.stat().st_size:
        return
    # Zip (torch.save since 1.6), a bare pickle of protocol 2 to 5, or a tar of old.
    if start[:4] == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05"):
        raise WeightsError("a pickle, which could run any program", path, "use safetensors")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
