"""How fast files are scanned, and in how much memory: whole commands on media made for it.

Each film and sound is scanned by a process of its own. ``realtime_factor`` is the length over the
time from start to end, start-up included; ``steady_factor`` that of what the longest has more than
the shortest, in which start-up does not count; ``processor_factor`` is processor seconds for each
second of the file, which other work on the machine moves less.
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
from typing import Any, Final

import cv2
import numpy as np
import psutil
import soundfile
from numpy.typing import NDArray

from avsynth.bench.dubs import machine
from avsynth.errors import AvsynthError
from avsynth.media import EncoderSettings, Writer, read_audio, read_frames, video_like
from avsynth.media.repeat import repeat
from avsynth.pipelines.demonstrate import demo_media
from detectors.options import ScanOptions

Row = dict[str, Any]

#: Whole numbers of frames at 30 a second and of AAC packets at 48 kHz: it can be repeated.
_LOOP: Final = 8
_RATE: Final = 48_000
_IMPORTS: Final = ("av", "cv2", "torch", "mediapipe.python", "openvino")


def bench_scan(
    minutes: Sequence[float] = (1.0, 10.0), files: int = 10_000, detectors: Sequence[str] = ()
) -> dict[str, Any]:
    """Scan 1080p films with sound, sounds alone, a short clip, and very many tiny files.

    Args:
        minutes: lengths of films and sounds, shortest first.
        files: how many tiny files.
        detectors: names; default all.

    Returns:
        ``machine``; ``rows``, one a film or sound; ``steady``, realtime and processor factors of
        films and sounds without start-up, with ``growth_mb``, by how much the peak of the longest
        is above that of the shortest; ``first_result_s``, start to end for a clip of three seconds;
        ``files``, see ``time_files``; ``imports``, processor seconds that libraries take to load.

    Raises:
        AvsynthError: a scan failed.
    """
    chosen = ["--detectors", ",".join(detectors)] if detectors else []
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="avsynth-bench-") as name:
        folder = Path(name)
        many = time_files(folder, files, ScanOptions(detectors=tuple(detectors)))
        loop = folder / "loop.mp4"
        write_film(loop, _LOOP)
        for kind in ("1080p film", "sound"):
            for length in minutes:
                times = max(1, round(60 * length / _LOOP))
                path = folder / ("film.mp4" if kind == "1080p film" else "sound.flac")
                if kind == "sound":
                    soundfile.write(path, speech(times * _LOOP, 16_000), 16_000)
                else:
                    repeat(loop, path, times, Fraction(_LOOP))
                rows.append({"name": kind} | scanned(path, chosen))
                path.unlink()
        person, _ = demo_media()
        first = statistics.median(scanned(person, chosen)["wall_s"] for _ in range(3))
    return {
        "machine": machine(),
        "rows": rows,
        "steady": {
            kind: _steady([row for row in rows if row["name"] == kind])
            for kind in ("1080p film", "sound")
        },
        "first_result_s": round(first, 2),
        "files": many,
        "imports": {name: _import_seconds(name) for name in _IMPORTS},
    }


# The command, and at its end the most memory that it held.
_COMMAND: Final = """
import atexit, sys
from avsynth.reporting import peak_memory_mb
atexit.register(lambda: print("\\n" + str(peak_memory_mb()), file=sys.stderr))
from avsynth.cli.main import main
main()
"""


def scanned(path: Path, options: Sequence[str] = ()) -> Row:
    """What a scan of one file took, in a process of its own."""
    command = [sys.executable, "-c", _COMMAND, "scan", str(path), "--json", *options]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as complaints:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=complaints)
        _, _, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = 0  # it has been waited for
        out.seek(0)
        complaints.seek(0)
        said = complaints.read().decode(errors="replace").strip()
        try:
            found = json.loads(out.read())
        except ValueError as error:
            raise AvsynthError(f"the benchmark's scan failed: {said[-300:]}") from error
    if found.get("verdict", "unreadable") == "unreadable":
        raise AvsynthError(f"the benchmark's scan failed: {found['error']}")
    seconds = found["duration"] or 1.0
    return {
        "seconds": round(seconds, 2),
        "wall_s": round(wall, 2),
        "realtime_factor": round(seconds / wall, 2),
        "processor_s": round(used.ru_utime + used.ru_stime, 2),
        "processor_factor": round((used.ru_utime + used.ru_stime) / seconds, 4),
        "peak_memory_mb": round(float(said.splitlines()[-1])),
        "stages": {name: round(value, 2) for name, value in found["seconds"].items()},
    }


def _steady(rows: list[Row]) -> dict[str, float]:
    """Factors of what the longest row has more than the shortest."""
    short, long = rows[0], rows[-1]
    more = long["seconds"] - short["seconds"] if len(rows) > 1 else 0.0
    before = short if more else {"wall_s": 0.0, "processor_s": 0.0}
    more = more or long["seconds"]
    return {
        "realtime_factor": round(more / max(long["wall_s"] - before["wall_s"], 1e-3), 2),
        "processor_factor": round((long["processor_s"] - before["processor_s"]) / more, 4),
        "growth_mb": long["peak_memory_mb"] - short["peak_memory_mb"],
    }


def time_files(folder: Path, count: int, options: ScanOptions) -> dict[str, float]:
    """Scan ``count`` tiny files in worker processes.

    Returns:
        ``files``, ``files_per_second``, and in MB the memory of all processes together after a
        tenth of them, ``early_mb``, and at the end, ``late_mb``.
    """
    from detectors.batch import scan_many

    sound, picture = folder / "tiny.wav", folder / "tiny.png"
    soundfile.write(sound, speech(1, 16_000)[:8000], 16_000)
    cv2.imwrite(str(picture), np.full((64, 64, 3), 128, np.uint8))
    paths = [folder / f"{number}{[sound, picture][number % 2].suffix}" for number in range(count)]
    for number, path in enumerate(paths):
        os.link((sound, picture)[number % 2], path)
    early = late = _memory_mb()
    began = time.perf_counter()
    for number, _ in enumerate(scan_many(paths, options), start=1):
        if number == max(1, count // 10):
            early = _memory_mb()
        if number == count:
            late = _memory_mb()
    wall = time.perf_counter() - began
    return {
        "files": count,
        "files_per_second": round(count / wall, 1),
        "early_mb": round(early),
        "late_mb": round(late),
    }


def _memory_mb() -> float:
    """Of this process and all below it, what is shared counted once a process."""
    own = psutil.Process()
    total = 0
    for process in (own, *own.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 2**20


def write_film(path: Path, seconds: int) -> None:
    """The demo person in 1080p at 30 frames a second with film grain, talking.

    Grain and crf 23 give about the bit rate that films of this size are sent with.
    """
    person, _ = demo_media()
    like = video_like(1920, 1080, Fraction(30))
    frames = [frame.rgb() for frame in read_frames(person)]
    order = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    rng = np.random.default_rng(0)
    grain = rng.normal(0, 1.0, (4, 1080, 1920, 1)).astype(np.float32)
    sound = speech(seconds, _RATE)
    settings = EncoderSettings(crf=23, preset="fast")
    with Writer(path, like, settings, audio_rate=_RATE) as writer:
        for number in range(30 * seconds):
            shown = frames[order[number * 25 // 30 % len(order)]]
            writer.write(_wide(shown, grain[number % len(grain)]))
            if number % 30 == 29:
                writer.write_audio(sound[(number - 29) * _RATE // 30 : (number + 1) * _RATE // 30])


def _wide(rgb: NDArray[np.uint8], grain: NDArray[np.float32]) -> NDArray[np.uint8]:
    """In 1080p, before a blown-up copy of itself, under grain."""
    whole = cv2.resize(rgb, (1920, 1080), interpolation=cv2.INTER_CUBIC)
    width = round(rgb.shape[1] * 1080 / rgb.shape[0])
    left = (1920 - width) // 2
    whole[:, left : left + width] = cv2.resize(rgb, (width, 1080), interpolation=cv2.INTER_CUBIC)
    grainy: NDArray[np.uint8] = np.clip(whole + grain, 0, 255).astype(np.uint8)
    return grainy


def speech(seconds: int, rate: int) -> NDArray[np.float32]:
    """The demo line over and over, float32 (seconds * rate,)."""
    _, line = demo_media()
    samples = np.concatenate([chunk.samples for chunk in read_audio(line, rate)])
    return np.resize(samples, seconds * rate)


def _import_seconds(module: str) -> float:
    code = f"import time; began = time.process_time(); import {module}; "
    code += "print(time.process_time() - began)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return round(float(done.stdout or "nan"), 2)
