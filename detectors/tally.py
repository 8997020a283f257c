"""What was seen and heard of a file, how long that took, and what fell short."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

from avsynth.errors import AvsynthError
from avsynth.media import MediaInfo
from detectors.options import ScanOptions
from detectors.properties import stated_length

T = TypeVar("T")

_SHORT_OF: Final = 0.9  # share of the stated length below which a file is said to be cut off


@dataclass
class Tally:
    """What was seen and heard of a file, and how long that took.

    ``frames`` were decoded, ``looks`` of them looked at, ``damaged`` could not be fully decoded;
    ``seen`` and ``heard`` are where picture and sound end, in seconds; ``crowded`` says that there
    were as many faces at a time as are followed. ``errors`` ended a stream early, ``notes`` are for
    a reader; ``seconds`` are by stage.
    """

    frames: int = 0
    looks: int = 0
    damaged: int = 0
    seen: float = 0.0
    heard: float = 0.0
    crowded: bool = False
    errors: list[AvsynthError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, stage: str, source: Iterable[T]) -> Iterator[T]:
        """The same items; the wait for each counts for ``stage``."""
        items = iter(source)
        while True:
            began = time.perf_counter()
            item = next(items, None)
            self.spent(stage, began)
            if item is None:
                return
            yield item

    def spent(self, stage: str, began: float) -> None:
        """Add the time since ``began`` to a stage; one stage belongs to one thread."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began


def shortcomings(tally: Tally, info: MediaInfo, options: ScanOptions) -> list[str]:
    """What a reader should know of how much could be seen."""
    notes = []
    stated, reached = stated_length(info), max(tally.seen, tally.heard)
    wanted = None if stated is None else min(stated, options.max_duration)
    if wanted is not None and reached < _SHORT_OF * wanted and wanted - reached > 1.0:
        notes.append(f"it ends after {reached:.1f} s and says that it lasts {stated:.1f} s")
    if tally.damaged:
        notes.append(f"{tally.damaged} pieces of its video were damaged")
    if tally.crowded:
        notes.append(f"at most {options.max_faces} faces at a time were followed; others were not")
    return notes
