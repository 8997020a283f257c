"""Films of faces, real and made: what picture detectors are trained and judged on.

A corpus is a folder. ``items.csv`` has a row a film (``FaceItem``); ``frames.bin`` the JPEGs of
all frames, one after the other; ``points.safetensors`` their landmarks and ``masks.safetensors``
where they were changed. Films are ``FRAMES`` pictures in a row, cut as ``detectors.looks.Look``
cuts a face, ``SIZE`` pixels a side.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from avsynth.errors import InputError

FRAMES: Final = 8
SIZE: Final = 224
MASK: Final = 28  # side of a stored mask

Film = NDArray[np.uint8]
Floats = NDArray[np.float32]


class FaceItem(BaseModel):
    """One film of one face.

    ``family`` and ``system`` say what made it ("real" for what nobody made), ``original`` names
    the real film it was made from (empty for that itself). ``number`` is its row in the arrays,
    ``offset`` where its first JPEG begins, ``sizes`` the lengths of its JPEGs in bytes. ``zoom``
    is the number of its pixels to one of the frame it was cut from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    label: Literal["real", "fake"]
    family: str
    system: str
    person: str
    source: Literal["s1", "grid", "lrwar", "research"]
    split: Literal["train", "dev", "test", "test_sentence"]
    original: str
    purpose: Literal["commercial", "research"]
    number: int = Field(ge=0)
    offset: int = Field(ge=0)
    sizes: tuple[int, ...]
    zoom: float = Field(gt=0)
    codec: str = Field(description="how the whole frame was encoded after the making")


@dataclass(frozen=True)
class FaceCorpus:
    """An opened corpus: the films' rows, and their pictures on demand."""

    folder: Path
    items: tuple[FaceItem, ...]
    _points: Floats = field(repr=False)
    _masks: Film = field(repr=False)
    _frames: NDArray[np.uint8] = field(repr=False)

    def film(self, item: FaceItem, start: int = 0, stop: int = FRAMES) -> Film:
        """Pictures ``start`` to ``stop`` of a film, uint8 (T, 224, 224, 3), RGB."""
        offset = item.offset + sum(item.sizes[:start])
        pictures = []
        for size in item.sizes[start:stop]:
            bgr = cv2.imdecode(self._frames[offset : offset + size], cv2.IMREAD_COLOR)
            if bgr is None:
                raise InputError(f"a picture of {item.name} cannot be read", self.folder)
            pictures.append(bgr[..., ::-1])
            offset += size
        return np.ascontiguousarray(np.stack(pictures), dtype=np.uint8)

    def points(self, item: FaceItem) -> Floats:
        """Landmarks ``mesh.STORED`` in pixels of the film, float32 (8, P, 2)."""
        return np.asarray(self._points[item.number])

    def masks(self, item: FaceItem) -> Floats:
        """How much of each place was changed, float32 (8, 28, 28), 0..1; 0 in real films."""
        return np.asarray(self._masks[item.number] / np.float32(255.0), np.float32)


def open_faces(folder: Path) -> FaceCorpus:
    """Open a corpus; InputError when something is missing, or a person is in two splits."""
    try:
        with (folder / "items.csv").open(newline="", encoding="utf-8") as file:
            items = tuple(
                FaceItem.model_validate(row | {"sizes": row["sizes"].split()})
                for row in csv.DictReader(file)
            )
        points = load_file(folder / "points.safetensors")["points"]
        masks = load_file(folder / "masks.safetensors")["masks"]
        frames = np.memmap(folder / "frames.bin", np.uint8, "r")
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        hint = "run recipes/fake_faces/prepare.py"
        raise InputError(f"not a corpus of faces: {error}", folder, hint) from error
    check_people(items)
    return FaceCorpus(folder, items, points, masks, frames)


def check_people(items: Iterable[FaceItem]) -> None:
    """InputError when a person stands in two splits (unseen sentences of a trained one may)."""
    seen: dict[str, str] = {}
    for item in items:
        split = "train" if item.split == "test_sentence" else item.split
        if seen.setdefault(item.person, split) != split:
            raise InputError(f"{item.person} is in {seen[item.person]} and in {split}", item.name)


class FaceWriter:
    """Writes a corpus film by film; ``close`` (or the end of a ``with``) makes it complete."""

    _QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 97, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111)

    def __init__(self, folder: Path, append: bool = False) -> None:
        """``append`` adds to a corpus that is there already, where there is one."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.items: list[FaceItem] = []
        self._points: list[Floats] = []
        self._masks: list[Film] = []
        if append and (folder / "items.csv").is_file():
            known = open_faces(folder)
            self.items += known.items
            self._points += list(known._points)
            self._masks += list(known._masks)
        self._file = (folder / "frames.bin").open("r+b" if self.items else "wb")
        if self.items:  # behind the last known picture, whatever an interrupted run left
            self._file.seek(self.items[-1].offset + sum(self.items[-1].sizes))

    def __enter__(self) -> FaceWriter:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()

    def add(self, film: Film, points: Floats, masks: Floats, **about: object) -> FaceItem:
        """One film: pictures (8, 224, 224, 3), landmarks (8, P, 2), masks (8, 28, 28) of 0..1.

        ``about`` are the fields of ``FaceItem`` that say what it is.
        """
        blobs = [
            cv2.imencode(".jpg", picture[..., ::-1], self._QUALITY)[1].tobytes() for picture in film
        ]
        item = FaceItem.model_validate(
            about | {
                "number": len(self.items), "offset": self._file.tell(),
                "sizes": tuple(map(len, blobs)),
            }
        )  # fmt: skip
        self._file.write(b"".join(blobs))
        self.items.append(item)
        self._points.append(points.astype(np.float32))
        self._masks.append(np.clip(masks * 255.0 + 0.5, 0, 255).astype(np.uint8))
        return item

    def close(self) -> None:
        """Write what is not pictures; InputError when a person is in two splits."""
        self._file.truncate()
        self._file.close()
        check_people(self.items)
        save_file({"points": np.stack(self._points)}, self._folder / "points.safetensors")
        save_file({"masks": np.stack(self._masks)}, self._folder / "masks.safetensors")
        with (self._folder / "items.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(FaceItem.model_fields))
            writer.writeheader()
            for item in self.items:
                writer.writerow(item.model_dump() | {"sizes": " ".join(map(str, item.sizes))})
