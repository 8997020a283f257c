"""What a report says of the file itself: container, streams, kind, versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import avsynth
from avsynth.media import MediaInfo

_LIBRARIES: Final = ("av", "numpy", "opencv-python", "mediapipe", "torch", "openvino")
_PICTURES: Final = {"gif", "apng"}  # formats that hold one picture, or moving ones

Kind = Literal["video", "sound", "picture"]


def kind_of(info: MediaInfo, frames: int) -> Kind:
    """What a file is, once its ``frames`` have been counted."""
    if info.video is None:
        return "sound"
    pictures = info.container.endswith("_pipe") or info.container in _PICTURES
    return "picture" if frames <= 1 and pictures and not info.audio else "video"


def properties(info: MediaInfo, state: os.stat_result, notes: list[str]) -> dict[str, Any]:
    """Of container and streams, JSON-ready; ``modified_ns`` is the file's time of change.

    ``notes`` are what a reader should know of how the file could be read, a sentence each.
    """
    found = {name: value for name, value in info.as_dict().items() if name != "path"}
    if info.video is not None:
        found["video"].pop("mastering")
    return found | {"modified_ns": state.st_mtime_ns, "notes": list(notes)}


@cache
def versions() -> dict[str, str]:
    """Of the package, and of the libraries that a score may depend on."""
    found = {"avsynth": avsynth.__version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def stated_length(info: MediaInfo) -> float | None:
    """Seconds that the file claims to last; None where it claims nothing, as pictures do."""
    lengths = [info.duration, info.video.duration if info.video else None]
    lengths += [sound.duration for sound in info.audio[:1]]
    known = [float(length) for length in lengths if length]
    return max(known) if known else None


def same_file(path: Path, before: os.stat_result) -> bool:
    """True when the file is as it was: there, of the same size and time of change."""
    try:
        now = path.stat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
