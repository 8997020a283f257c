"""Recordings at any rate -> a speech pack for a vocoder at that rate, such as ``base.yaml``'s.

    python recipes/vocoder/prepare.py --list corpus.csv --rate 24000 --out packs/speech-24k

``corpus.csv`` has the columns file (beside the list), speaker, corpus, licence and split (``train``
or ``dev``; by speaker). At 16 kHz use recipes/voice/prepare.py, whose pack the other recipes share.
Writes 100 rows a second: ``sound`` (N, rate / 100) int16 at speech level and ``pitch`` (N,) float32
in Hz, tracked at 16 kHz; index.json says whose they are. The whole pack is held in memory.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import UsageError
from avsynth.media import read_audio
from avsynth.speech.activity import SPEECH_LEVEL, speech_level
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.speech.pitch_track import pitch_track
from avsynth.training import pack

ROWS = 100  # a second


def main() -> None:
    """Prepare the recordings of the list."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--rate", type=int, default=24_000)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if options.rate % ROWS:
        raise UsageError(f"--rate {options.rate} is not a multiple of {ROWS}")
    clips, sounds, pitches, start = [], [], [], 0
    with options.list.open(encoding="utf-8", newline="") as file:
        listed = [row for row in csv.DictReader(file) if row["split"] in ("train", "dev")]
    for row in listed:
        sound, pitch = prepared(options.list.parent / row["file"], options.rate)
        clips.append(
            pack.Clip(
                name=Path(row["file"]).stem, source=row["corpus"], person=row["speaker"],
                split=row["split"], licence=row["licence"],  # type: ignore[arg-type]
                purpose="commercial", start=start, rows=len(pitch),
            )
        )  # fmt: skip
        start += len(pitch)
        sounds.append(sound)
        pitches.append(pitch)
    if not clips:
        raise UsageError("the list names nothing whose split is train or dev")
    pack.save_array(options.out, "sound", np.concatenate(sounds))
    pack.save_array(options.out, "pitch", np.concatenate(pitches))
    pack.save_index(options.out, pack.PackIndex(rate=ROWS, clips=tuple(clips)))
    print(f"{len(clips)} recordings, {start / ROWS / 60:.1f} minutes -> {options.out}")


def prepared(path: Path, rate: int) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Sound (T, rate / 100) and pitch (T,) of a file; peaks that do not fit are clipped."""
    coarse, fine = (
        np.concatenate([chunk.samples for chunk in read_audio(path, each)])
        for each in (SAMPLE_RATE, rate)
    )
    pitch = pitch_track(coarse - coarse.mean(), SAMPLE_RATE // ROWS)
    rows = min(len(pitch), len(fine) // (rate // ROWS))
    gain = SPEECH_LEVEL / speech_level(coarse - coarse.mean())
    sound = np.clip((fine - fine.mean())[: rows * rate // ROWS] * gain, -1, 1) * 32767
    return np.round(sound).astype(np.int16).reshape(rows, -1), pitch[:rows]


if __name__ == "__main__":
    main()
