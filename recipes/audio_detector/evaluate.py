"""Score the sound detector: every family, false alarms, what is trivial.

    python recipes/audio_detector/evaluate.py --corpus .packs/fake_sounds --data ../shared/data \
        --model runs/detect/audio-small/audio-small.safetensors --out runs/detect

Writes ``audio.csv``, ``audio-mp3.csv`` (after MP3 at 64 kb/s), ``audio-disturbed.csv``,
``audio-real.csv`` (recordings of other corpora), and the tables, as Markdown, in ``audio.md``.
``--external`` adds ``audio-external.csv``: what others' generators made. Families that were left
out of training: ``held_out.py``.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import tables
import torch
from numpy.typing import NDArray
from tables import Row

from avsynth.media import read_audio
from avsynth.media.recode_sound import recode_sound
from avsynth.training.sound_corpus import SoundCorpus, SoundItem, open_sounds
from avsynth.training.sound_disturbance import disturb
from detectors.audio import AudioDetector
from detectors.audit import shortcut_auc, sound_properties

Floats = NDArray[np.float32]
Change = Callable[[Floats], Floats]
RATE = 16_000
_FIELDS = ("file", "label", "family", "system", "person", "split", "score")


def main() -> None:
    """Everything, in order."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder with speech.csv, for other recordings")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--external", action="store_true", help="score external_dev/audio too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    detector, corpus = AudioDetector(str(options.model)), open_sounds(options.corpus)
    items = [item for item in corpus.items if item.split != "train"]
    own = {name: of_items(detector, corpus, items, c) for name, c in CHANGES.items()}
    for name, rows in own.items():
        write(options.out / f"audio{name}.csv", rows)
    text = [tables.families(own)]
    text.append(tables.shortcuts(shortcuts(corpus, items)))
    if options.data is not None:
        real = recordings(detector, options.data)
        write(options.out / "audio-real.csv", [row for rows in real.values() for row in rows])
        text.append(tables.false_alarms(own, real))
    if options.external:
        rows = external(detector, options.data)
        write(options.out / "audio-external.csv", rows)
        text.append(tables.external(rows))
    (options.out / "audio.md").write_text("\n".join(text), "utf-8")
    print("\n".join(text))


def as_it_is(sound: Floats) -> Floats:
    """Nothing happens."""
    return sound


def through_mp3(sound: Floats) -> Floats:
    """MP3 at 64 kb/s."""
    return recode_sound(sound, RATE, "mp3", 64_000)


def through_much(sound: Floats) -> Floats:
    """A disturbance as in training; which, the sound itself says."""
    seed = int(np.abs(sound[: 1 << 12] * 32768).sum()) % (1 << 31)
    return disturb(sound, np.random.default_rng(seed))


#: Ending of the score file -> what is done to the sound first.
CHANGES: dict[str, Change] = {"": as_it_is, "-mp3": through_mp3, "-disturbed": through_much}


def of_items(
    detector: AudioDetector, corpus: SoundCorpus, items: Iterable[SoundItem], change: Change
) -> list[Row]:
    """Scores of corpus items, those in which the detector finds no voice left out."""
    rows = []
    for item in items:
        score = detector.listen(change(_sound(corpus, item))).score
        if score is not None:
            rows.append(
                Row(item.name, item.label, item.family, item.system, item.speaker, item.split,
                    item.original, score)
            )  # fmt: skip
    return rows


def _sound(corpus: SoundCorpus, item: SoundItem) -> Floats:
    return corpus.sound(item).astype(np.float32) / np.float32(32768)


def shortcuts(corpus: SoundCorpus, items: list[SoundItem]) -> dict[str, tables.Shortcuts]:
    """Trivial properties of the same items, of all families and of each."""
    properties = [sound_properties(_sound(corpus, item), RATE) for item in items]
    found = {}
    for family in ["all", *sorted({item.family for item in items} - {"real"})]:
        chosen = [
            k for k, item in enumerate(items) if family == "all" or item.family in ("real", family)
        ]
        found[family] = shortcut_auc(
            [properties[k] for k in chosen],
            [items[k].label == "fake" for k in chosen],
            [items[k].speaker for k in chosen],
        )
    return found


def recordings(detector: AudioDetector, data: Path) -> dict[str, list[Row]]:
    """Recordings that neither training nor the limit saw, by corpus, as they are and changed."""
    found: dict[str, list[Row]] = {}
    with (data / "speech.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] not in ("train", "dev")]
    for row in rows:
        samples = np.concatenate([c.samples for c in read_audio(data / row["file"], RATE)])
        for change, do in CHANGES.items():
            score = detector.listen(do(samples)).score
            if score is not None:
                kind = Row(row["file"], "real", "real", change, row["speaker"], "test", "", score)
                found.setdefault(f"{row['corpus']}{change}", []).append(kind)
    return found


def external(detector: AudioDetector, data: Path) -> list[Row]:
    """What others' generators made, and its originals: only scored, never tuned on."""
    rows = []
    with (data / "external_dev_audio.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            samples = np.concatenate([c.samples for c in read_audio(data / row["file"], RATE)])
            score = detector.listen(samples).score
            if score is not None:
                source = row["source_repo"]
                rows.append(
                    Row(row["file"], row["label"], row["kind"] or "real", row["generator"], source,
                        "external", row["original_file"], score)
                )  # fmt: skip
    return rows


def write(path: Path, rows: Iterable[Row]) -> None:
    """A score file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_FIELDS)
        for row in rows:
            writer.writerow([getattr(row, name) for name in _FIELDS])


if __name__ == "__main__":
    main()
