"""Real recordings of people and speakers never trained on: how often are they called synthetic?

    python recipes/fusion/reals.py list --data ../shared/data --out packs/reals \
        [--lrwar-git ARABIC-LIP-READING/.git] [--count 150]
    python recipes/fusion/scores.py films packs/reals/manifest.csv --out runs/fusion/reals.csv
    python recipes/fusion/reals.py count runs/fusion/reals.csv

``list`` copies GRID's test people, the clips as users have them, LRW-AR, and the test and
evaluation speakers of LibriSpeech, VCTK and LJSpeech, each as it is and once more re-encoded:
pictures H.264 CRF 35, sound MP3 64 kb/s. ``count`` weighs the scores as a scan does.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from listing import Listing

from avsynth.errors import InputError
from avsynth.media import probe
from detectors.base import Evidence
from detectors.calibration import Calibration, load
from detectors.corrupt_file import corrupt_file
from detectors.corruptions import corruption_named
from detectors.fusion import fuse
from detectors.metrics.operating import binomial_interval
from detectors.registry import DETECTORS

sys.path.append(str(Path(__file__).parents[1] / "motion"))
import sources

Row = dict[str, str]


def main() -> None:
    """Make the files, or count what was said of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("list")
    making.add_argument("--data", type=Path, required=True)
    making.add_argument("--out", type=Path, required=True)
    making.add_argument("--lrwar-git", type=Path)
    making.add_argument("--count", type=int, default=150, help="of any one source, at most")
    counting = commands.add_parser("count")
    counting.add_argument("scores", type=Path)
    counting.add_argument("--calibration", default="small")
    options = parser.parse_args()
    if options.command == "list":
        make(options)
    else:
        print("\n".join(count(options.scores, load(options.calibration))))


def make(options: argparse.Namespace) -> None:
    """Every file twice: as it is, and re-encoded."""
    generator = np.random.default_rng(0)
    with Listing(options.out) as listing:
        for source, items in found(options).items():
            order = generator.permutation(len(items))[: options.count]
            for item in (items[n] for n in order):
                add(listing, source, item)
            print(f"{source}: {len(order)}", flush=True)


def found(options: argparse.Namespace) -> dict[str, list[sources.Item]]:
    """Source -> recordings of it."""
    data = options.data
    films = [i for i in sources.table(data / "grid.csv") if i.split == "test"]
    clips = [row["file"] for row in rows(data / "clips.csv") if "noface" not in row["file"]]
    kinds = {"GRID test": films, "clips": [item_of(data / c, Path(c).stem, "") for c in clips]}
    if options.lrwar_git:
        people = data / "sources" / "lrwar_persons.csv"
        kinds["LRW-AR"] = list(sources.lrwar_history(options.lrwar_git, people, frozenset()))
    for row in rows(data / "speech.csv"):
        if row["split"] not in ("train", "dev"):
            item = item_of(data / row["file"], row["speaker"], row["licence"])
            kinds.setdefault(row["corpus"], []).append(item)
    return kinds


def item_of(path: Path, person: str, licence: str) -> sources.Item:
    """A file that stands in no list of the motion recipe."""
    return sources.Item(path.stem, "", person, "test", licence, "research", path)


def rows(path: Path) -> Iterator[Row]:
    """Of a list."""
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def add(listing: Listing, source: str, item: sources.Item) -> None:
    """One recording as it is, and re-encoded."""
    try:
        with item.open() as path:
            film = probe(path).video is not None
            plain = listing.folder / f"{item.name}{path.suffix.replace('.media', '.mp4')}"
            shutil.copyfile(path, plain)
    except InputError as error:
        print(f"left out: {error}")
        return
    again = listing.folder / f"{item.name}-again{'.mkv' if film else '.wav'}"
    corrupt_file(plain, corruption_named("h264-4" if film else "mp3-3"), again)
    for path, state in ((plain, ""), (again, ", re-encoded")):
        listing.add(
            file=path.name, label="real", group="real", person=item.person, split="test",
            source=source + state, original="",
        )  # fmt: skip


def count(scores: Path, known: Calibration) -> Iterator[str]:
    """False alarms by source, with counts, and how many were left open."""
    answers: dict[str, Counter[str]] = {}
    for row in rows(scores):
        verdict = fuse(evidence(row), 0.01, known)
        answers.setdefault(row["source"], Counter())[verdict.answer] += 1
    yield "| real recordings | files | called synthetic | 95 % | inconclusive |"
    yield "|---|---|---|---|---|"
    total: Counter[str] = Counter()
    for source, found_here in sorted(answers.items()):
        total += found_here
        yield line_of(source, found_here)
    yield line_of("all", total)


def evidence(row: Row) -> list[Evidence]:
    """A file's raw logits as its detectors would give them."""
    return [
        Evidence(name, float(row[name]), np.zeros(1), np.array([row[name]], np.float32))
        for name in DETECTORS
        if row.get(name)
    ]


def line_of(source: str, found_here: Counter[str]) -> str:
    """A row of the table."""
    files = sum(found_here.values())
    alarms = found_here["synthetic"]
    low, high = binomial_interval(alarms, files)
    return (
        f"| {source} | {files} | {alarms} ({100 * alarms / files:.1f} %) "
        f"| {100 * low:.1f} to {100 * high:.1f} % | {found_here['inconclusive']} |"
    )


if __name__ == "__main__":
    main()
