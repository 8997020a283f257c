"""Self-blended faces: a face, or its mouth, altered and blended back into its own picture.

What such a picture shows is what most manipulations share, and no generator's own mark: a region
whose colour, sharpness, grain or geometry does not belong to what surrounds it. Shiohara and
Yamasaki, "Detecting deepfakes with self-blended images", 2022; here with an emphasis on mouths and
lower faces, upright rectangles as lip-sync pastes them included, and for whole films.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face import mesh
from avsynth.training.film_disturbance import recolour, resize

Film = NDArray[np.uint8]
Floats = NDArray[np.float32]
Region = Literal["face", "lower", "mouth", "face-box", "lower-box", "mouth-box"]

_LIPS = mesh.stored(mesh.LIPS_OUTER)
_LOWER = mesh.stored((*mesh.MOUTH_JAW, 2, 98, 327))
_EYES = mesh.stored(mesh.EYE_OUTER)
_SHARES = (0.18, 0.2, 0.17, 0.15, 0.18, 0.12)
_VISIBLE = 1.5  # code values that a blend must differ by where the mask is full
_TRIES = 4
REGIONS: Final[tuple[Region, ...]] = get_args(Region)


def self_blend(
    film: Film, points: Floats, generator: np.random.Generator, region: Region | None = None
) -> tuple[Film, Floats, Region]:
    """One draw for a whole film.

    Args:
        film: uint8 (T, H, W, 3).
        points: (T, P, 2), landmarks ``mesh.STORED`` in its pixels.
        generator: of all draws.
        region: what is altered; drawn when None.

    Returns:
        the blended film, where it was changed (T, H, W) float32 in 0..1, and the region.
    """
    if region is None:
        region = REGIONS[int(generator.choice(len(REGIONS), p=_SHARES))]
    mask = soft_mask(film.shape[1:3], points, region, generator)
    opacity = float(generator.choice([0.5, 0.75, 1.0, 1.0, 1.0]))
    made = film
    for _ in range(_TRIES):
        other = alter(film, points, generator)
        made = paste(film, other, mask * opacity)
        inside = mask > 0.5
        if not inside.any() or np.abs(made[inside].astype(int) - film[inside]).mean() > _VISIBLE:
            break
    return made, mask * opacity, region


def paste(below: Film, above: Film, mask: Floats) -> Film:
    """``above`` over ``below`` where ``mask`` (T, H, W) is 1."""
    return np.stack(
        [cv2.blendLinear(a, b, m, 1.0 - m) for a, b, m in zip(above, below, mask, strict=True)]
    ).astype(np.uint8)


def eye_distance(points: Floats) -> float:
    """Mean distance of the outer eye corners of landmarks (T, P, 2), in their unit."""
    apart = points[:, _EYES[0], :2] - points[:, _EYES[1], :2]
    return max(float(np.linalg.norm(apart, axis=1).mean()), 4.0)


def soft_mask(
    shape: tuple[int, int], points: Floats, region: Region, generator: np.random.Generator
) -> Floats:
    """A feathered mask (T, H, W) that follows the face; its outline is drawn once."""
    unit = eye_distance(points)
    stretch = generator.uniform(0.88, 1.15, 2)
    if region.startswith("mouth"):
        stretch = generator.uniform(1.15, 1.9, 2) * (1.0, 1.25)
    shift = generator.uniform(-0.05, 0.05, 2) * unit
    bulge = generator.uniform(-0.06, 0.06, (2, 3))
    sigma = unit * float(np.exp(generator.uniform(np.log(0.012), np.log(0.14))))
    inwards = generator.random() < 0.6
    masks = []
    for layout in points:
        outline = _outline(layout, region)
        middle = (outline.min(axis=0) + outline.max(axis=0)) / 2.0
        angle = np.arctan2(*(outline - middle).T[::-1])
        waves = np.cos(np.outer(angle, [1, 2, 3]) + bulge[1] * 50.0) @ bulge[0]
        if region.endswith("box"):
            waves = waves * 0.0
        moved = middle + shift + (outline - middle) * stretch * (1.0 + waves[:, None])
        drawn = np.zeros(shape, np.float32)
        cv2.fillPoly(drawn, [np.round(moved * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(drawn, (0, 0), max(sigma, 0.3))
        masks.append(np.clip(2.0 * soft - 1.0, 0.0, 1.0) if inwards else soft)
    return np.stack(masks).astype(np.float32)


def _outline(layout: Floats, region: Region) -> Floats:
    kind = region.removesuffix("-box")
    chosen = {"lower": _LOWER, "mouth": _LIPS}.get(kind)
    points = layout if chosen is None else layout[chosen]
    hull = cv2.convexHull(np.ascontiguousarray(points[:, :2], np.float32))[:, 0]
    if region.endswith("box"):
        (x0, y0), (x1, y1) = hull.min(axis=0), hull.max(axis=0)
        hull = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
    return np.asarray(hull, np.float32)


def alter(film: Film, points: Floats, generator: np.random.Generator) -> Film:
    """The same film with other colours, sharpness, grain, or slightly out of place."""
    unit = eye_distance(points)
    ways: list[tuple[float, Callable[[Film], Film]]] = [
        (0.3, lambda f: _other_moment(f, generator)),
        (0.7, lambda f: _displace(f, unit, generator)),
        (0.5, lambda f: _tint(f, generator)),
        (0.15, lambda f: paste(f, recolour(f, generator), _share(f, 0.3))),
        (0.5, lambda f: resize(f, generator)),
        (0.3, lambda f: _smooth(f, generator)),
        (0.2, lambda f: _crisp(f, generator)),
        (0.2, lambda f: _squeeze(f, generator)),
        (0.12, lambda f: _grain(f, generator)),
        (0.1, lambda f: _chequer(f, generator)),
    ]
    happens = generator.random(len(ways)) < [share for share, _ in ways]
    if not happens.any():
        happens[4] = True
    for (_, way), takes_place in zip(ways, happens, strict=True):
        if takes_place:
            film = way(film)
    return film


def _share(film: Film, share: float) -> Floats:
    return np.full(film.shape[:3], share, np.float32)


def _other_moment(film: Film, generator: np.random.Generator) -> Film:
    return np.roll(film, int(generator.integers(1, 4)), axis=0)


def _displace(film: Film, unit: float, generator: np.random.Generator) -> Film:
    """Shifted, scaled and bent by some hundredths of the eye distance; a little more or less from
    picture to picture."""
    height, width = film.shape[1:3]
    bend = generator.uniform(-0.03, 0.03, (2, 4, 4)).astype(np.float32) * unit
    field = [cv2.resize(b, (width, height), interpolation=cv2.INTER_CUBIC) for b in bend]
    zoom = np.exp(generator.uniform(-0.05, 0.05, 2))
    shift = generator.uniform(-0.04, 0.04, 2) * unit
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    made = []
    for picture in film:
        dx, dy = shift + generator.normal(0.0, 0.003, 2) * unit
        x = (xs - width / 2) * zoom[0] + width / 2 + dx + field[0]
        y = (ys - height / 2) * zoom[1] + height / 2 + dy + field[1]
        made.append(
            cv2.remap(
                picture, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )  # fmt: skip
    return np.stack(made).astype(np.uint8)


def _tint(film: Film, generator: np.random.Generator) -> Film:
    gain, shift = np.exp(generator.uniform(-0.07, 0.07, 3)), generator.uniform(-9, 9, 3)
    return np.clip(film * gain + shift + 0.5, 0, 255).astype(np.uint8)


def _smooth(film: Film, generator: np.random.Generator) -> Film:
    """Skin without pores, as networks paint it."""
    kind = int(generator.integers(3))
    tone = float(generator.uniform(10, 45))
    sigma = float(generator.uniform(0.5, 1.6))
    made = []
    for picture in film:
        if kind == 0:
            made.append(cv2.bilateralFilter(picture, 5, tone, 3.0))
        elif kind == 1:
            made.append(cv2.medianBlur(picture, 3))
        else:
            made.append(cv2.GaussianBlur(picture, (0, 0), sigma))
    return np.stack(made).astype(np.uint8)


def _crisp(film: Film, generator: np.random.Generator) -> Film:
    amount, sigma = float(generator.uniform(0.4, 1.6)), float(generator.uniform(0.6, 2.0))
    return np.stack(
        [
            cv2.addWeighted(
                p, 1.0 + amount, np.asarray(cv2.GaussianBlur(p, (0, 0), sigma)), -amount, 0.0
            )
            for p in film
        ]
    ).astype(np.uint8)  # fmt: skip


def _squeeze(film: Film, generator: np.random.Generator) -> Film:
    """JPEG with its grid anywhere."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(generator.integers(35, 90))]
    down, right = (int(n) for n in generator.integers(0, 8, 2))
    made = film.copy()
    for number, picture in enumerate(film):
        _, blob = cv2.imencode(".jpg", np.ascontiguousarray(picture[down:, right:]), quality)
        decoded = cv2.imdecode(blob, cv2.IMREAD_COLOR)
        assert decoded is not None
        made[number, down:, right:] = decoded
    return made


def _grain(film: Film, generator: np.random.Generator) -> Film:
    strength = float(generator.uniform(1.0, 6.0))
    noise = generator.standard_normal((*film.shape[:3], 1), dtype=np.float32)
    return np.clip(film + strength * noise + 0.5, 0, 255).astype(np.uint8)


def _chequer(film: Film, generator: np.random.Generator) -> Film:
    """The faint regular pattern that upsampling networks leave."""
    period = int(generator.choice([2, 2, 4, 8]))
    tile = generator.standard_normal((period, period, 3)) * generator.uniform(0.8, 3.0)
    height, width = film.shape[1:3]
    pattern = np.tile(tile, (-(-height // period), -(-width // period), 1))[:height, :width]
    return np.clip(film + pattern + 0.5, 0, 255).astype(np.uint8)
