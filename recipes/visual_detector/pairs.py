"""Training pairs: a real picture and a fake of it, which share every accident but the making."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.errors import UsageError
from avsynth.models.frame_detector import CROP, LEFT, TOP
from avsynth.training.face_corpus import FRAMES, FaceCorpus, FaceItem
from avsynth.training.film_disturbance import Chances, degrade
from avsynth.training.self_blend import self_blend

Pictures = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: Sharpened more often than the web is: GRID's faces are small, and those of a portrait are not.
WEAR = Chances(
    sharpened=0.15, resized=0.2, blurred=0.15, noisy=0.15, jpeg=0.15, encoded=0.35, twice=0.0
)
GENTLE = Chances(resized=0.0, blurred=0.0, sharpened=0.1, noisy=0.05, jpeg=0.05, encoded=0.1)
MOUTHS = ("lipsync", "warp")
NATIVE = 0.4  # how often a face is brought to a smaller size, and disturbed at that
BENT = 0.035  # of the view, the farthest a part of the face is moved to make another face
SMALLEST = 90  # pixels of the view at that size


@dataclass(frozen=True)
class Batch:
    """Views uint8 (N, S, S, 3), reals first, then their fakes; masks (N, s, s); families."""

    views: Pictures
    masks: Floats
    shown: Floats  # (N / 2,) how much of each fake is there to be seen, 0..1
    families: list[str]


class Pairs:
    """Real training films with their fakes, people drawn nearly evenly."""

    def __init__(
        self, corpus: FaceCorpus, purpose: str, without: tuple[str, ...],
        avoid: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.corpus = corpus
        self.fakes: dict[str, list[FaceItem]] = defaultdict(list)
        self.people: dict[str, list[FaceItem]] = defaultdict(list)
        for item in corpus.items:
            if item.split != "train" or (purpose != "research" and item.purpose == "research"):
                continue
            if item.label == "real":
                self.people[item.person].append(item)
            elif item.family not in without and not item.system.startswith(avoid):
                self.fakes[item.original].append(item)
        if not self.people:
            raise UsageError("the corpus has nothing to train on")
        weights = np.sqrt([len(films) for films in self.people.values()])
        self._chances = weights / weights.sum()
        self.blended = "blend" not in without

    @property
    def families(self) -> list[str]:
        """That are trained on."""
        return sorted({fake.family for fakes in self.fakes.values() for fake in fakes})

    def batch(self, count: int, size: int, online: float, subtle: float, seed: list[int]) -> Batch:
        """``count`` reals and a fake of each, ``online`` of them blended anew."""
        generator = np.random.default_rng(seed)
        films = list(self.people.values())
        reals, fakes, masks, shown, families = [], [], [], [], []
        for who in generator.choice(len(films), count, p=self._chances):
            real = films[who][int(generator.integers(len(films[who])))]
            pair, mask, family = self.pair(real, online, subtle, generator)
            moved, place = reframe(pair, mask, size, generator)
            reals.append(moved[0])
            fakes.append(moved[1])
            masks.append(place)
            shown.append(visible(moved[0], moved[1], place))
            families.append(family)
        nothing = [np.zeros_like(mask) for mask in masks]
        return Batch(
            np.stack(reals + fakes), np.stack(nothing + masks), np.array(shown, np.float32),
            ["real"] * count + families,
        )  # fmt: skip

    def pair(
        self, real: FaceItem, online: float, subtle: float, generator: np.random.Generator
    ) -> tuple[list[Pictures], Floats, str]:
        """Crops of a film's two pictures in a row, real and fake, and the mask of the second."""
        start = int(generator.integers(FRAMES - 1))
        mine = self.corpus.film(real, start, start + 2)
        known = self.fakes[real.name]
        if known and (not self.blended or generator.random() >= online):
            mouths = [fake for fake in known if fake.family in MOUTHS]
            if mouths and generator.random() < subtle:  # the hardest to see: more of them
                known = mouths
            fake = known[int(generator.integers(len(known)))]
            theirs = self.corpus.film(fake, start, start + 2)
            return [mine, theirs], self.corpus.masks(fake)[start + 1], fake.family
        points = self.corpus.points(real)[start : start + 2]
        theirs, mask, _ = self_blend(mine, points, generator)
        small = cv2.resize(mask[1], (28, 28), interpolation=cv2.INTER_AREA)
        return [mine, theirs], np.asarray(small, np.float32), "blend"


