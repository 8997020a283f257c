"""A corpus of real and synthetic speech: many excerpts, 16 kHz mono, with who and what made them.

A folder holds ``sound.safetensors`` (array ``sound``, int16, the samples of all items one after the
other) and ``items.csv`` with the fields of ``SoundItem``. ``recipes/fake_sounds`` makes one.
"""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from avsynth.errors import InputError

Sound = NDArray[np.int16]
RATE = 16_000


class SoundItem(BaseModel):
    """One excerpt.

    ``original`` is the name of the real item that a fake was made from, empty for a real one and
    for speech made of text. ``start`` and ``samples`` count samples of the array.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    label: Literal["real", "fake"]
    family: str
    system: str
    speaker: str
    split: Literal["train", "dev", "test"]
    original: str = ""
    start: int = Field(ge=0)
    samples: int = Field(gt=0)


@dataclasses.dataclass(frozen=True)
class SoundCorpus:
    """An opened corpus."""

    items: tuple[SoundItem, ...]
    samples: Sound

    def sound(self, item: SoundItem) -> Sound:
        """Samples (N,) of one item."""
        return self.samples[item.start : item.start + item.samples]


def open_sounds(folder: Path) -> SoundCorpus:
    """Read a corpus; InputError when it is not one, or a speaker stands in two splits."""
    items = read_items(folder)
    try:
        samples = load_file(folder / "sound.safetensors")["sound"]
    except (OSError, KeyError, SafetensorError) as error:
        raise _wrong(folder, error) from error
    check(items, len(samples))
    return SoundCorpus(items, samples)


def read_items(folder: Path) -> tuple[SoundItem, ...]:
    """The items alone, in the order of their places; InputError."""
    try:
        with (folder / "items.csv").open(encoding="utf-8", newline="") as file:
            return tuple(SoundItem.model_validate(row) for row in csv.DictReader(file))
    except (OSError, ValueError, ValidationError) as error:
        raise _wrong(folder, error) from error


def _wrong(folder: Path, error: Exception) -> InputError:
    return InputError(
        f"not a corpus of sounds: {error}", folder, "run recipes/fake_sounds/prepare.py"
    )


def save_sounds(folder: Path, items: Sequence[SoundItem], samples: Sound) -> None:
    """Write a corpus; InputError as for ``open_sounds``."""
    check(items, len(samples))
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"sound": np.ascontiguousarray(samples)}, folder / "sound.safetensors")
    with (folder / "items.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(SoundItem.model_fields))
        writer.writeheader()
        writer.writerows(item.model_dump() for item in items)


def check(items: Sequence[SoundItem], samples: int) -> None:
    """InputError where items lie outside, names come twice, or a speaker is in two splits."""
    names: set[str] = set()
    splits: dict[str, str] = {}
    for item in items:
        if item.start + item.samples > samples:
            raise InputError("lies beyond the end of the sound", item.name)
        if item.name in names:
            raise InputError("is there twice", item.name)
        names.add(item.name)
        if splits.setdefault(item.speaker, item.split) != item.split:
            raise InputError(f"{item.speaker} is in two splits", item.name)
