"""Pictures of real people, as they are and disturbed: all that a training ever sees.

A corpus of faces may hold fakes beside the real films; the one line that chooses, ``real_films``,
leaves them out. A pack of speech holds none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from settings import Settings

from avsynth.errors import UsageError
from avsynth.models.anomaly_views import (
    SOUND_HOP,
    SOUND_WINDOW,
    face_picture,
    sound_picture,
    spoken,
)
from avsynth.training import film_disturbance, sound_disturbance
from avsynth.training.face_corpus import FaceCorpus, FaceItem, open_faces
from avsynth.training.pack import Pack

Floats = NDArray[np.float32]
PAIR = (3, 5)  # pictures of a film that are looked at, as a detector does
_LEAD = 2  # pictures before them, for what a codec makes of a film


@dataclass(frozen=True)
class Pool:
    """Pictures (N, P, H, W) half precision, the recording of each, and whose and what those are.

    ``recordings`` (N,) counts up; a disturbed copy of a recording is a recording of its own.
    """

    pictures: NDArray[np.float16]
    recordings: NDArray[np.int64]
    people: tuple[str, ...]
    data: tuple[str, ...]

    def weights(self) -> NDArray[np.float64]:
        """Chance of each picture, so that every person is seen equally often."""
        own = np.array([self.people[r] for r in self.recordings])
        names, counts = np.unique(own, return_counts=True)
        share = dict(zip(names, 1 / (len(names) * counts), strict=True))
        return np.array([share[name] for name in own])


@dataclass(frozen=True)
class Recording:
    """One clip or utterance: whose, from where, and a way to its pictures (N, P, H, W)."""

    person: str
    data: str
    pictures: Callable[[np.random.Generator | None], Floats]


def fill(settings: Settings, folder: Path, split: str) -> Pool:
    """The real recordings of a split and disturbed copies; UsageError when there are none."""
    opened = _faces if settings.subject == "face" else _voices
    generator = np.random.default_rng([settings.seed, 0 if split == "train" else 1])
    pictures, numbers, people, data = [], [], [], set()
    for recording in opened(folder, split, settings):
        for copy in range(settings.copies + 1):
            made = recording.pictures(generator if copy else None)
            if len(made):
                pictures.append(made.astype(np.float16))
                numbers += [len(people)] * len(made)
                people.append(recording.person)
                data.add(recording.data)
    if not pictures:
        raise UsageError(f"{folder} has nobody real in its split {split!r}")
    return Pool(np.concatenate(pictures), np.array(numbers), tuple(people), tuple(sorted(data)))


def real_films(corpus: FaceCorpus, split: str, purpose: str) -> list[FaceItem]:
    """Real films of a split; weights for any purpose see none that is for research only."""
    allowed = ("commercial",) if purpose == "commercial" else ("commercial", "research")
    return [
        item
        for item in corpus.items
        if item.label == "real" and item.split == split and item.purpose in allowed
    ]


def _faces(folder: Path, split: str, settings: Settings) -> Iterator[Recording]:
    corpus = open_faces(folder)
    clips: dict[str, list[FaceItem]] = {}
    for item in real_films(corpus, split, settings.purpose):
        clips.setdefault(item.name.rpartition("-")[0], []).append(item)
    for films in clips.values():
        data = "LRW-AR" if films[0].source == "lrwar" else "GRID"
        yield Recording(films[0].person, data, functools.partial(_seen, corpus, films))


def _seen(
    corpus: FaceCorpus, films: Sequence[FaceItem], generator: np.random.Generator | None
) -> Floats:
    """All films of a clip, disturbed alike."""
    seed = None if generator is None else int(generator.integers(2**31))
    pairs = []
    for item in films:
        film = corpus.film(item, PAIR[0] - _LEAD, PAIR[1])
        if seed is not None:
            film = film_disturbance.disturb(film, np.random.default_rng(seed))
        pairs.append([face_picture(crop) for crop in film[_LEAD:]])
    return np.array(pairs)


def _voices(folder: Path, split: str, settings: Settings) -> Iterator[Recording]:
    pack = Pack.open(folder, ("sound",))
    for clip in pack.index.clips:
        if clip.split == split and settings.purpose in (clip.purpose, "research"):
            sound = pack.rows(clip, "sound").reshape(-1).astype(np.float32) / 32768
            heard = functools.partial(_heard, sound, settings.strength)
            yield Recording(clip.person, clip.source, heard)


def _heard(sound: Floats, strength: float, generator: np.random.Generator | None) -> Floats:
    if generator is not None:
        sound = sound_disturbance.disturb(sound, generator, strength)
    return sound_windows(sound)


def sound_windows(sound: Floats) -> Floats:
    """Samples (N,) at 16 kHz -> pictures (windows, 1, BINS, STEPS) where somebody speaks."""
    starts = range(0, len(sound) - SOUND_WINDOW + 1, SOUND_HOP)
    windows = [sound[start : start + SOUND_WINDOW] for start in starts]
    made = [sound_picture(w)[None] for w in windows if spoken(w)]
    return np.stack(made) if made else np.zeros((0, 1, 1, 1), np.float32)
