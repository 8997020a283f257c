"""Whole files through tracker and detector, as a scan reads them.

    python recipes/visual_detector/whole.py --data ../shared/data --weights visual-small \
        --report runs/detect/visual.json [--peers]

False alarms on real files of people nobody was trained on, as they are, beyond the threshold that
``evaluate.py`` found on the dev people: GRID's test person, and ``clips``. With ``--peers`` also
the outputs of other people's generators beside their originals, which nothing was chosen on; PC-AVS
reframes what it makes, so it is kept apart. The numbers are added to the report.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from evaluate import alarms

from avsynth import weights
from avsynth.face.track import FaceTracker
from avsynth.media import AudioChunk, probe
from detectors.base import Detector
from detectors.feed import Feed
from detectors.metrics.bootstrap import by_person
from detectors.metrics.ranking import auc, auc_of
from detectors.options import ScanOptions
from detectors.visual import VisualDetector

_DRAWS = 500
_GROUPS = {
    "pooled": ("wav2lip", "iplap", "diffdub"),
    "diffdub": ("diffdub",),
    "wav2lip and iplap": ("wav2lip", "iplap"),
    "pcavs": ("pcavs",),
}


def main() -> None:
    """Score whole files and complete the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", default="visual-small", help="name or file")
    parser.add_argument("--report", type=Path, required=True, help="of evaluate.py")
    parser.add_argument("--peers", action="store_true", help="other people's generators too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    detector = VisualDetector(weights.load(options.weights, runs=1000))
    report: dict[str, Any] = json.loads(options.report.read_text("utf-8"))
    threshold = report["threshold"]["at"]
    for name in ("grid", "clips"):
        scores = {file.stem: watch(detector, file) for file in listed(options.data, name)}
        known = [score for score in scores.values() if score is not None]
        report[f"whole: {name}"] = {"scores": scores, **alarms(known, threshold)}
    if options.peers:
        report["peers"] = peers(detector, options.data, threshold)
    options.report.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(json.dumps({k: v for k, v in report.items() if k.startswith(("whole", "peers"))}))


def listed(data: Path, name: str) -> list[Path]:
    """Real files of a list: ``clips`` (all), ``grid`` (its test person)."""
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


def peers(detector: Detector, data: Path, threshold: float) -> dict[str, Any]:
    """Each generator's films against the originals, and each film against its own."""
    with (data / "external_dev_video.csv").open(newline="", encoding="utf-8") as file:
        files = [row["file"] for row in csv.DictReader(file)]
    found = {Path(name).stem: watch(detector, data / name) for name in files}
    scores = {name: score for name, score in found.items() if score is not None}
    person = {name: name.rsplit("_", 2)[0] for name in scores}
    original = {person[name]: score for name, score in scores.items() if name.endswith("real")}
    report: dict[str, Any] = {"scores": found}
    for group, ends in _GROUPS.items():
        fakes = {name: score for name, score in scores.items() if name.endswith(ends)}
        names = [name for name in scores if name.endswith("real") or name in fakes]
        values = np.array([scores[name] for name in names])
        labels = np.array([name in fakes for name in names])
        who = [person[name] for name in names]
        interval = by_person(values, labels, who, {"auc": auc_of}, _DRAWS, 0)["auc"]
        report[group] = {
            "auc": auc(values, labels), "interval": [interval.low, interval.high],
            "fakes": len(fakes), "reals": len(original),
            "above their own": sum(s > original[person[n]] for n, s in fakes.items()),
            "reach the threshold": sum(s >= threshold for s in fakes.values()),
        }  # fmt: skip
    return report


if __name__ == "__main__":
    main()