def visible(real: Pictures, fake: Pictures, mask: Floats) -> float:
    """How much of the making is there to be seen, 0..1: what hardly differs teaches nothing."""
    side = len(mask)
    apart = cv2.absdiff(real, fake).max(axis=2)
    small = cv2.resize(apart, (side, side), interpolation=cv2.INTER_AREA)
    inside = mask > 0.25
    return float(np.clip((small[inside].mean() - 1.0) / 3.0, 0.0, 1.0)) if inside.any() else 0.0


def reframe(
    pair: list[Pictures], mask: Floats, size: int, generator: np.random.Generator
) -> tuple[list[Pictures], Floats]:
    """Views (S, S, 3) of both, cut askew alike, worn alike, and the mask (S/16, S/16)."""
    native = size
    if generator.random() < NATIVE:
        native = int(generator.integers(min(SMALLEST, size), size + 1))
    places = _askew(native, size, generator)
    seed = int(generator.integers(2**31))
    mirrored = generator.random() < 0.5
    wear = GENTLE if generator.random() < 0.4 else WEAR
    count = 2 if generator.random() < 0.5 else 1  # a picture that follows another is coded unlike
    seen = []
    for film in pair:
        cut = np.stack([_cut(picture, places) for picture in film[-count:]])
        worn = degrade(cut, np.random.default_rng(seed), wear)[-1]
        if native != size:
            worn = np.asarray(cv2.resize(worn, (size, size), interpolation=cv2.INTER_LINEAR), "u1")
        seen.append(worn[:, ::-1] if mirrored else worn)
    whole = cv2.resize(mask, (CROP, CROP), interpolation=cv2.INTER_LINEAR)
    place = cv2.remap(whole, *places, cv2.INTER_LINEAR)
    small = cv2.resize(place, (size // 16, size // 16), interpolation=cv2.INTER_AREA)
    return seen, np.asarray(small[:, ::-1] if mirrored else small, np.float32)


def _askew(native: int, size: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Where each pixel of a view of ``native`` pixels lies in the crop: x and y for ``cv2.remap``.

    Turned, zoomed, shifted and bent a little: another face, of which there are too few.
    """
    zoom = size / native * np.exp(generator.uniform(-0.12, 0.12))
    angle = np.radians(generator.uniform(-7, 7))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * zoom
    stretch = np.exp(generator.uniform(-0.08, 0.08))
    turn = turn @ [[stretch, generator.uniform(-0.05, 0.05)], [0.0, 1.0]]
    middle = np.array([LEFT, TOP]) + (size - 1) / 2.0 + generator.uniform(-6, 6, 2)
    line = np.arange(native) - (native - 1) / 2.0
    across = turn @ np.stack(np.meshgrid(line, line)).reshape(2, -1) + middle[:, None]
    bend = generator.uniform(-BENT, BENT, (2, 4, 4)).astype(np.float32) * size
    field = [cv2.resize(b, (native, native), interpolation=cv2.INTER_CUBIC) for b in bend]
    x, y = (a.reshape(native, native) + f for a, f in zip(across, field, strict=True))
    return x.astype(np.float32), y.astype(np.float32)


def _cut(picture: Pictures, places: tuple[Floats, Floats]) -> Pictures:
    shrink = float(np.diff(places[0], axis=1).mean())
    if shrink > 1.1:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.45 * shrink), np.uint8)
    way = cv2.INTER_CUBIC if shrink > 1.1 else cv2.INTER_LINEAR
    return np.asarray(cv2.remap(picture, *places, way, borderMode=cv2.BORDER_REFLECT), np.uint8)
