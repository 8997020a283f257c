"""Load weights by name or path, ready to run on an engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from torch import Tensor

from avsynth.errors import WeightsError
from avsynth.weights import engine as engines
from avsynth.weights import file as files
from avsynth.weights import manifest
from avsynth.weights.architectures import DISCRIMINATORS, example_batch


class LoadedModel:
    """A network with its weights, ready to run: ``model(batch) -> batch`` on CPU tensors.

    ``name``, ``kind``, ``config``, ``metadata`` (what the card says, as data), ``sha256`` and
    ``path`` of the file, ``purpose`` ("commercial" or "research"; files without a word about it
    count as research), ``extras`` (tensors beside the network's) and ``engine`` (its name).
    """

    def __init__(self, name: str, source: files.WeightsFile, engine: engines.Engine) -> None:
        self.name = name
        self.kind = source.kind
        self.config: BaseModel = source.config
        self.metadata: dict[str, Any] = source.metadata
        self.sha256 = source.sha256
        self.path = source.path
        self.purpose: str = source.metadata.get("purpose", "research")
        self.extras: dict[str, Tensor] = source.extras
        self._run = engine

    @property
    def engine(self) -> str:
        """Name of the engine that runs it."""
        return self._run.name

    @property
    def precision(self) -> str:
        """What the engine computes in: "float32" or "bfloat16"."""
        return self._run.precision

    def __call__(self, batch: Mapping[str, Tensor]) -> engines.Batch:
        """Run the network; CPU tensors in, CPU float32 tensors out."""
        return self._run(batch)


def load(
    name_or_path: str | os.PathLike[str], engine: str = "auto", device: str = "cpu",
    *, callers: int = 1, runs: int = 0,
) -> LoadedModel:  # fmt: skip
    """Weights by manifest name, or by the path of a safetensors file.

    ``engine`` "auto", "torch" or "openvino"; ``device`` "cpu", "cuda" or "cuda:N"; ``callers`` and
    ``runs`` as ``engine.prepare`` has them. A name's hash is checked against the manifest.
    WeightsError: unknown, missing, changed, a pickle, damaged.
    """
    name, path, digest = locate(name_or_path)
    source = files.read(path, digest)
    return make_ready(name, source, engine, device, callers=callers, runs=runs)


def read(name_or_path: str | os.PathLike[str]) -> files.WeightsFile:
    """Weights by name or path as a torch module: discriminators, and what is trained further.

    WeightsError as for ``load``.
    """
    _, path, digest = locate(name_or_path)
    return files.read(path, digest)


def locate(name_or_path: str | os.PathLike[str]) -> tuple[str, Path, str | None]:
    """Name, file and, where the manifest knows it, hash of weights; WeightsError if unknown."""
    text = os.fspath(name_or_path)
    a_file = text.endswith((".safetensors", ".pt", ".pth", ".bin", ".ckpt"))
    if a_file or "/" in text or os.sep in text:
        return Path(text).stem, Path(text), None
    entry = manifest.find(text)
    return entry.name, entry.path, entry.sha256


def make_ready(
    name: str, source: files.WeightsFile, engine: str = "auto", device: str = "cpu",
    *, callers: int = 1, runs: int = 0,
) -> LoadedModel:  # fmt: skip
    """A network that was read, ready to run; see ``load``. WeightsError for a discriminator."""
    if source.kind in DISCRIMINATORS:
        raise WeightsError(f"weights of kind {source.kind!r} judge; they make nothing", source.path)
    example = example_batch(source.kind, source.config)
    prepared = engines.prepare(
        source.network, example, engine, device, callers=callers, runs=runs
    )  # fmt: skip
    return LoadedModel(name, source, prepared)
