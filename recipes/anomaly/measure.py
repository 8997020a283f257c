"""Items of a corpus -> numbers: what each part of the VAE says of it, alone and together.

A score is higher for what is taken to be synthetic. *One-sided* scores are the usual ones (more
error, less likelihood, more divergence: synthetic); *typicality* is the distance from what is usual
among real ones, in both directions, of one kind of feature or of all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pool import PAIR, sound_windows

from avsynth.media.recode_film import recode_film
from avsynth.media.recode_sound import recode_sound
from avsynth.models.anomaly import COARSE
from avsynth.models.anomaly_scorer import AnomalyScorer
from avsynth.models.anomaly_views import FACE_SIDE, face_picture
from avsynth.models.typicality import KINDS, Doubles, Floats
from avsynth.training.face_corpus import FaceCorpus, FaceItem, open_faces
from avsynth.training.sound_corpus import RATE, SoundCorpus, SoundItem, open_sounds

ONE_SIDED = ("squared error", "likelihood", "divergence", "elbo")
ALL = "typicality of all"
_PRESENTERS = 200  # films of news presenters, for false alarms


@dataclass(frozen=True)
class Item:
    """A video or an excerpt: what and whose it is, and a way to its pictures (N, P, H, W).

    The way takes whether to encode it first: H.264 at CRF 35, or MP3 at 64 kb/s.
    """

    name: str
    label: str
    family: str
    system: str
    person: str
    split: str
    source: str
    pictures: Callable[[bool], Floats]

    @property
    def group(self) -> str:
        """Items that are told apart from each other, not from those of other recordings."""
        return f"{self.source} {self.split}"


def face_items(folder: Path, splits: tuple[str, ...]) -> Iterator[Item]:
    """Videos of a corpus of ``recipes/fake_faces``: the films that one maker made of a clip.

    Beside those of ``splits`` some that are real of LRW-AR: nobody there was in the training of
    weights for any purpose, whatever the split says.
    """
    corpus = open_faces(folder)
    real = [i for i in corpus.items if (i.source, i.label) == ("lrwar", "real")]
    drawn = np.random.default_rng(0).permutation(len(real))[:_PRESENTERS]
    beside = {real[number].name for number in drawn}
    videos: dict[tuple[str, str], list[FaceItem]] = {}
    for item in corpus.items:
        if item.source != "research" and (item.split in splits or item.name in beside):
            clip = (item.original or item.name).rpartition("-")[0]
            videos.setdefault((clip, item.family), []).append(item)
    for (clip, family), films in videos.items():
        first = films[0]
        yield Item(
            f"{clip}/{family}", first.label, family, first.system, first.person, first.split,
            "LRW-AR" if first.source == "lrwar" else "GRID",
            functools.partial(_watched, corpus, films),
        )  # fmt: skip


def _watched(corpus: FaceCorpus, films: Sequence[FaceItem], encoded: bool) -> Floats:
    found = []
    for item in films:
        film = corpus.film(item, 0 if encoded else PAIR[0], PAIR[1])
        film = _encode(film, item.zoom) if encoded else film
        found.append([face_picture(crop) for crop in film[PAIR[0] - PAIR[1] :]])
    return np.array(found)


def _encode(film: NDArray[np.uint8], zoom: float) -> NDArray[np.uint8]:
    """Through H.264 at about the size that the face had in its frame."""
    side = max(48, round(FACE_SIDE / zoom))
    small = [cv2.resize(p, (side, side), interpolation=cv2.INTER_AREA) for p in film]
    coded = recode_film(np.stack(small).astype(np.uint8), 35)
    back = [cv2.resize(p, (FACE_SIDE, FACE_SIDE), interpolation=cv2.INTER_LINEAR) for p in coded]
    return np.stack(back).astype(np.uint8)


def sound_items(folder: Path, splits: tuple[str, ...]) -> Iterator[Item]:
    """Excerpts of a corpus of ``recipes/fake_sounds``."""
    corpus = open_sounds(folder)
    for item in corpus.items:
        if item.split in splits:
            yield Item(
                item.name, item.label, item.family, item.system, item.speaker, item.split,
                "LibriSpeech", functools.partial(_heard, corpus, item),
            )  # fmt: skip


def _heard(corpus: SoundCorpus, item: SoundItem, encoded: bool) -> Floats:
    sound = corpus.sound(item).astype(np.float32) / 32768
    return sound_windows(recode_sound(sound, RATE, "mp3", 64_000) if encoded else sound)


def scores(scorer: AnomalyScorer, pictures: Floats) -> dict[str, float] | None:
    """All scores of one item's pictures (N, P, H, W); None where there is nothing to see."""
    if not len(pictures):
        return None
    looks = [scorer.measure(each) for each in pictures]
    found = np.mean([one_sided(look.found) for look in looks], axis=0)
    made = dict(zip(ONE_SIDED, found.tolist(), strict=True))
    feature, layout = np.mean([look.features for look in looks], axis=0), np.array(scorer.layout)
    for kind in KINDS:
        if kind in scorer.layout:
            alone = np.where(layout == kind, feature, np.nan)
            made[f"typicality of {kind}"] = scorer.density.distance(alone, len(looks))
    made[ALL] = scorer.density.score(feature, len(looks))
    return made


def one_sided(found: dict[str, Floats]) -> Doubles:
    """Squared error, negative likelihood, divergence and negative ELBO, a pixel, of one look."""
    counts = np.array([16] * 3 + [4] * 3 + [1] * 4)[:, None, None] / 64
    energy, variance = (found[name][0].astype(np.float64) for name in ("energy", "variance"))
    error = float((counts * energy).sum(axis=0).mean())
    nats = float((counts * (energy * np.exp(-variance) + variance)).sum(axis=0).mean()) / 2
    far = float(found["divergence"][0].sum(axis=0).mean()) / COARSE**2
    return np.array([error, nats, far, nats + far])
