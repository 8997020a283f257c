"""Timing tables of voice conversion: whole commands, how memory grows, and the parts.

Whole conversions run in processes of their own on the demo's line, repeated, in the voice of the
demo person. ``processor_factor`` is processor seconds, start-up included, for each second of sound:
other work on the machine moves it less than ``realtime_factor``, which is of wall time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from avsynth.bench.dubs import machine
from avsynth.errors import AvsynthError
from avsynth.media import Writer, read_audio
from avsynth.models.listening import listen
from avsynth.pipelines.demonstrate import demo_consent, demo_media
from avsynth.speech.pitch_track import pitch_track
from avsynth.weights.architectures import example_batch
from avsynth.weights.registry import LoadedModel
from avsynth.weights.voice_engines import ConversionModels, load_voice_engine

Row = dict[str, Any]

_RATE = 16_000
_PART_SECONDS = 20


def bench_convert(
    minutes: Sequence[float] = (1.0, 10.0), weights: str | None = None, engine: str = "auto"
) -> dict[str, Any]:
    """Convert sound of several lengths, each in a process of its own; then time the parts.

    Args:
        minutes: lengths, shortest first.
        weights: as for ``convert``: "world", a name or a file; default the best there is.
        engine: "auto", "torch" or "openvino".

    Returns:
        ``machine``; ``rows``, one a length, with engine, seconds, realtime_factor,
        processor_factor, peak_memory_mb and stages (seconds); ``growth_mb``, by how much the peak
        of the longest is above that of the shortest; ``parts``, see ``time_parts``.

    Raises:
        AvsynthError: a conversion failed.
    """
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="avsynth-bench-") as folder,
        mock.patch.dict(os.environ, {"AVSYNTH_HOME": str(Path(folder) / "home")}),
    ):
        record = Path(folder) / "consent.json"
        demo_consent(record)
        for length in minutes:
            source = Path(folder) / "speech.wav"
            _write_speech(source, round(60 * length))
            rows.append(_timed(source, record, weights, engine))
    growth = rows[-1]["peak_memory_mb"] - rows[0]["peak_memory_mb"]
    return {
        "machine": machine(),
        "rows": rows,
        "growth_mb": round(growth, 1),
        "parts": time_parts(load_voice_engine(weights, "commercial", engine)),
    }


def time_parts(models: ConversionModels) -> dict[str, dict[str, float]]:
    """Parts by name: seconds for each second of sound, on one and two threads.

    On one thread processor seconds, which other work on the machine moves little; on two, wall.
    """
    import torch

    samples = _speech(_PART_SECONDS)
    parts: dict[str, Callable[[], object]] = {
        "pitch": lambda: pitch_track(samples),
        "listening, pitch included": lambda: listen([samples]),
    }
    lengths = dict.fromkeys(parts, float(_PART_SECONDS))
    for model in models.loaded:
        batch = example_batch(model.kind, model.config)
        frames = batch["pitch"].shape[1]
        parts[f"network {model.name}"] = _run(model, batch)
        lengths[f"network {model.name}"] = frames / 100
        if model.kind == "vocoder":
            parts[f"{model.name}, synthesis included"] = _synthesis(model)
            lengths[f"{model.name}, synthesis included"] = float(_PART_SECONDS)
    before = torch.get_num_threads()
    found: dict[str, dict[str, float]] = {name: {} for name in parts}
    clocks = {"one_thread": time.process_time, "two_threads": time.perf_counter}
    for threads, (words, clock) in enumerate(clocks.items(), start=1):
        torch.set_num_threads(threads)
        for name, run in parts.items():
            found[name][words] = round(_best(run, clock) / lengths[name], 4)
    torch.set_num_threads(before)
    return found


def _run(model: LoadedModel, batch: Any) -> Callable[[], object]:
    return lambda: model(batch)


def _synthesis(model: LoadedModel) -> Callable[[], object]:
    from avsynth.models.synthesis import StreamingVocoder

    steps = 100 * _PART_SECONDS
    mel = np.random.default_rng(0).normal(-4, 1, (80, steps)).astype(np.float32)
    pitch = np.full(steps, 150.0, np.float32)

    def made() -> None:
        vocoder = StreamingVocoder(model)
        vocoder.push(mel, pitch)
        vocoder.flush()

    return made


def _best(run: Callable[[], object], clock: Callable[[], float], times: int = 3) -> float:
    """Seconds by ``clock`` of the quickest of some runs, after one that warms up."""
    run()
    found = []
    for _ in range(times):
        began = clock()
        run()
        found.append(clock() - began)
    return min(found)


def _speech(seconds: int) -> NDArray[np.float32]:
    _, line = demo_media()
    samples = np.concatenate([chunk.samples for chunk in read_audio(line, _RATE)])
    return np.resize(samples, seconds * _RATE)


def _write_speech(path: Path, seconds: int) -> None:
    """The demo line, over and over."""
    minute = _speech(60)
    with Writer(path, audio_rate=_RATE) as writer:
        for first in range(0, seconds, 60):
            writer.write_audio(minute[: (seconds - first) * _RATE])


def _timed(source: Path, record: Path, weights: str | None, engine: str) -> Row:
    person, _ = demo_media()
    chosen = [] if weights is None else ["--weights", weights]
    command = [
        sys.executable, "-m", "avsynth", "convert", str(source), "--to", str(person), "--consent",
        str(record), *chosen, "--engine", engine, "-o", str(source.with_name("converted.wav")),
        "--json",
    ]  # fmt: skip
    before = _processor_s()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        error = AvsynthError(f"the benchmark's conversion failed: {done.stderr.strip()[-300:]}")
        raise error
    report = json.loads(done.stdout)
    return {
        "engine": report["sound"]["engine"],
        "seconds": report["seconds"],
        "realtime_factor": round(report["sound"]["realtime_factor"], 4),
        "processor_factor": round((_processor_s() - before) / report["seconds"], 4),
        "peak_memory_mb": round(report["peak_memory_mb"], 1),
        "stages": {name: round(value, 2) for name, value in report["stage_seconds"].items()},
    }


def _processor_s() -> float:
    """Seconds that finished processes started by this one have computed, on all cores together."""
    used = os.times()
    return used.children_user + used.children_system
