"""Where the recipe's clips come from: a table of clips, or the histories of public repositories.

Every source yields ``Item``s: who speaks, in which split, under which licence, and how to get the
media as a file on disk.
"""

from __future__ import annotations

import csv
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from avsynth.errors import InputError
from avsynth.training.pack import Split


@dataclass(frozen=True)
class Item:
    """One clip before preparation. ``face`` is False for sound alone."""

    name: str
    source: str
    person: str
    split: Split
    licence: str
    purpose: str
    media: Path | tuple[Path, str]  # a file, or (git directory, object)
    face: bool = True

    def open(self) -> AbstractContextManager[Path]:
        """The media as a file, for as long as the context lasts."""
        if isinstance(self.media, Path):
            return nullcontext(self.media)
        return _blob(*self.media)


@contextmanager
def _blob(git: Path, reference: str) -> Iterator[Path]:
    command = ["git", f"--git-dir={git}", "cat-file", "blob", reference]
    with tempfile.NamedTemporaryFile(suffix=".media") as file:
        if subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL).returncode:
            raise InputError(f"git has no object {reference}", git)
        file.flush()
        yield Path(file.name)


def table(path: Path) -> Iterator[Item]:
    """Clips of a CSV with columns file, person, split, licence; files relative to the table.

    Optional columns: purpose ("commercial" when absent), kind ("speech" for sound alone).
    """
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            media = path.parent / row["file"]
            yield Item(
                media.stem, path.stem, row["person"], row["split"], row["licence"],  # type: ignore[arg-type]
                row.get("purpose") or "commercial", media, row.get("kind") != "speech",
            )  # fmt: skip


def grid_history(git: Path, blobs: Path) -> Iterator[Item]:
    """All sentences of GRID's speaker s1; ids that end in ``n`` are unseen sentences."""
    for line in blobs.read_text("utf-8").splitlines():
        blob, path = line.split()
        name = Path(path).stem
        split: Split = "test_sentence" if name.endswith("n") else "train"
        yield Item(name, "s1", "s1", split, "GRID, CC BY 4.0", "commercial", (git, blob))


def lrwar_history(git: Path, persons: Path, held_out: frozenset[str]) -> Iterator[Item]:
    """Word-length clips of Arabic news presenters: research only."""
    with persons.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            person = row["person"]
            yield Item(
                f"{person}_{row['blob'][:10]}", "lrwar", person,
                "dev" if person in held_out else "train",
                "broadcast material, no data licence", "research", (git, row["blob"]),
            )  # fmt: skip


def folder(path: Path, source: str, licence: str, held_out: frozenset[str]) -> Iterator[Item]:
    """Files of a folder, one person each, research only."""
    for media in sorted(path.glob("*.mp4")):
        split: Split = "dev" if media.stem in held_out else "train"
        yield Item(media.stem, source, media.stem, split, licence, "research", media)


def speech_folder(path: Path, speakers: frozenset[str]) -> Iterator[Item]:
    """LibriSpeech utterances of ``speakers`` anywhere under a folder: sound alone."""
    for media in sorted(path.rglob("*.flac")):
        speaker = media.stem.partition("-")[0]
        if speaker in speakers:
            yield Item(
                media.stem, "librispeech", f"LS-{speaker}", "train",
                "LibriSpeech, CC BY 4.0", "commercial", media, face=False,
            )  # fmt: skip
