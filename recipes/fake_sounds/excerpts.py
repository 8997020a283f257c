"""Real speech: excerpts of 4 to 6 s of LibriSpeech's speakers, and GRID's sentences of 3 s.

Split as speech.csv and grid.csv say. LibriSpeech came through MP3; GRID was recorded in a studio.
"""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.media import read_audio

Floats = NDArray[np.float32]
Split = Literal["train", "dev", "test"]
RATE = 16_000
_LEAST, _MOST = 4 * RATE, 6 * RATE
_SPLITS = ("train", "dev", "test")


@dataclasses.dataclass(frozen=True)
class Excerpt:
    """A piece of an utterance: samples (N,) at 16 kHz, offset removed."""

    name: str
    speaker: str
    split: Split
    text: str
    sound: Floats


def librispeech(data: Path, full: Path | None, each: int, limit: int = 0) -> list[Excerpt]:
    """At most ``each`` excerpts of every speaker of LibriSpeech's part of ``data``/speech.csv.

    Utterances are read whole from ``full`` where they are there. ``limit`` other than 0: so many
    speakers of each split. InputError when there is no such list.
    """
    wholes = {path.name: path for path in full.rglob("*.flac")} if full else {}
    found: list[Excerpt] = []
    taken = dict.fromkeys(_SPLITS, 0)
    for row in _rows(data / "speech.csv"):
        split = row["split"]
        if "train-clean-100" not in row["corpus"]:
            continue
        if split not in taken or (limit and taken[split] >= limit):
            continue
        taken[split] += 1
        path = wholes.get(Path(row["source_path"]).name, data / row["file"])
        sound = np.concatenate([chunk.samples for chunk in read_audio(path, RATE)])
        for number, part in enumerate(_parts(sound - sound.mean(), each)):
            name = f"{Path(row['file']).stem}-{number}"
            text = row["transcript"].lower()
            found.append(Excerpt(name, row["speaker"], cast(Split, split), text, part))
    return found


def grid(data: Path, each: int) -> list[Excerpt]:
    """At most ``each`` sentences of every person of ``data``/grid.csv, the kept ones left out."""
    found: list[Excerpt] = []
    for row in _rows(data / "grid.csv"):
        speaker = f"GRID-{row['person']}"
        known = sum(excerpt.speaker == speaker for excerpt in found)
        if row["split"] not in _SPLITS or known >= each:
            continue
        sound = np.concatenate([chunk.samples for chunk in read_audio(data / row["file"], RATE)])
        name = f"grid-{Path(row['file']).stem}"
        split = cast(Split, row["split"])
        found.append(Excerpt(name, speaker, split, "", sound - sound.mean()))
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"not a list of recordings: {error}", path) from error


def _parts(sound: Floats, most: int) -> list[Floats]:
    """Pieces in a row, as long as may be; what is shorter than the least is left out."""
    count = min(most, len(sound) // _LEAST)
    if not count:
        return []
    length = min(_MOST, len(sound) // count)
    return [sound[k * length : (k + 1) * length] for k in range(count)]
