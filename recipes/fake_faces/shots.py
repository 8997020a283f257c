"""Eight pictures in a row of a clip, how they are published, and how a detector's crop is cut."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face import mesh
from avsynth.face.crops import crop_track
from avsynth.media.recode_film import recode_film
from avsynth.training.face_corpus import FRAMES, MASK, SIZE

sys.path.append(str(Path(__file__).parents[1] / "lipsync"))
import footage

Film = NDArray[np.uint8]
Floats = NDArray[np.float32]

RESCALED = 0.3  # how often a film is published in another size


@dataclass(frozen=True)
class Shot:
    """``FRAMES`` frames of a clip, from ``first`` on."""

    clip: footage.Footage
    first: int
    raw: Floats  # (T, P, 3), the clip's landmarks as found, before smoothing

    @property
    def frames(self) -> NDArray[np.intp]:
        """Their numbers in the clip."""
        return np.arange(self.first, self.first + FRAMES)

    @property
    def film(self) -> Film:
        """Whole frames, (8, h, w, 3)."""
        return np.stack([self.clip.pictures[t] for t in self.frames])

    @property
    def points(self) -> Floats:
        """Smoothed landmarks, (8, P, 3)."""
        return self.clip.points[self.frames].astype(np.float32)


@dataclass(frozen=True)
class Made:
    """What a maker made of a shot: whole frames, where they were changed, and by what."""

    film: Film  # (8, h, w, 3)
    mask: Floats  # (8, h, w), 0..1
    system: str


@dataclass(frozen=True)
class Plan:
    """How a film is published; the same for a real film and all that is made from it."""

    size: float
    passes: tuple[tuple[str, int], ...]

    @classmethod
    def draw(cls, generator: np.random.Generator, judged: bool) -> Plan:
        """One pass through an encoder, seldom two; once, and well, where a film is ``judged``."""
        size = float(np.exp(generator.uniform(-0.4, 0.4)))
        if generator.random() > RESCALED:
            size = 1.0
        count = 1 + int(generator.random() < (0.0 if judged else 0.15))
        names = generator.choice(["h264", "mpeg4", "vp9"], p=[0.8, 0.1, 0.1], size=count)
        strengths = generator.integers(*((17, 25) if judged else (14, 29)), size=count)
        return cls(size, tuple(zip(map(str, names), map(int, strengths), strict=True)))

    def __str__(self) -> str:
        return " ".join([f"x{self.size:.2f}", *(f"{codec}:{crf}" for codec, crf in self.passes)])

    def publish(self, film: Film) -> Film:
        """The film after scaling and encoding."""
        height, width = film.shape[1:3]
        size = (round(width * self.size), round(height * self.size))
        if size != (width, height):
            way = cv2.INTER_AREA if self.size < 1.0 else cv2.INTER_CUBIC
            film = np.stack([cv2.resize(p, size, interpolation=way) for p in film]).astype(np.uint8)
        for codec, crf in self.passes:
            film = recode_film(film, crf, codec)  # type: ignore[arg-type]
        return film

    def place(self, points: Floats) -> Floats:
        """Where landmarks (T, P, 3) lie after scaling; pixel centres are whole numbers."""
        moved = points * self.size
        moved[..., :2] += (self.size - 1.0) / 2.0
        return moved


def load(item: footage.Item, cached: Path) -> tuple[footage.Footage, Floats] | None:
    """A clip and its landmarks as they were found (T, P, 3); None when it is of no use."""
    clip = footage.load(item, cached)
    if clip is None or len(clip) < FRAMES + 2:
        return None
    with np.load(cached) as stored:
        raw = stored["points"][:, mesh.STORED].astype(np.float32)
    bad = ~np.isfinite(raw).all(axis=(1, 2))
    raw[bad] = clip.points[bad]
    return clip, raw


def crop(film: Film, raw: Floats, mask: Floats | None) -> tuple[Film, Floats, Floats, float]:
    """What a detector sees of published frames.

    Returns the crops (8, S, S, 3), landmarks in them (8, P, 2), masks (8, 28, 28), and how many
    pixels of a crop there are to one of the frame.
    """
    pictures, places, masks, zooms = [], [], [], []
    for number, (picture, points) in enumerate(zip(film, raw, strict=True)):
        (transform,) = crop_track(points[None], SIZE)
        height, width = picture.shape[:2]
        box = transform.bounds(width, height)
        pictures.append(transform.warp(picture[box.slices], box.x0, box.y0))
        places.append(transform.to_crop(points[:, :2]))
        zooms.append(SIZE / transform.roi.side)
        small = np.zeros((MASK, MASK), np.float32)
        if mask is not None:
            whole = cv2.resize(mask[number], (width, height), interpolation=cv2.INTER_AREA)
            cut = cv2.warpAffine(whole, transform.matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR)
            small = cv2.resize(cut, (MASK, MASK), interpolation=cv2.INTER_AREA).astype(np.float32)
        masks.append(small)
    return (
        np.stack(pictures), np.stack(places).astype(np.float32), np.stack(masks),
        float(np.mean(zooms)),
    )  # fmt: skip
