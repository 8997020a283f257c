"""LibriSpeech -> the speech pack that the recipes speaker, vocoder and voice train on.

    python recipes/voice/prepare.py --data ../shared/data --out .packs/speech \
        --full LIBRISPEECH_FOLDER

Takes the speakers of ``speech.csv`` whose split is ``train`` or ``dev``. Where ``--full`` names a
folder with the full utterances (files named as in ``source_path``, at any depth), those of the
``train`` speakers are read from there; else the cut ones beside the list. Other corpora come in as
the same list: a CSV with the columns file, speaker, corpus, licence, split, source_path.

Writes index.json (speakers, splits, licences) and, 100 rows a second, ``sound`` (N, 160) int16 at
speech level and ``pitch`` (N,) float32 in Hz, 0 where unvoiced.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.media import read_audio
from avsynth.speech.activity import SPEECH_LEVEL, speech_level
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.speech.pitch_track import pitch_track
from avsynth.training import pack

HOP = 160
Floats = NDArray[np.float32]


def main() -> None:
    """Prepare the speakers of the list."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with speech.csv")
    parser.add_argument("--full", type=Path, help="folder of full utterances")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    full = {path.name: path for path in options.full.rglob("*.flac")} if options.full else {}
    clips, sounds, pitches = [], [], []
    for row in chosen(options.data / "speech.csv"):
        name = Path(row["source_path"]).name
        use_full = row["split"] == "train" and name in full
        samples = level(read(full[name] if use_full else options.data / row["file"]))
        start = sum(map(len, sounds))
        clips.append(clip(row, start, len(samples) // HOP))
        sounds.append(np.round(samples.reshape(-1, HOP) * 32767).astype(np.int16))
        pitches.append(pitch_track(samples, HOP))
    pack.save_array(options.out, "sound", np.concatenate(sounds))
    pack.save_array(options.out, "pitch", np.concatenate(pitches))
    pack.save_index(options.out, pack.PackIndex(rate=SAMPLE_RATE // HOP, clips=tuple(clips)))
    minutes = sum(map(len, pitches)) * HOP / SAMPLE_RATE / 60
    print(f"{len(clips)} utterances, {minutes:.1f} minutes -> {options.out}")


def chosen(path: Path) -> list[dict[str, str]]:
    """Rows of LibriSpeech's train and dev speakers; InputError when the list cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] in ("train", "dev")]
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise InputError(f"not a list of speech: {error}", path) from error
    if not rows:
        raise InputError("the list names no train or dev speaker", path)
    return rows


def read(path: Path) -> Floats:
    """All samples of a file at 16 kHz."""
    return np.concatenate([chunk.samples for chunk in read_audio(path, SAMPLE_RATE)])


def level(samples: Floats) -> Floats:
    """Without offset, at speech level, whole steps; peaks that do not fit are clipped."""
    samples = samples[: len(samples) // HOP * HOP] - samples.mean()
    scaled = samples * (SPEECH_LEVEL / speech_level(samples))
    return np.asarray(np.clip(scaled, -1.0, 1.0), np.float32)


def clip(row: dict[str, str], start: int, rows: int) -> pack.Clip:
    """The index's line of an utterance."""
    return pack.Clip(
        name=Path(row["file"]).stem, source=row["corpus"], person=row["speaker"],
        split=row["split"], licence=row["licence"], purpose="commercial",  # type: ignore[arg-type]
        start=start, rows=rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
