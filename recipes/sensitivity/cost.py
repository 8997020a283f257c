"""Cost of ownership: what a minute of output takes of each command, start-up included.

    python recipes/sensitivity/cost.py --out recipes/sensitivity/cost.csv [--seconds 60]

Whole commands in processes of their own on the demo person, repeated to a minute at 360x288 and
25 frames a second, with as many threads as each takes by itself. Processor seconds are of all
cores together; other work on the machine hardly changes them, as it does the time passed. Energy
is that of the processor packages (RAPL), other work included, and empty where it cannot be read.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

from energy import Meter
from tables import write_table

from avsynth.bench.dubs import machine
from avsynth.bench.scenes import Scene, make_scene
from avsynth.errors import AvsynthError
from avsynth.pipelines.demonstrate import demo_consent, demo_media
from avsynth.provenance import consent as consents
from avsynth.provenance.records import Nearest

ENDS = frozenset({0, 10, 11})  # a scan's answer is in its exit code


@dataclass(frozen=True)
class Media:
    """A minute of the demo person and of its line, and records that cover them."""

    folder: Path
    video: Path
    speech: Path
    consent: Path
    person: Path
    voice: Path


def main() -> None:
    """Time every command; write and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=60, help="of output")
    parser.add_argument("--verbs", nargs="+", help="default: all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="avsynth-") as folder:
        home = str(Path(folder) / "home")
        with mock.patch.dict(os.environ, {"AVSYNTH_HOME": home}):
            media = prepare(Path(folder), options.seconds)
            rows = [
                timed(name, command, options.seconds)
                for name, command in commands(media)
                if options.verbs is None or name.split()[0] in options.verbs
            ]
    write_table(options.out, rows)
    print(machine())
    for row in rows:
        print(row)


def prepare(folder: Path, seconds: int) -> Media:
    """Write the media of all commands."""
    scene = Scene("cost", 360, 288, Fraction(25), seconds)
    media = Media(
        folder, folder / "film.mp4", folder / "speech.wav", folder / "film.json",
        demo_media()[0], folder / "voice.json",
    )  # fmt: skip
    make_scene(scene, media.video, media.speech)
    nearest = Nearest(distance=1, threshold=0.5, measure="see the demo", compared=1)
    record = consents.new_synthetic(
        "cost", [media.video, media.person], nearest, ["benchmark", "commercial"]
    )
    consents.save(consents.sign(record), media.consent)
    demo_consent(media.voice)
    return media


def commands(media: Media) -> Iterator[tuple[str, list[str]]]:
    """Arguments of ``avsynth`` by the name of a row."""
    video, speech, consent = map(str, (media.video, media.speech, media.consent))
    for quality in ("fast", "best"):
        yield f"dub {quality}", [
            "dub", video, "--audio", speech, "--consent", consent, "--quality", quality,
            "-o", str(media.folder / f"{quality}.mp4"),
        ]  # fmt: skip
    yield "convert", [
        "convert", speech, "--to", str(media.person), "--consent", str(media.voice),
        "-o", str(media.folder / "converted.wav"),
    ]  # fmt: skip
    yield "scan", ["scan", video, "--json"]
    for quality in ("fast", "best"):
        yield f"reenact {quality}", [
            "reenact", "--source", str(media.person), "--driver", video, "--consent", consent,
            "--quality", quality, "-o", str(media.folder / f"moved-{quality}.mp4"),
        ]  # fmt: skip


def timed(name: str, arguments: list[str], seconds: int) -> dict[str, Any]:
    """Run one command; seconds and energy for a minute of output.

    AvsynthError when it fails.
    """
    before, began, meter = os.times(), time.perf_counter(), Meter()
    done = subprocess.run(
        [sys.executable, "-m", "avsynth", *arguments], capture_output=True, text=True, check=False
    )
    wall, joules, after = time.perf_counter() - began, meter.joules, os.times()
    if done.returncode not in ENDS:
        raise AvsynthError(f"{name} failed: {done.stderr.strip()[-300:]}")
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    minutes = seconds / 60
    return {
        "verb": name,
        "seconds_a_minute": round(wall / minutes, 1),
        "processor_seconds_a_minute": round(used / minutes, 1),
        "watt_hours_a_minute": "" if joules is None else round(joules / 3600 / minutes, 3),
    }


if __name__ == "__main__":
    main()
