"""The tables of the README and the cards: conversion systems under one protocol, with anchors.

    python recipes/voice/evaluate.py --data ../shared/data --out runs/voice/evaluation.json \
        --systems source target copy-world copy-vocoder-small world voice-small
    python recipes/voice/evaluate.py --data ../shared/data --split dev \
        --systems world runs/voice/trial/voice-small.safetensors --out runs/voice/dev.json

Systems are named as in systems.py, splits as in protocols.py (``test`` is parallel, unseen and
copy); what is measured and how is in MEASURES.md. Prints tables and writes every clip's scores,
out of which tables.py makes tables of several runs together. Choose on ``dev``; ``test`` is for
what was chosen. ``--speed`` measures the real-time factor too, and wants an idle machine;
``--sounds`` keeps what was made, to listen to. One thread.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import protocols
import soundfile
import systems
import tables
import torch
from judges import Judges

from avsynth.metrics.speech import real_time_factor
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.weights.speakers import NAME
from avsynth.weights.voice_engines import VOCODER

Row = dict[str, str | float]
T = TypeVar("T")

SPLITS = {
    "test": ("parallel", "unseen", "copy"),
    **{name: (name,) for name in ("parallel", "unseen", "copy", "dev")},
}


def main() -> None:
    """Score the systems that the arguments name."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with speech.csv")
    parser.add_argument("--systems", nargs="+", required=True)
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--limit", type=int, help="only so many trials, evenly spread")
    parser.add_argument("--speaker", default=NAME, help="encoder that hears targets")
    parser.add_argument("--vocoder", default=VOCODER, help="that voices sound through")
    parser.add_argument("--speed", action="store_true", help="real-time factors too")
    parser.add_argument("--sounds", type=Path, help="folder for what was made")
    parser.add_argument("--cache", type=Path, default=Path("runs/voice/judged"))
    parser.add_argument("--out", type=Path, default=Path("runs/voice/evaluation.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = [systems.find(n, options.speaker, options.vocoder) for n in options.systems]
    judges = Judges(options.cache)
    result = run(options.data, found, SPLITS[options.split], judges, options.limit, options.sounds)
    if options.speed:
        result["speed"] = {s.label: speed(s, options.data) for s in found if not s.natural}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print("\n".join(tables.report([result])))


def run(
    data: Path,
    found: Sequence[systems.System],
    names: Sequence[str],
    judges: Judges,
    limit: int | None = None,
    sounds: Path | None = None,
) -> dict[str, object]:
    """The result file: every row a clip, and what is needed to tell how it came about."""
    rows: list[Row] = []
    verifiers: dict[str, object] = {}
    for name in names:
        if name == "copy":
            clips = spread(protocols.copies(data), limit)
            rows += timed(copies(clips, found, judges), name)
            judges.save()
            continue
        protocol = protocols.load(name, data)
        verifiers[name] = verifier = judges.verifier(protocol)
        threshold = float(verifier["threshold"])
        for system in found:
            trials = spread(protocol.trials, limit)
            scored = conversions(name, trials, system, judges, threshold, sounds)
            rows += timed(scored, f"{name} {system.label}")
            judges.save()
    digest = hashlib.sha256((data / "speech.csv").read_bytes()).hexdigest()
    about = {system.label: system.about for system in found}
    return {"data": digest, "systems": about, "verifiers": verifiers, "rows": rows}


def conversions(
    protocol: str,
    trials: Sequence[protocols.Trial],
    system: systems.System,
    judges: Judges,
    threshold: float,
    sounds: Path | None,
) -> Iterator[Row]:
    """A system's scores on every trial."""
    for trial in trials:
        start = time.process_time()
        made = system.make(trial)
        spent = time.process_time() - start
        if sounds is not None:
            path = sounds / protocol / system.label / f"{trial.name}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.clip(made, -1, 1), SAMPLE_RATE)
        row: Row = {
            "protocol": protocol,
            "system": system.label,
            "clip": trial.name,
            "pair": f"{trial.source} to {trial.target}",
            "gender": "same" if trial.same_gender else "cross",
        }
        if not system.natural:
            row["processor"] = spent / (len(trial.sound) / SAMPLE_RATE)
        follows = system.follows or trial.parallel
        yield row | rounded(judges.conversion(trial, made, threshold, system.natural, follows))


def copies(
    clips: Sequence[protocols.Recording], found: Sequence[systems.System], judges: Judges
) -> Iterator[Row]:
    """What copies score on clips of unseen speakers, and the clips themselves beside them."""
    copiers = {"original": lambda sound: sound} | {s.label: s.copy for s in found if s.copy}
    for name, copy in copiers.items():
        for clip in clips:
            row: Row = {"protocol": "copy", "system": name, "clip": clip.name, "pair": clip.person}
            yield row | rounded(judges.copy(clip, copy(clip.sound)))


def speed(system: systems.System, data: Path) -> dict[str, float]:
    """Real-time factors at 1 and 2 threads on half a minute of speech, pitch included."""
    trials = protocols.load("parallel", data).trials
    sound = np.concatenate([trial.sound for trial in trials[:5]])[: 30 * SAMPLE_RATE]
    trial = dataclasses.replace(trials[0], sound=sound, real=sound)
    seconds = len(sound) / SAMPLE_RATE
    return {
        f"threads_{count}": real_time_factor(lambda: system.make(trial), seconds, count)
        for count in (1, 2)
    }


def spread(items: Sequence[T], limit: int | None) -> Sequence[T]:
    """At most ``limit`` of the items, the first and the last among them."""
    if limit is None or limit >= len(items):
        return items
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, limit)]


def rounded(scores: dict[str, float]) -> Row:
    """Scores with six digits: the file stays readable."""
    return {name: float(f"{value:.6g}") for name, value in scores.items()}


def timed(rows: Iterator[Row], label: str) -> list[Row]:
    """All rows, and a line that says how long they took."""
    start = time.perf_counter()
    found = list(rows)
    print(f"{label}: {len(found)} clips in {time.perf_counter() - start:.0f} s", flush=True)
    return found


if __name__ == "__main__":
    main()
