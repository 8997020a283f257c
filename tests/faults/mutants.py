"""Ten thousand damaged files, one after the other, and what was seen of them, as a table."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from media_bases import KINDS, Kind, make_bases
from mutation import mutated

SEED = 12
#: How an operation must not end.
BAD = ("error", "hang", "crash", "memory", "wrote", "believed")
MOST_MB = 3000.0  # of memory that a small file may take


@dataclass
class Mutants:
    """The damaged files by number: the same seed gives the same damage.

    Those of signed files differ from run to run, as signatures do.
    """

    folder: Path
    films: Sequence[Path] = ()
    seed: int = SEED
    kinds: Sequence[Kind] = KINDS
    data: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        made = make_bases(self.folder / "bases", self.films, self.kinds)
        self.data = {name: path.read_bytes() for name, path in made.items()}
        (self.folder / "in").mkdir(exist_ok=True)

    def write(self, number: int, names: Sequence[str] | None = None) -> tuple[Path, str, str]:
        """File ``number``, of what it was made, and how."""
        dice = random.Random(f"{self.seed}:{number}")
        usual = list(self.data)
        name = (names or usual)[number % len(names or usual)]
        found, how = mutated(self.data[name], dice, list(self.data.values()))
        path = self.folder / "in" / f"{number:05d}-{name}"
        path.write_bytes(found)
        return path, name, how


class Tally:
    """Counts of outcomes by container and operation; what went wrong, a line of JSON each."""

    def __init__(self, log: Path | None = None) -> None:
        self.counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.files: Counter[str] = Counter()
        self.wrong: list[dict[str, Any]] = []
        self.slowest: dict[str, float] = defaultdict(float)
        self.memory: dict[str, float] = defaultdict(float)
        self._log = log
        self._began = time.monotonic()

    def file(self, name: str) -> None:
        """Another file of a container."""
        self.files[container(name)] += 1

    def add(self, name: str, operation: str, outcome: str, seconds: float, **more: Any) -> None:
        """What an operation came to."""
        kind = next((bad for bad in BAD if outcome.startswith(bad)), None)
        self.counts[container(name), operation][outcome] += 1
        self.slowest[operation] = max(self.slowest[operation], seconds)
        if kind is not None:
            self._note({"base": name, "operation": operation, "outcome": outcome,
                        "seconds": round(seconds, 2), **more})  # fmt: skip

    def _note(self, row: dict[str, Any]) -> None:
        self.wrong.append(row)
        if self._log is not None:
            with self._log.open("a") as file:
                file.write(json.dumps(row, default=str) + "\n")

    def told(self) -> str:
        """The first few things that went wrong."""
        return "\n".join(json.dumps(row, default=str) for row in self.wrong[:5])

    def progress(self, every: int = 200) -> None:
        """A line now and then."""
        done = self.files.total()
        if done % every == 0:
            rate = done / (time.monotonic() - self._began)
            print(f"{done} files, {rate:.1f}/s, {len(self.wrong)} wrong", flush=True)

    def rows(self, operations: Sequence[str]) -> list[dict[str, object]]:
        """The table: containers by operation, outcomes with their counts."""
        found: list[dict[str, object]] = []
        for kind in [*sorted(self.files), "all"]:
            row: dict[str, object] = {
                "container": kind,
                "files": self.files.total() if kind == "all" else self.files[kind],
            }
            for operation in operations:
                counts: Counter[str] = Counter()
                for (each, what), some in self.counts.items():
                    if what == operation and kind in (each, "all"):
                        counts.update(some)
                row[operation] = ", ".join(f"{n} {o}" for o, n in counts.most_common()) or "-"
            found.append(row)
        return found


def container(name: str) -> str:
    """The kind of file that a base is: its suffix."""
    suffix = Path(name).suffix[1:]
    return f"{suffix}, signed" if name.startswith("signed") else suffix


def keep(path: Path, folder: Path | None) -> None:
    """Keep a file that something went wrong with."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / path.name).write_bytes(path.read_bytes())


@dataclass
class Peak:
    """The most memory that any process below this one had, MB; use it in a ``with`` block."""

    most: float = 0.0
    _now: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Peak:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def take(self) -> float:
        """The most since this was asked last."""
        found, self._now = self._now, 0.0
        self.most = max(self.most, found)
        return found

    def _look(self) -> None:
        me = psutil.Process(os.getpid())
        while not self._over.wait(0.2):
            for child in me.children(recursive=True):
                try:
                    self._now = max(self._now, child.memory_info().rss / 2**20)
                except psutil.Error:
                    continue


def films(data: Path | None) -> list[Path]:
    """Real clips, where there are any: some of the studio, some of phones."""
    if data is None or not data.is_dir():
        return []
    clips = sorted((data / "clips").glob("*.mp4"))
    grid = sorted((data / "grid").glob("*.mp4"))[::20]
    with_sound = [each for each in clips if "noaudio" not in each.name]
    return [*grid, *with_sound][:8]


def numbered(first: int, last: int) -> Iterator[int]:
    """Numbers of files, from the environment where a run is repeated in part."""
    only = os.environ.get("AVSYNTH_FAULTS_ONLY")
    yield from (int(each) for each in only.split(",")) if only else range(first, last)
