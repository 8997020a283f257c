"""Timing tables: whole commands in processes of their own, on media made from the demo person.

Start-up (interpreter, imports, loading of networks) is what the process took beyond the stages
that the report times. Absolute figures depend on the machine; the table names it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np

from avsynth.errors import AvsynthError, UsageError
from avsynth.media import EncoderSettings, Writer, read_audio, read_frames, video_like
from avsynth.pipelines.demonstrate import demo_media
from avsynth.provenance import consent as consents
from avsynth.provenance.records import Nearest


@dataclass(frozen=True)
class Scene:
    """A video to be made for the bench."""

    name: str
    width: int
    height: int
    rate: Fraction
    seconds: int


SCENES = (
    Scene("360x288 25 fps", 360, 288, Fraction(25), 60),
    Scene("1080p 30 fps", 1920, 1080, Fraction(30), 60),
)
LONG = Scene("1080p 30 fps, 10 min", 1920, 1080, Fraction(30), 600)


def bench_dub(scenes: tuple[Scene, ...], engine: str = "auto") -> dict[str, Any]:
    """Dub each scene in a process of its own.

    Returns:
        ``machine`` and ``rows``, each with name, frames, frames_per_second, realtime_factor,
        peak_memory_mb, startup_s and stages (seconds).

    Raises:
        AvsynthError: a dub failed.
    """
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="avsynth-bench-") as folder,
        mock.patch.dict(os.environ, {"AVSYNTH_HOME": str(Path(folder) / "home")}),
    ):
        for scene in scenes:
            video, speech = Path(folder) / "scene.mp4", Path(folder) / "speech.wav"
            make_scene(scene, video, speech)
            rows.append(_timed(scene, video, speech, Path(folder), engine))
    return {"machine": machine(), "rows": rows}


def machine() -> str:
    """Processor and core count, for the head of a table."""
    info = Path("/proc/cpuinfo")
    names = [
        line.split(":", 1)[1].strip()
        for line in (info.read_text().splitlines() if info.exists() else [])
        if line.startswith("model name")
    ]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def make_scene(scene: Scene, video: Path, speech: Path) -> None:
    """The demo person, repeated and scaled to a size, and the demo line, repeated."""
    person, line = demo_media()
    like = video_like(scene.width, scene.height, scene.rate)
    frames = [frame.rgb() for frame in read_frames(person)]
    # Forwards and backwards in turn, so that no cut ends the track.
    order = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    with Writer(video, like, EncoderSettings.for_source(like)) as writer:
        for number in range(int(scene.seconds * scene.rate)):
            shown = frames[order[int(number * 25 / scene.rate) % len(order)]]
            writer.write(_fitted(shown, scene.width, scene.height))
    samples = np.concatenate([chunk.samples for chunk in read_audio(line, 16000)])
    with Writer(speech, audio_rate=16000) as writer:
        for _ in range(-(-scene.seconds * 16000 // len(samples))):
            writer.write_audio(samples)


def _fitted(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scaled to the height, centred, on a grey ground."""
    factor = height / rgb.shape[0]
    scaled = cv2.resize(rgb, (round(rgb.shape[1] * factor), height), interpolation=cv2.INTER_CUBIC)
    if scaled.shape[1] >= width:
        left = (scaled.shape[1] - width) // 2
        return np.ascontiguousarray(scaled[:, left : left + width])
    left = (width - scaled.shape[1]) // 2
    right = width - scaled.shape[1] - left
    return np.pad(scaled, ((0, 0), (left, right), (0, 0)), constant_values=96)


def _timed(scene: Scene, video: Path, speech: Path, folder: Path, engine: str) -> dict[str, Any]:
    record = consents.new_synthetic(
        "bench", [video], Nearest(distance=1, threshold=0.5, measure="see the demo", compared=1),
        ["benchmark", "commercial"],
    )  # fmt: skip
    consent = folder / "consent.json"
    consents.save(consents.sign(record), consent)
    command = [
        sys.executable, "-m", "avsynth", "dub", str(video), "--audio", str(speech), "--consent",
        str(consent), "--engine", engine, "-o", str(folder / "dubbed.mp4"), "--json",
    ]  # fmt: skip
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - started
    if done.returncode:
        error = AvsynthError(f"the benchmark's dub failed: {done.stderr.strip()[-300:]}")
        raise error
    report = json.loads(done.stdout)
    stages = {n: s for n, s in report["stage_seconds"].items() if n != "networks"}
    busy = sum(stages.values())
    return {
        "name": scene.name,
        "frames": report["frames"],
        "frames_per_second": round(report["frames"] / busy, 1),
        "realtime_factor": round(report["seconds"] / busy, 2),
        "peak_memory_mb": round(report["peak_memory_mb"]),
        "startup_s": round(wall - busy, 2),
        "stages": {name: round(value, 2) for name, value in stages.items()},
    }


def scenes_named(names: list[str], seconds: int | None, long: bool) -> tuple[Scene, ...]:
    """The scenes asked for: all of ``SCENES`` by default, for ``seconds``, and the long one.

    Raises:
        UsageError: an unknown name.
    """
    known = {scene.name.split()[0]: scene for scene in SCENES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"no scene is called {unknown[0]!r}", hint=f"there are {', '.join(known)}")
    chosen = [known[name] for name in names or known]
    if seconds is not None:
        chosen = [Scene(s.name, s.width, s.height, s.rate, seconds) for s in chosen]
    return (*chosen, LONG) if long else tuple(chosen)
