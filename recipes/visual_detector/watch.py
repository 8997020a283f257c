"""Whole files through tracker and detector, as a scan does it."""

from __future__ import annotations

import csv
from pathlib import Path

from avsynth.face.track import FaceTracker
from avsynth.media import AudioChunk, probe
from detectors.base import Detector
from detectors.feed import Feed
from detectors.options import ScanOptions


def watched_files(data: Path, name: str) -> list[Path]:
    """Real films of a list: ``clips`` (all), ``grid`` (its test people)."""
    with (data / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row.get("split", "test") == "test"]
    return [data / row["file"] for row in rows]


def watch(detector: Detector, path: Path) -> float | None:
    """The detector's raw score of a file; None where it abstains."""
    info = probe(path)
    detector.start(info)
    with Feed(info, ScanOptions(), FaceTracker, threads=1) as feed:
        for item in feed:
            if not isinstance(item, AudioChunk):
                detector.update_faces(item)
    return detector.finish().score
