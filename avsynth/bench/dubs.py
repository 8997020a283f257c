"""Timing tables: whole commands in processes of their own, on media made from the demo person.

Start-up (interpreter, imports, loading of networks) is what the process took beyond the stages
that the report times. Absolute figures depend on the machine; the table names it.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from avsynth.bench.generator import bench_generator
from avsynth.bench.scenes import Scene, make_scene
from avsynth.errors import AvsynthError
from avsynth.provenance import consent as consents
from avsynth.provenance.records import Nearest

Row = dict[str, Any]

_QUALITIES = ("fast", "best")


def bench_dub(
    scenes: Sequence[Scene], engine: str = "auto", weights: Sequence[str] = (), rounds: int = 1
) -> dict[str, Any]:
    """Dub each scene, fast and best in turn, ``rounds`` times, each in a process of its own.

    Args:
        scenes: what to dub.
        engine: "auto", "torch" or "openvino".
        weights: networks for "best", as for ``dub``.
        rounds: the rows are those of the quickest; the ratios are medians over rounds.

    Returns:
        ``machine``; ``rows``, one a scene and quality, each with name, quality, renderer, frames,
        frames_per_second, realtime_factor, peak_memory_mb, startup_s, processor_s (of the whole
        process, all cores) and stages (seconds); ``best_to_fast``, a scene's frames_per_second
        and processor_s of best as shares of those of fast; ``generator``, see ``bench_generator``.

    Raises:
        AvsynthError: a dub failed.
    """
    rows: list[Row] = []
    ratios: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory(prefix="avsynth-bench-") as folder,
        mock.patch.dict(os.environ, {"AVSYNTH_HOME": str(Path(folder) / "home")}),
    ):
        for scene in scenes:
            video, speech = Path(folder) / "scene.mp4", Path(folder) / "speech.wav"
            make_scene(scene, video, speech)
            done: dict[str, list[Row]] = {quality: [] for quality in _QUALITIES}
            for number in range(rounds):
                # In turn, so that what else the machine does falls on both.
                for quality in _QUALITIES if number % 2 == 0 else reversed(_QUALITIES):
                    chosen = weights if quality == "best" else ()
                    options = _options(quality, engine, chosen)
                    done[quality].append(_timed(scene, quality, video, speech, options))
            rows += [max(done[q], key=lambda row: row["frames_per_second"]) for q in _QUALITIES]
            ratios.append({"name": scene.name} | _ratios(done["fast"], done["best"]))
    return {
        "machine": machine(),
        "rows": rows,
        "best_to_fast": ratios,
        "generator": bench_generator(engine, weights),
    }


def _ratios(fast: list[Row], best: list[Row]) -> dict[str, float]:
    return {
        field: round(
            statistics.median(b[field] / f[field] for f, b in zip(fast, best, strict=True)), 3
        )
        for field in ("frames_per_second", "processor_s")
    }


def machine() -> str:
    """Processor and core count, for the head of a table."""
    info = Path("/proc/cpuinfo")
    names = [
        line.split(":", 1)[1].strip()
        for line in (info.read_text().splitlines() if info.exists() else [])
        if line.startswith("model name")
    ]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def _options(quality: str, engine: str, weights: Sequence[str]) -> list[str]:
    named = [part for name in weights for part in ("--weights", name)]
    return ["--quality", quality, "--engine", engine, *named]


def _timed(scene: Scene, quality: str, video: Path, speech: Path, options: list[str]) -> Row:
    folder = video.parent
    record = consents.new_synthetic(
        "bench", [video], Nearest(distance=1, threshold=0.5, measure="see the demo", compared=1),
        ["benchmark", "commercial"],
    )  # fmt: skip
    consent = folder / "consent.json"
    consents.save(consents.sign(record), consent)
    command = [
        sys.executable, "-m", "avsynth", "dub", str(video), "--audio", str(speech), "--consent",
        str(consent), *options, "-o", str(folder / "dubbed.mp4"), "--json",
    ]  # fmt: skip
    before, started = _processor_s(), time.perf_counter()
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
        "quality": quality,
        "renderer": report["renderer"],
        "frames": report["frames"],
        "frames_per_second": round(report["frames"] / busy, 1),
        "realtime_factor": round(report["seconds"] / busy, 2),
        "peak_memory_mb": round(report["peak_memory_mb"]),
        "startup_s": round(wall - busy, 2),
        "processor_s": round(_processor_s() - before, 2),
        "stages": {name: round(value, 2) for name, value in stages.items()},
    }


def _processor_s() -> float:
    """Seconds that finished processes started by this one have computed, on all cores together."""
    used = os.times()
    return used.children_user + used.children_system
