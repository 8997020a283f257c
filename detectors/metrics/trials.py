"""What a test set says of each file, and scores joined to it by name, never by order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from detectors.metrics.polarity import Booleans, Doubles, Polarity


@dataclass(frozen=True, slots=True)
class Trial:
    """One file of a test set.

    Attributes:
        file: its id; data set, method and file, so that no two share one.
        synthetic: the label.
        group: attack, method or family of a synthetic file.
        person: who is seen or heard; empty where unknown.
        split: of the data set.
        source: what it shares with others: recording, film, studio; empty where unknown.
        original: id of the real file that it was made from; empty for real ones and where unknown.
    """

    file: str
    synthetic: bool
    group: str = ""
    person: str = ""
    split: str = ""
    source: str = ""
    original: str = ""


@dataclass(frozen=True)
class Key:
    """A test set: its trials, each file once, and how its score files are customarily turned."""

    protocol: str
    trials: tuple[Trial, ...]
    higher_is: Polarity = "synthetic"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len({trial.file for trial in self.trials}) != len(self.trials):
            raise ValueError("a file stands twice in the key")

    def of_split(self, split: str) -> Key:
        """The trials of one split."""
        kept = tuple(trial for trial in self.trials if trial.split == split)
        return Key(self.protocol, kept, self.higher_is, self.notes)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, sorted."""
        return tuple(sorted({trial.split for trial in self.trials}))


@dataclass(frozen=True)
class Scored:
    """Trials (N,) with their scores (N,), higher = synthetic."""

    trials: tuple[Trial, ...]
    scores: Doubles

    @property
    def synthetic(self) -> Booleans:
        """Labels (N,)."""
        return np.array([trial.synthetic for trial in self.trials], bool)

    @property
    def people(self) -> tuple[str, ...]:
        """Who is in each file (N,)."""
        return tuple(trial.person for trial in self.trials)

    @property
    def sources(self) -> tuple[str, ...]:
        """What each file (N,) stems from: its source, else its original, else itself."""
        return tuple(trial.source or trial.original or trial.file for trial in self.trials)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups of synthetic files, sorted."""
        return tuple(sorted({trial.group for trial in self.trials if trial.synthetic}))

    @property
    def both_classes(self) -> bool:
        """Whether there is a real and a synthetic file."""
        return len({trial.synthetic for trial in self.trials}) == 2

    def of_group(self, group: str) -> Scored:
        """The synthetic files of one group, with all real ones."""
        kept = [not trial.synthetic or trial.group == group for trial in self.trials]
        chosen = tuple(t for t, keep in zip(self.trials, kept, strict=True) if keep)
        return Scored(chosen, self.scores[np.array(kept, bool)])

    def pairs(self) -> Iterator[tuple[float, float, str]]:
        """(score of a fake, score of its original, id of the original), where both are there."""
        by_file = dict(zip((t.file for t in self.trials), self.scores.tolist(), strict=True))
        for trial, score in zip(self.trials, self.scores.tolist(), strict=True):
            if trial.synthetic and trial.original in by_file:
                yield score, by_file[trial.original], trial.original


def join(scores: Mapping[str, float | None], key: Key, missing: float | None) -> Scored:
    """Scores by file id -> those of the key's trials, in its order.

    A file without a score (absent, or None) is left out, or gets ``missing`` where that is given.
    Scores of files that the key does not know are ignored.
    """
    found = [(trial, scores.get(trial.file)) for trial in key.trials]
    kept = [(t, missing if s is None else s) for t, s in found]
    whole = [(t, s) for t, s in kept if s is not None]
    return Scored(tuple(t for t, _ in whole), np.array([s for _, s in whole], np.float64))
