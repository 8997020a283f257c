"""Whole files of people, cameras and generators that nothing was trained or chosen on.

    python recipes/anomaly/wild.py --data ../shared/data --scores runs/detect [--external]

Real files first: ``clips``, GRID's test person, LibriSpeech test-other; how many reach the
thresholds that 5 % and 1 % of the real items of ``dev`` reach (read from what evaluate.py wrote
into ``--scores``). With ``--external`` also what other people's generators made: AUC, pooled
with a 95 % interval over originals, and mean over sources, and how many fakes score above their own
original. Writes SCORES/anomaly-wild.json.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from avsynth.errors import AvsynthError
from avsynth.face.track import FaceTracker
from avsynth.media import AudioChunk, probe
from detectors.anomaly import FaceAnomaly, VoiceAnomaly
from detectors.feed import Feed
from detectors.metrics.bootstrap import by_person
from detectors.metrics.operating import binomial_interval
from detectors.metrics.ranking import auc, auc_of
from detectors.options import ScanOptions

_DRAWS = 1000
Detectors = dict[str, FaceAnomaly | VoiceAnomaly]


@dataclass(frozen=True)
class File:
    """One file: what it is, from which original it was made, and where both come from."""

    path: Path
    label: str
    system: str
    original: str
    source: str


def main() -> None:
    """Scan what the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scores", type=Path, default=Path("runs/detect"))
    parser.add_argument("--face", default="anomaly-face-small", help="weights")
    parser.add_argument("--voice", default="anomaly-voice-small", help="weights")
    parser.add_argument("--external", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    detectors: Detectors = {"face": FaceAnomaly(options.face), "voice": VoiceAnomaly(options.voice)}
    report: dict[str, object] = {}
    for name, subject, files in real(options.data):
        scores = scan(detectors[subject], files)
        stem = Path(options.face if subject == "face" else options.voice).stem
        known = json.loads((options.scores / f"{stem}.json").read_text("utf-8"))["false alarms"]
        report[f"{name}, {subject}"] = {"scores": scores} | {
            f"reach {rate:g}": alarms(list(scores.values()), threshold)
            for rate, threshold in {(each["rate"], each["threshold"]) for each in known}
        }
    for subject in ("face", "voice") if options.external else ():
        report[f"external, {subject}"] = external(detectors[subject], subject, options.data)
    (options.scores / "anomaly-wild.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    shown = {k: {n: v for n, v in each.items() if n != "scores"} for k, each in report.items()}  # type: ignore[attr-defined]
    print(json.dumps(shown, indent=1))


def real(data: Path) -> Iterator[tuple[str, str, list[Path]]]:
    """Name, subject and files of each real set."""
    clips = [data / row["file"] for row in rows(data / "clips.csv")]
    yield "clips", "face", clips
    yield "clips", "voice", clips
    grid = [data / r["file"] for r in rows(data / "grid.csv") if r["split"] == "test"]
    yield "GRID test", "face", grid
    yield "GRID test", "voice", grid
    speech = [r for r in rows(data / "speech.csv") if r["corpus"] == "LibriSpeech test-other"]
    yield "LibriSpeech test-other", "voice", [data / r["file"] for r in speech]


def rows(path: Path) -> list[dict[str, str]]:
    """Of a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def scan(detector: FaceAnomaly | VoiceAnomaly, files: list[Path]) -> dict[str, float]:
    """Scores by name, as a scan has them; files without a face or a voice are left out."""
    found = {}
    for path in files:
        try:
            info = probe(path)
            detector.start(info)
            with Feed(info, ScanOptions(), FaceTracker, threads=1) as feed:
                for item in feed:
                    if isinstance(item, AudioChunk):
                        detector.update_audio(item)
                    elif detector.subject == "face":
                        detector.update_faces(item)
        except AvsynthError as error:
            print(f"{path.name}: {error}")
            continue
        score = detector.finish().score
        if score is not None:
            found[path.name] = score
    return found


def alarms(scores: list[float], threshold: float) -> dict[str, object]:
    """How many scores reach a threshold, with a 95 % interval of the share."""
    hits = sum(score >= threshold for score in scores)
    low, high = binomial_interval(hits, len(scores))
    return {"alarms": hits, "of": len(scores), "interval": [round(low, 3), round(high, 3)]}


def external(detector: FaceAnomaly | VoiceAnomaly, subject: str, data: Path) -> dict[str, object]:
    """What other people's generators made, beside what it was made from."""
    files = videos(data) if subject == "face" else sounds(data)
    scores = scan(detector, [file.path for file in files])
    files = [file for file in files if file.path.name in scores]
    value = {file.path: scores[file.path.name] for file in files}
    fakes = [file for file in files if file.label == "fake"]
    own = {f.original: value[f.path] for f in files if f.label == "real"}
    pairs = [value[f.path] > own[f.original] for f in fakes if f.original in own]
    report: dict[str, object] = {
        "scores": scores, "pooled": summary(files, value),
        "mean over sources": macro(files, value), "above their original": [sum(pairs), len(pairs)],
    }  # fmt: skip
    reals = [file for file in files if file.label == "real"]
    for system in sorted({file.system for file in fakes}):
        chosen = [*reals, *(file for file in fakes if file.system == system)]
        labels = [file.label == "fake" for file in chosen]
        report[system] = [round(auc([value[f.path] for f in chosen], labels), 3), sum(labels)]
    return report


def summary(files: list[File], value: dict[Path, float]) -> list[float]:
    """AUC with its interval over originals."""
    scores, labels = [value[f.path] for f in files], [f.label == "fake" for f in files]
    originals = [file.original for file in files]
    span = by_person(scores, labels, originals, {"auc": auc_of}, _DRAWS, seed=0)["auc"]
    return [round(each, 3) for each in (auc(scores, labels), span.low, span.high)]


def macro(files: list[File], value: dict[Path, float]) -> float:
    """Mean over sources of the AUC within each."""
    found = []
    for source in sorted({file.source for file in files}):
        own = [file for file in files if file.source == source]
        labels = [file.label == "fake" for file in own]
        if 0 < sum(labels) < len(labels):
            found.append(auc([value[f.path] for f in own], labels))
    return round(float(np.mean(found)), 3)


def videos(data: Path) -> list[File]:
    """PC-AVS is left out: its framing gives it away."""
    return [
        File(data / r["file"], r["label"], r["kind"], r["pair_group"], r["pair_group"])
        for r in rows(data / "external_dev_video.csv")
        if "pcavs" not in r["kind"]
    ]


def sounds(data: Path) -> list[File]:
    """A real clip is its own original; a fake without one goes with its corpus."""
    return [
        File(
            data / r["file"], r["label"], r["generator"],
            r["file"] if r["label"] == "real" else r["original_file"] or r["corpus"],
            f"{r['source_repo']} {r['corpus']}",
        )
        for r in rows(data / "external_dev_audio.csv")
    ]  # fmt: skip


if __name__ == "__main__":
    main()
