"""Where the recipe's clips come from: a table of clips, or the histories of public repositories.

Every source yields ``Item``s: who speaks, in which split, under which licence, and how to get the
media as a file on disk. ``extract`` finds their landmarks.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avsynth.errors import InputError
from avsynth.media import read_audio, read_frames
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.training.pack import Split

HELD_OUT_LRWAR = frozenset(f"lrwar{i:02d}" for i in (5, 10, 15, 20, 25, 30))


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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``find`` and the cache of landmarks need to be told, and a trial's limit and seed."""
    parser.add_argument("--data", type=Path, required=True, help="folder with grid.csv")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("packs/landmarks"))
    parser.add_argument("--s1-git", type=Path)
    parser.add_argument("--lrwar-git", type=Path)
    parser.add_argument("--research", type=Path, help="folder of .mp4, one person each")
    parser.add_argument("--research-dev", nargs="*", default=[], help="names kept for validation")
    parser.add_argument("--limit", type=int, help="clips, for a trial")
    parser.add_argument("--seed", type=int, default=0)


def find(options: argparse.Namespace) -> Iterator[Item]:
    """All items of all sources, GRID first."""
    lists = options.data / "sources"
    found = list(table(options.data / "grid.csv"))
    if options.s1_git:
        found += grid_history(options.s1_git, lists / "grid_s1_blobs.txt")
    if options.lrwar_git:
        people = lists / "lrwar_persons.csv"
        found += lrwar_history(options.lrwar_git, people, HELD_OUT_LRWAR)
    if options.research:
        licence = "public officials, academic demonstrations"
        held_out = frozenset(options.research_dev)
        found += folder(options.research, "research", licence, held_out)
    if options.speech:
        with (options.data / "speech.csv").open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
        speakers = frozenset(row["speaker"].removeprefix("LS-") for row in rows)
        found += speech_folder(options.speech, speakers)
    return iter(found[: options.limit])


def extract(item: Item, cached: Path, detector: object) -> None:
    """Landmarks of every frame and 16 kHz sound of one clip, into the cache."""
    with item.open() as path:
        sound = list(read_audio(path, SAMPLE_RATE))
        points, times = [], []
        for frame in read_frames(path) if item.face else ():
            faces = detector.detect(frame.rgb())  # type: ignore[attr-defined]
            times.append(float(frame.time))
            points.append(faces[0].points if faces else np.full((478, 3), np.nan, np.float32))
    cached.parent.mkdir(parents=True, exist_ok=True)
    part = cached.with_suffix(".part.npz")
    np.savez(
        part,
        points=np.array(points, np.float32).reshape(-1, 478, 3),
        times=np.array(times),
        audio=np.concatenate([chunk.samples for chunk in sound]),
        audio_start=float(sound[0].time),
    )
    part.replace(cached)
