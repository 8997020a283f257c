"""What every detector says, before calibration, of the files of a manifest or a corpus of sounds.

    python recipes/fusion/scores.py films packs/films/manifest.csv --out runs/fusion/films.csv
    python recipes/fusion/scores.py sounds packs/fake_sounds --out runs/fusion/sounds.csv \
        [--splits dev test] [--codecs clean mp3:64 opus:32] [--detectors audio ...]

One row a file: who made it, whom it shows, and a raw logit a detector, empty where it abstained.
Rows that are there already are kept, so an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import functools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.media import AudioChunk, MediaInfo
from avsynth.media.info import AudioInfo
from avsynth.media.recode_sound import recode_sound
from avsynth.training.sound_corpus import open_sounds
from detectors.base import SOUND_RATE, Detector, Evidence
from detectors.options import ScanOptions
from detectors.registry import DETECTORS, make
from detectors.scan import Scanner

ABOUT = ("file", "label", "family", "system", "person", "split", "source", "original")
VOICE = ("audio", "vocoder-discriminator", "voice-anomaly")
Sound = NDArray[np.float32]
Row = tuple[dict[str, str], Callable[[], dict[str, str]]]
_CHUNK = SOUND_RATE // 4


def main() -> None:
    """Score what the arguments name."""
    options = arguments()
    torch.set_num_threads(1)
    names = options.detectors or (VOICE if options.what == "sounds" else tuple(DETECTORS))
    rows = sounds(options, names) if options.what == "sounds" else films(options, names)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    done = known(options.out)
    with options.out.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, (*ABOUT, *names))
        if not done:
            writer.writeheader()
        for about, score in rows:
            if about["file"] not in done:
                writer.writerow(about | score())
                file.flush()


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["films", "sounds"])
    parser.add_argument("source", type=Path, help="manifest, or folder of the corpus")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--splits", nargs="+", default=["dev", "test"])
    parser.add_argument("--codecs", nargs="+", default=["clean", "mp3:64", "opus:32"])
    parser.add_argument("--detectors", nargs="+")
    return parser.parse_args()


def films(options: argparse.Namespace, names: Sequence[str]) -> Iterator[Row]:
    """Rows of a manifest's files, which are scanned as any file is."""
    with (
        options.source.open(newline="", encoding="utf-8") as file,
        Scanner(ScanOptions(detectors=tuple(names)), threads=1) as scanner,
    ):
        for row in csv.DictReader(file):
            about = {
                "file": row["file"], "label": row["label"], "family": row["group"],
                "system": row["group"], "person": row["person"], "split": row["split"],
                "source": row["source"], "original": row["original"],
            }  # fmt: skip
            if row["split"] in options.splits:
                path = options.source.parent / row["file"]
                yield about, functools.partial(_scanned, scanner, path)


def sounds(options: argparse.Namespace, names: Sequence[str]) -> Iterator[Row]:
    """Rows of a corpus' items, each as it is and through lossy codecs."""
    corpus, detectors = open_sounds(options.source), make(names)
    for item in corpus.items:
        for codec in options.codecs if item.split in options.splits else ():
            about = {
                "file": f"{item.name}.{codec}", "label": item.label, "family": item.family,
                "system": item.system, "person": item.speaker, "split": item.split,
                "source": codec, "original": item.original and f"{item.original}.{codec}",
            }  # fmt: skip
            sound = corpus.sound(item).astype(np.float32) / 32768.0
            yield about, functools.partial(_heard, detectors, sound, codec)


def _scanned(scanner: Scanner, path: Path) -> dict[str, str]:
    try:
        return _texts(scanner.evidence(path))
    except InputError as error:
        print(error)
        return {}


def _heard(detectors: Sequence[Detector], sound: Sound, codec: str) -> dict[str, str]:
    name, _, kilobits = codec.partition(":")
    if kilobits:
        sound = recode_sound(sound, SOUND_RATE, name, 1000 * int(kilobits))
    stream = AudioInfo(0, "pcm_s16le", SOUND_RATE, 1, "mono", Fraction(0), None, None)
    info = MediaInfo("", "", Fraction(len(sound), SOUND_RATE), None, (stream,), 0, 0, {}, 0)
    found = []
    for detector in detectors:
        detector.start(info)
        for first in range(0, len(sound), _CHUNK):
            part = sound[first : first + _CHUNK]
            detector.update_audio(AudioChunk(Fraction(first, SOUND_RATE), SOUND_RATE, part))
        found.append(detector.finish())
    return _texts(found)


def _texts(evidence: Sequence[Evidence]) -> dict[str, str]:
    return {e.detector: "" if e.score is None else f"{e.score:.5f}" for e in evidence}


def known(path: Path) -> set[str]:
    """Files that have their row."""
    if not path.exists():
        return set()
    with path.open(newline="", encoding="utf-8") as file:
        return {row["file"] for row in csv.DictReader(file)}


if __name__ == "__main__":
    main()
