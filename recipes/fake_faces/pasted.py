"""Families ``blend`` and ``swap``: altered copies of the face, or other faces, blended in."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay
from shots import FRAMES, Film, Made, Shot

from avsynth.face.warp import Triangulation
from avsynth.training.film_disturbance import resize
from avsynth.training.self_blend import Region, paste, self_blend, soft_mask

Floats = NDArray[np.float32]


class BlendMaker:
    """Family ``blend``: self-blended, see ``avsynth.training.self_blend``."""

    family = "blend"

    def make(self, shot: Shot, others: list[Shot], generator: np.random.Generator) -> Made | None:
        """A film with an altered region."""
        film, mask, region = self_blend(shot.film, shot.points[..., :2], generator)
        return Made(film, mask, region)


class SwapMaker:
    """Family ``swap``: the face or the lower face of somebody else, or of another moment."""

    family = "swap"

    def make(self, shot: Shot, others: list[Shot], generator: np.random.Generator) -> Made | None:
        """A film with pixels from elsewhere; None where there is nobody else."""
        other = self._moment(shot, generator) if generator.random() < 0.35 else None
        kind = "moment" if other is not None else "person"
        strangers = [s for s in others if s.clip.item.person != shot.clip.item.person]
        if other is None and strangers:
            other = strangers[int(generator.integers(len(strangers)))]
        if other is None:
            return None
        regions: list[Region] = ["face", "lower", "mouth", "lower-box"]
        shares = [0.1, 0.4, 0.3, 0.2] if kind == "moment" else [0.45, 0.25, 0.2, 0.1]
        region = regions[int(generator.choice(4, p=shares))]
        mask = soft_mask(shot.film.shape[1:3], shot.points[..., :2], region, generator)
        moved = warp(other.film, other.points[..., :2], shot.points[..., :2], shot.film)
        if generator.random() < 0.3:
            moved = resize(moved, generator)
        moved = match(moved, shot.film, mask, float(generator.uniform(0.5, 1.0)))
        return Made(paste(shot.film, moved, mask), mask, f"{kind}:{region}")

    def _moment(self, shot: Shot, generator: np.random.Generator) -> Shot | None:
        starts = range(len(shot.clip) - FRAMES + 1)
        apart = [s for s in starts if abs(s - shot.first) >= FRAMES]
        if not apart:
            return None
        start = int(generator.choice(apart))
        return Shot(shot.clip, start, shot.raw)


def warp(film: Film, theirs: Floats, mine: Floats, below: Film) -> Film:
    """Pictures with landmarks ``theirs`` (T, P, 2) moved to where ``mine`` lie, over ``below``."""
    mesh = Triangulation(_clockwise(Delaunay(mine.mean(axis=0)).simplices, mine.mean(axis=0)))
    height, width = below.shape[1:3]
    made = []
    for number, picture in enumerate(film):
        # A margin of the box around the face is moved as the nearest triangles are.
        raster = mesh.raster(mine[number], width, height)
        x, y = mesh.sampling_map(raster, theirs[number])
        outside = raster.index < 0
        affine, _ = cv2.estimateAffinePartial2D(
            np.ascontiguousarray(mine[number]), np.ascontiguousarray(theirs[number])
        )
        ys, xs = np.nonzero(outside)
        places = np.stack([xs, ys], axis=1) @ affine[:, :2].T + affine[:, 2]
        x[outside], y[outside] = places.T.astype(np.float32)
        made.append(cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
    return np.stack(made).astype(np.uint8)


def match(film: Film, like: Film, mask: Floats, strength: float) -> Film:
    """Colours of ``film`` brought towards those of ``like``, mean and spread, where ``mask`` is."""
    inside = mask > 0.3
    if not inside.any():
        return film
    have, want = film[inside].astype(np.float32), like[inside].astype(np.float32)
    gain = np.clip(want.std(axis=0) / np.maximum(have.std(axis=0), 1.0), 0.5, 2.0)
    turned = (film - have.mean(axis=0)) * gain + want.mean(axis=0)
    return np.clip(film + strength * (turned - film) + 0.5, 0, 255).astype(np.uint8)


def _clockwise(triangles: NDArray[np.int32], points: Floats) -> NDArray[np.int32]:
    a, b, c = (points[triangles[:, k]] for k in range(3))
    across = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    turned = triangles.copy()
    turned[across < 0] = turned[across < 0][:, [0, 2, 1]]
    return turned.astype(np.int32)
