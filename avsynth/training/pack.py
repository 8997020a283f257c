"""Packs: prepared training data as arrays over all clips, with licences and splits inside.

A pack is a folder: ``index.json`` (a ``PackIndex``) beside one ``NAME.safetensors`` per array. An
array holds the rows of all clips one after the other; a clip knows where its rows begin.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from avsynth.errors import InputError

Split = Literal["train", "dev", "test", "test_sentence"]


class Clip(BaseModel):
    """One clip of one person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    source: str
    person: str
    split: Split
    licence: str
    purpose: Literal["commercial", "research"]
    start: int = Field(ge=0, description="first row")
    rows: int = Field(gt=0)
    lag: int = Field(0, description="rows by which the mouth comes after the sound")
    clarity: float = Field(1.0, description="correlation at that lag; 1 where it was not measured")


class PackIndex(BaseModel):
    """Everything about a pack but the numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = 1
    rate: int = Field(gt=0, description="rows a second")
    clips: tuple[Clip, ...]
    notes: dict[str, str] = {}


@dataclasses.dataclass(frozen=True)
class Pack:
    """An opened pack: the index, and arrays (rows, ...) by name."""

    index: PackIndex
    arrays: dict[str, NDArray[np.generic]]

    @classmethod
    def open(cls, folder: Path, names: Sequence[str]) -> Pack:
        """Read the index and the arrays ``names``; InputError when something is missing."""
        try:
            index = PackIndex.model_validate_json((folder / "index.json").read_text("utf-8"))
            arrays: dict[str, NDArray[np.generic]] = {}
            for name in names:
                arrays |= load_file(folder / f"{name}.safetensors")
        except (OSError, ValueError, SafetensorError) as error:
            raise InputError(
                f"not a pack: {error}", folder, "run the recipe's prepare.py"
            ) from error
        check_splits(index.clips)
        return cls(index, arrays)

    def rows(self, clip: Clip, name: str) -> NDArray[np.generic]:
        """The rows of one clip in array ``name``."""
        return self.arrays[name][clip.start : clip.start + clip.rows]


def save_index(folder: Path, index: PackIndex) -> None:
    """Write the index, after checking that the splits are by person."""
    check_splits(index.clips)
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(index.model_dump(mode="json"), indent=1)
    (folder / "index.json").write_text(text + "\n", "utf-8")


def save_array(folder: Path, name: str, array: NDArray[np.generic]) -> None:
    """Write one array under its name."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(array)}, folder / f"{name}.safetensors")


def check_splits(clips: Iterable[Clip]) -> None:
    """InputError when a person stands in two splits (unseen sentences of a trained one may)."""
    seen: dict[str, str] = {}
    for clip in clips:
        split = "train" if clip.split == "test_sentence" else clip.split
        if seen.setdefault(clip.person, split) != split:
            raise InputError(f"{clip.person} is in {seen[clip.person]} and in {split}", clip.name)
