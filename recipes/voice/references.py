"""What enrolment and consent say of references: is it that person, is it one person at all?

    python recipes/voice/references.py --data ../shared/data

On speakers that nobody was trained on or tuned with (LibriSpeech test-other and VCTK, several files
each): how often the check of a subject's consent refuses the person and accepts another, with one
file of the person as reference and with four; and how often enrolment warns of several speakers,
for one person's file and for files in which two people speak in turns. Prints JSON.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from avsynth.media.excerpts import sound_excerpts
from avsynth.models.voice_print import describe
from avsynth.provenance.voice_identity import VoiceIdentity
from avsynth.weights.speakers import load_speaker

Floats = NDArray[np.float32]

_RATE = 16_000
_CORPORA = ("LibriSpeech test-other", "VCTK (parallel sentences)")


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with speech.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for corpus in _CORPORA:
        people = files_of(options.data, corpus)
        points = {who: np.concatenate(list(map(embedded, own))) for who, own in people.items()}
        told = {
            "corpus": corpus, "people": len(people), "files": sum(map(len, people.values())),
            "limit": round(VoiceIdentity().threshold, 3),
            "one reference": identity(points, 1), "four references": identity(points, 4),
            "spread": spread(people),
        }  # fmt: skip
        print(json.dumps(told, indent=2), flush=True)


def files_of(data: Path, corpus: str) -> dict[str, list[Path]]:
    """Files of each speaker who has more than one."""
    found: dict[str, list[Path]] = defaultdict(list)
    with (data / "speech.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["corpus"] == corpus:
                found[row["speaker"]].append(data / row["file"])
    return {who: paths for who, paths in found.items() if len(paths) >= 2}


def embedded(path: Path) -> Floats:
    """One point (1, D) for a file."""
    return VoiceIdentity().embed(path)


def identity(points: dict[str, Floats], references: int) -> dict[str, float]:
    """Shares of a person's own files that are refused, and of others' that are accepted.

    Each run of ``references`` files of a person, in the order of the list, against all other files.
    """
    limit = VoiceIdentity().threshold
    refused, accepted = [], []
    for who, own in points.items():
        if len(own) <= references:
            continue
        for first in range(len(own)):
            known = np.take(own, range(first, first + references), axis=0, mode="wrap")
            rest = np.take(own, range(first + references, first + len(own)), axis=0, mode="wrap")
            refused += list(nearest(rest, known) > limit)
            for other, theirs in points.items():
                if other != who:
                    accepted += list(nearest(theirs, known) <= limit)
    return {
        "refused": round(float(np.mean(refused)), 3), "of own": len(refused),
        "accepted": round(float(np.mean(accepted)), 3), "of others": len(accepted),
    }  # fmt: skip


def nearest(points: Floats, known: Floats) -> Floats:
    """Distance of each point (N, D) to the nearest of ``known``."""
    return np.asarray(np.linalg.norm(points[:, None] - known[None], axis=2).min(axis=1))


def spread(people: dict[str, list[Path]]) -> dict[str, float]:
    """Shares of references that enrolment warns of, of one person and of two."""
    speaker = load_speaker()
    sounds = {who: [heard(path) for path in paths] for who, paths in people.items()}
    one = [describe([each], speaker.embedder).spread for own in sounds.values() for each in own]
    whole = [describe(own, speaker.embedder).spread for own in sounds.values()]
    two = [
        describe([np.concatenate([sounds[a][0], sounds[b][0]])], speaker.embedder).spread
        for a, b in itertools.combinations(sounds, 2)
    ]
    return {
        "limit": round(speaker.spread, 3),
        "one file, warned": over(one, speaker.spread),
        "all files of one person, warned": over(whole, speaker.spread),
        "two people, warned": over(two, speaker.spread),
        "one file, median": round(float(np.median(one)), 3),
        "two people, median": round(float(np.median(two)), 3),
    }


def heard(path: Path) -> Floats:
    """All of a file."""
    return np.concatenate(sound_excerpts(path, _RATE, 60))


def over(values: list[float], limit: float) -> float:
    """Share above a limit."""
    return round(float(np.mean(np.array(values) > limit)), 3)


if __name__ == "__main__":
    main()
