"""Prepared faces and voices as training batches, and how they are drawn."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from batches import changed, joined
from numpy.typing import NDArray
from portraits import Portraits

from avsynth.errors import InputError, UsageError
from detectors import views
from detectors.films import MOUTH

FRAMES = 8
FIELDS = ("name", "label", "family", "system", "person", "split", "original", "purpose")
_FAINT = 0.1  # of an item's loudest moment: windows that are fainter hold a pause


@dataclass(frozen=True)
class Row:
    """One item, see ``FIELDS``; ``number`` is its place in the arrays."""

    number: int
    name: str
    label: str
    family: str
    system: str
    person: str
    split: str
    original: str
    purpose: str

    @property
    def fake(self) -> bool:
        """Whether somebody made it."""
        return self.label == "fake"


class Examples(Protocol):
    """Prepared items of one kind."""

    rows: tuple[Row, ...]
    versions: int

    def batch(self, numbers: Sequence[int], seeds: Sequence[int]) -> views.Batch:
        """A random moment of each item, in a random version, as ``views`` has them.

        Items of equal seeds get equal draws: a fake and its original differ by the making alone.
        """
        ...

    def whole(self, row: Row, version: int) -> views.Batch:
        """All of an item that the detector would look at; none where that is nothing."""
        ...


def load(folder: Path) -> Examples:
    """What ``prepare.py`` wrote; InputError when it did not."""
    try:
        about = json.loads((folder / "about.json").read_text("utf-8"))
        with (folder / "rows.csv").open(encoding="utf-8", newline="") as file:
            rows = tuple(Row(number, **row) for number, row in enumerate(csv.DictReader(file)))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"nothing prepared: {error}", folder, "run prepare.py") from error
    kinds = {"face": Faces, "portrait": Portraits, "voice": Voices}
    return kinds[about["subject"]](folder, rows, int(about["versions"]))


class Faces:
    """Mouths of films of faces."""

    def __init__(self, folder: Path, rows: tuple[Row, ...], versions: int) -> None:
        self.rows, self.versions = rows, versions
        shape = (len(rows), versions, FRAMES, MOUTH, MOUTH)
        self._mouths = np.memmap(folder / "mouths.bin", np.uint8, "r", shape=(*shape, 3))
        self._maps = np.memmap(folder / "maps.bin", np.uint8, "r", shape=shape)

    def batch(self, numbers: Sequence[int], seeds: Sequence[int]) -> views.Batch:
        """See ``Examples``; mirrored or not, in light and colour a little changed."""
        made = []
        for number, seed in zip(numbers, seeds, strict=True):
            generator = np.random.default_rng(seed)
            version = int(generator.integers(self.versions))
            start = int(generator.integers(FRAMES - views.PICTURES + 1))
            films = views.mouth_films(
                self._mouths[number, version], self._planes(number, version), [start]
            )
            made.append(changed(films, generator))
        return joined(made)

    def whole(self, row: Row, version: int) -> views.Batch:
        """See ``Examples``: the films that ``LipsyncJudge`` takes of a burst."""
        return views.mouth_films(
            self._mouths[row.number, version],
            self._planes(row.number, version),
            [0, FRAMES - views.PICTURES],
        )

    def _planes(self, number: int, version: int) -> NDArray[np.uint8]:
        packed = self._maps[number, version]
        return np.stack([(packed >> bit & 1) * np.uint8(255) for bit in range(3)], axis=-1)


class Voices:
    """Excerpts of speech."""

    def __init__(self, folder: Path, rows: tuple[Row, ...], versions: int) -> None:
        self.rows, self.versions = rows, versions
        self._ends = np.load(folder / "ends.npy")
        total = int(self._ends[-1])
        self._sound = np.memmap(folder / "sound.bin", np.int16, "r", shape=(versions, total))

    def sound(self, number: int, version: int) -> NDArray[np.float32]:
        """Samples (N,) of one item."""
        start = int(self._ends[number - 1]) if number else 0
        taken = self._sound[version, start : int(self._ends[number])]
        return taken.astype(np.float32) / np.float32(32767)

    def batch(self, numbers: Sequence[int], seeds: Sequence[int]) -> views.Batch:
        """See ``Examples``."""
        windows = []
        for number, seed in zip(numbers, seeds, strict=True):
            generator = np.random.default_rng(seed)
            sound = self.sound(number, int(generator.integers(self.versions)))
            sound = np.pad(sound, (0, max(0, views.WINDOW - len(sound))))
            starts = (generator.random(8) * (len(sound) - views.WINDOW + 1)).astype(int)
            candidates = [sound[s : s + views.WINDOW] for s in starts]
            levels = np.array([np.abs(c).mean() for c in candidates])
            loud = np.flatnonzero(levels >= max(_FAINT * levels.max(), 1e-9))
            windows.append(candidates[int(loud[0])] if len(loud) else candidates[0])
        return views.sound(np.stack(windows))

    def whole(self, row: Row, version: int) -> views.Batch:
        """See ``Examples``: the windows that ``VocoderJudge`` takes."""
        listener = views.Listener()
        found = [*listener.push(self.sound(row.number, version)), *listener.flush()]
        if not found:
            return {}
        return views.sound(np.stack([window for _, window in found]))


class Draw:
    """Training items in pairs of a real and a made one: families evenly, and in them people."""

    def __init__(
        self, rows: tuple[Row, ...], purpose: str, without: tuple[str, ...], share: float, seed: int
    ) -> None:
        allowed = [
            row for row in rows
            if row.split == "train" and (purpose == "research" or row.purpose == "commercial")
        ]  # fmt: skip
        taken = _some({row.name for row in allowed if not row.fake}, share, seed)
        sources = _some(
            {row.person for row in allowed if row.fake and not row.original}, share, seed
        )
        self.rows = [
            row for row in allowed
            if row.family not in without
            and ((row.original or row.name) in taken or (_free(row) and row.person in sources))
        ]  # fmt: skip
        self._groups: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for row in self.rows:
            self._groups[row.family if row.fake else "real"][row.person].append(row.number)
        if len(self._groups) < 2 or "real" not in self._groups:
            raise UsageError("there is nothing real to train on, or nothing made")
        self._reals = {row.name: row.number for row in self.rows if not row.fake}
        self._originals = {row.number: row.original for row in self.rows if row.fake}

    @property
    def families(self) -> tuple[str, ...]:
        """Of fakes."""
        return tuple(sorted(set(self._groups) - {"real"}))

    def pairs(
        self, count: int, generator: np.random.Generator, matched: bool
    ) -> list[tuple[int, int]]:
        """Numbers of a real item and of a made one, ``count`` times.

        ``matched``: the real one is the fake's own original, where there is one; else anybody's.
        """
        drawn = []
        for family in generator.choice(self.families, count):
            fake = self._one(str(family), generator)
            real = self._reals.get(self._originals[fake]) if matched else None
            drawn.append((self._one("real", generator) if real is None else real, fake))
        return drawn

    def _one(self, kind: str, generator: np.random.Generator) -> int:
        people = list(self._groups[kind].values())
        mine = people[int(generator.integers(len(people)))]
        return mine[int(generator.integers(len(mine)))]


def _free(row: Row) -> bool:
    """Whether it was made of no recording: speech from text."""
    return row.fake and not row.original


def _some(names: set[str], share: float, seed: int) -> set[str]:
    ordered = sorted(names)
    np.random.default_rng(seed).shuffle(ordered)
    return set(ordered[: max(1, round(share * len(ordered)))]) if ordered else set()
