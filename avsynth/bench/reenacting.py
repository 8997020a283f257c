"""Timing tables of reenactment: whole commands in processes of their own, on the demo person.

The source is a 720p picture, the driver a 720p film. In the same run the driver is also read and
encoded again as it is: what a machine does in that time, busy as it may be, is what reenactment is
to be held against. Start-up is what a process took beyond the stages that its report times.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np

from avsynth.bench.dubs import machine
from avsynth.bench.scenes import Scene, make_scene
from avsynth.errors import AvsynthError
from avsynth.media import EncoderSettings, SegmentWriter, probe, read_frames
from avsynth.provenance import consent as consents
from avsynth.provenance.records import Nearest

Row = dict[str, Any]

_QUALITIES = ("fast", "best")
_WIDTH, _HEIGHT, _RATE = 1280, 720, 25
_NOT_WORK = ("checks", "networks")  # stages that a process does once, whatever it makes
_AFTER = ("measuring",)  # of a part of the output, however long that is


def bench_reenact(
    seconds: Sequence[int], engine: str = "auto", weights: str | None = None, rounds: int = 1
) -> dict[str, Any]:
    """Reenact drivers of several lengths, fast and best in turn, ``rounds`` times.

    Args:
        seconds: lengths, rising.
        engine: "auto", "torch" or "openvino".
        weights: the network for "best", as for ``reenact``.
        rounds: the rows are those of the quickest; the ratios are medians over rounds.

    Returns:
        ``machine``; ``rows``, one a length and quality, each with seconds, quality, renderer,
        frames, frames_per_second (measuring apart), with_measuring, realtime_factor,
        processor_ms (a frame, all cores together), peak_memory_mb, startup_s and stages
        (seconds); ``recode``, for each length what reading and encoding alone takes, and the
        frames_per_second of fast and best as shares of its; ``growth``, from the shortest to the
        longest, a quality each: peak_mb, by how much the peak grows, and processor_ms for each
        further frame (None for one length): start-up and the machine's other work are not in it.

    Raises:
        AvsynthError: a reenactment failed.
    """
    rows: list[Row] = []
    recodes: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="avsynth-bench-") as name,
        mock.patch.dict(os.environ, {"AVSYNTH_HOME": str(Path(name) / "home")}),
    ):
        folder = Path(name)
        for length in seconds:
            driver, source = _media(folder, length)
            record = _record(folder, source, driver)
            done: dict[str, list[Row]] = {each: [] for each in ("recode", *_QUALITIES)}
            for number in range(rounds):
                # In turn, so that what else the machine does falls on all.
                for what in list(done) if number % 2 == 0 else reversed(list(done)):
                    done[what].append(
                        _recoded(driver, folder) if what == "recode"
                        else _timed(length, what, source, driver, record, engine, weights)
                    )  # fmt: skip
            rows += [max(done[q], key=lambda row: row["frames_per_second"]) for q in _QUALITIES]
            recodes.append({"seconds": length} | _shares(done))
    return {
        "machine": machine(),
        "rows": rows,
        "recode": recodes,
        "growth": {
            quality: _growth(rows[n], rows[n - len(_QUALITIES)])
            for n, quality in enumerate(_QUALITIES)
        },
    }


def _growth(short: Row, long: Row) -> dict[str, float | None]:
    frames = long["frames"] - short["frames"]
    spent = long["processor_ms"] * long["frames"] - short["processor_ms"] * short["frames"]
    return {
        "peak_mb": long["peak_memory_mb"] - short["peak_memory_mb"],
        "processor_ms": round(spent / frames, 1) if frames else None,
    }


def _media(folder: Path, seconds: int) -> tuple[Path, Path]:
    """The driver, and a picture of its person."""
    driver, source = folder / "driver.mp4", folder / "source.png"
    scene = Scene("720p", _WIDTH, _HEIGHT, Fraction(_RATE), seconds)
    make_scene(scene, driver, folder / "speech.wav")
    with read_frames(driver) as frames:
        cv2.imwrite(str(source), np.ascontiguousarray(next(frames).rgb()[..., ::-1]))
    return driver, source


def _record(folder: Path, *media: Path) -> Path:
    nearest = Nearest(distance=1, threshold=0.5, measure="see the demo", compared=1)
    record = consents.new_synthetic("bench", media, nearest, ["benchmark", "commercial"])
    path = folder / "consent.json"
    consents.save(consents.sign(record), path)
    return path


def _recoded(driver: Path, folder: Path) -> Row:
    """Read a film and encode it as a reenactment would."""
    info = probe(driver).video
    assert info is not None
    out = folder / "recoded.nut"
    settings = EncoderSettings.for_source(info, out=folder / "out.mp4")
    began, before = time.perf_counter(), time.process_time()
    with read_frames(driver) as frames, SegmentWriter(out, info, settings) as writer:
        for frame in frames:
            writer.write(frame)
    wall, spent = time.perf_counter() - began, time.process_time() - before
    return {
        "frames_per_second": round(writer.frames / wall, 1),
        "processor_ms": round(spent * 1000 / writer.frames, 1),
    }


def _timed(
    length: int, quality: str, source: Path, driver: Path, record: Path, engine: str,
    weights: str | None,
) -> Row:  # fmt: skip
    named = ["--weights", weights] if weights is not None and quality == "best" else []
    command = [
        sys.executable, "-m", "avsynth", "reenact", "--source", str(source), "--driver",
        str(driver), "--consent", str(record), "--quality", quality, "--engine", engine, *named,
        "-o", str(driver.with_name("out.mp4")), "--json",
    ]  # fmt: skip
    before, began = _processor_s(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - began
    if done.returncode:
        raise AvsynthError(f"the benchmark's reenactment failed: {done.stderr.strip()[-300:]}")
    report = json.loads(done.stdout)
    stages = {n: s for n, s in report["stage_seconds"].items() if n not in _NOT_WORK}
    whole = sum(stages.values())
    work = whole - sum(stages.get(name, 0.0) for name in _AFTER)
    frames = report["frames"]
    return {
        "seconds": length,
        "quality": quality,
        "renderer": report["renderer"],
        "frames": frames,
        "frames_per_second": round(frames / work, 1),
        "with_measuring": round(frames / whole, 1),
        "realtime_factor": round(report["seconds"] / work, 2),
        "processor_ms": round((_processor_s() - before) * 1000 / frames, 1),
        "peak_memory_mb": round(report["peak_memory_mb"]),
        "startup_s": round(wall - whole, 2),
        "stages": {name: round(value, 2) for name, value in stages.items()},
    }


def _shares(done: dict[str, list[Row]]) -> Row:
    key = "frames_per_second"
    found: Row = dict(max(done["recode"], key=lambda row: row[key]))
    for quality in _QUALITIES:
        pairs = zip(done[quality], done["recode"], strict=True)
        found[quality] = round(statistics.median(a[key] / b[key] for a, b in pairs), 3)
    return found


def _processor_s() -> float:
    """Seconds that finished processes started by this one have computed, on all cores together."""
    used = os.times()
    return used.children_user + used.children_system
