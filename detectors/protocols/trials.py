"""What a benchmark is made of: trials, and splits that cannot be mixed up unnoticed."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from avsynth.errors import InputError
from detectors.metrics import trials as scored
from detectors.metrics.polarity import Polarity
from detectors.protocols.paths import inside
from detectors.protocols.sampling import frame_indices

#: Splits on which choices are made, whatever a list calls them.
_CHOOSING = {"val", "dev", "validation", "development"}


@dataclass(frozen=True, slots=True)
class Trial:
    """One file of a benchmark.

    Attributes:
        key: data set, method and id, joined by ``/``; no two trials share one.
        path: of the file, relative to the data folder, with forward slashes.
        synthetic: the label.
        group: method, attack or family of a synthetic file; empty for real ones.
        person: whose face or voice, or what else is to be drawn as one by the bootstrap.
        split: of the data set.
        source: the recording, film or corpus it shares with others.
        original: key of the real file that it was made from.
        fakes: the synthetic stretches, seconds; empty where all of a synthetic file is, or where
            nobody says.
    """

    key: str
    path: str
    synthetic: bool
    group: str = ""
    person: str = ""
    split: str = "test"
    source: str = ""
    original: str = ""
    fakes: tuple[tuple[float, float], ...] = ()

    @property
    def label(self) -> str:
        """``fake`` or ``real``."""
        return "fake" if self.synthetic else "real"


@dataclass(frozen=True)
class Protocol:
    """A benchmark over a local folder.

    Attributes:
        name: as on the command line.
        root: the data folder.
        trials: all of them, sorted by key.
        official: whether the splits are those of the data set's authors.
        higher_is: what the score files of this benchmark customarily are.
        localised: whether synthetic stretches are known.
        notes: what a reader of any figure should know, a sentence each.
    """

    name: str
    root: Path
    trials: tuple[Trial, ...]
    official: bool
    higher_is: Polarity = "synthetic"
    localised: bool = False
    notes: tuple[str, ...] = ()

    @property
    def splits(self) -> tuple[str, ...]:
        """Their names, sorted."""
        return tuple(sorted({trial.split for trial in self.trials}))

    def of_split(self, split: str) -> Protocol:
        """The trials of one split; ``all`` is every one. InputError for a split without trials."""
        if split == "all":
            return self
        kept = tuple(trial for trial in self.trials if trial.split == split)
        if not kept:
            known = ", ".join((*self.splits, "all"))
            raise InputError(f"{self.name} has no split {split!r}", self.root, f"known: {known}")
        return replace(self, trials=kept)

    def limited(self, count: int) -> Protocol:
        """At most ``count`` trials, evenly spread over both classes; the notes say so."""
        if count >= len(self.trials):
            return self
        classes = [[t for t in self.trials if t.synthetic == label] for label in (False, True)]
        shares = [max(1, round(count * len(each) / len(self.trials))) for each in classes]
        kept = [
            each[at]
            for each, share in zip(classes, shares, strict=True)
            for at in (frame_indices(len(each), share) if each else ())
        ]
        note = f"only {len(kept)} of {len(self.trials)} files, evenly spread"
        return replace(
            self, trials=tuple(sorted(kept, key=lambda t: t.key)), notes=(*self.notes, note)
        )

    def file(self, trial: Trial) -> Path:
        """Where a trial's file lies. InputError when a link leads outside the folder."""
        return inside(self.root, trial.path)

    def listing(self) -> str:
        """The trials as text, one ``key label`` a line; what the hash is of."""
        return "".join(f"{trial.key} {trial.label}\n" for trial in self.trials)

    @property
    def sha256(self) -> str:
        """Of ``listing``: equal where the same files are called real and fake."""
        text = self.listing().encode("utf-8", "surrogateescape")
        return hashlib.sha256(text).hexdigest()

    def key(self) -> scored.Key:
        """For ``detectors.metrics``."""
        return scored.Key(
            self.name,
            tuple(
                scored.Trial(t.key, t.synthetic, t.group, t.person, t.split, t.source, t.original)
                for t in self.trials
            ),
            self.higher_is,
            self.notes,
        )


def checked(protocol: Protocol) -> Protocol:
    """The same, sorted, with what has to be said of its splits.

    Raises:
        InputError: no trials, a key or a file twice, one class alone, a file both in a split on
            which choices are made and in another, or, where the splits are not the authors' own, a
            person in two of them.
    """
    root = protocol.root
    trials = tuple(sorted(protocol.trials, key=lambda trial: trial.key))
    if not trials:
        raise InputError(f"{protocol.name} finds no files of its own here", root)
    for path, several in _several(trials, lambda trial: trial.path):
        of = sorted({trial.split for trial in several})
        if len(of) > 1 and _CHOOSING & set(of):
            raise InputError(f"{' and '.join(of)} overlap, as in {path!r}", root)
        raise InputError(f"a file is listed {len(several)} times: {path!r}", root)
    for key, _ in _several(trials, lambda trial: trial.key):
        raise InputError(f"two files are called {key!r}", root)
    if len({trial.synthetic for trial in trials}) < 2:
        raise InputError(f"all files are called {trials[0].label}", root)
    notes = [*protocol.notes]
    shared = people_in_two_splits(trials)
    if shared and not protocol.official:
        name, splits = next(iter(shared.items()))
        raise InputError(
            f"{len(shared)} people are in two splits, as {name!r} in {' and '.join(splits)}", root,
            "give each person one split",
        )  # fmt: skip
    if shared:
        notes.append(
            f"{len(shared)} people are in several of the authors' own splits: figures of a "
            "detector trained on another split of this data set flatter it"
        )
    return replace(protocol, trials=trials, notes=tuple(notes))


def people_in_two_splits(trials: Iterable[Trial]) -> dict[str, tuple[str, ...]]:
    """Person -> splits, for everybody who is in more than one."""
    splits: dict[str, set[str]] = {}
    for trial in trials:
        if trial.person:
            splits.setdefault(trial.person, set()).add(trial.split)
    return {name: tuple(sorted(of)) for name, of in sorted(splits.items()) if len(of) > 1}


def hashed_split(person: str, shares: dict[str, float], salt: str) -> str:
    """A split for a person, by hash: the same on every machine, whoever else is there.

    ``shares`` of the splits add up to 1; ``salt`` is the data set's name.
    """
    digest = hashlib.sha256(f"{salt}/{person}".encode("utf-8", "surrogateescape")).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    edges = zip(shares, itertools.accumulate(shares.values()), strict=True)
    return next((name for name, edge in edges if place < edge), list(shares)[-1])


def _several(
    trials: tuple[Trial, ...], of: Callable[[Trial], str]
) -> Iterator[tuple[str, list[Trial]]]:
    """Names that several trials share, with those trials."""
    counts = Counter(of(trial) for trial in trials)
    for name, count in counts.items():
        if count > 1:
            yield name, [trial for trial in trials if of(trial) == name]
