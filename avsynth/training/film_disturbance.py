"""What happens to a film of a face on its way to a detector: light, sizes, blur, noise, codecs.

Real and made films are disturbed alike, with the same chances of everything, so that none of it
can serve as a cue. One draw holds for a whole film.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.media.recode_film import FilmCodec, recode_film

Film = NDArray[np.uint8]

_WAYS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


@dataclass(frozen=True, slots=True)
class Chances:
    """How often each thing happens, 0..1; a stage that happens draws its strength evenly."""

    mirrored: float = 0.5
    colour: float = 0.7
    resized: float = 0.4
    blurred: float = 0.25
    sharpened: float = 0.12
    noisy: float = 0.25
    jpeg: float = 0.25
    encoded: float = 0.5
    twice: float = 0.15  # a second encoding


USUAL = Chances()


def disturb(film: Film, generator: np.random.Generator, chances: Chances = USUAL) -> Film:
    """A film, uint8 (T, H, W, 3), as somebody else published it; same shape, mirrored or not."""
    mirrored = generator.random() < chances.mirrored
    worn = degrade(film, generator, chances)
    return np.ascontiguousarray(worn[:, :, ::-1]) if mirrored else worn


def degrade(film: Film, generator: np.random.Generator, chances: Chances = USUAL) -> Film:
    """``disturb`` without the mirror: every pixel stays where it was.

    Equal generators give equal draws whatever the film shows, so a fake and its original can be
    treated alike.
    """
    happens = {name: generator.random() < getattr(chances, name) for name in Chances.__slots__}
    seeds = iter(generator.integers(0, 2**31, size=8))
    if happens["colour"]:
        film = recolour(film, np.random.default_rng(next(seeds)))
    order = np.random.default_rng(next(seeds)).permutation(3)
    draws = [np.random.default_rng(next(seeds)) for _ in range(3)]
    for stage in order:
        if stage == 0 and happens["resized"]:
            film = resize(film, draws[0])
        elif stage == 1 and happens["blurred"]:
            film = _blur(film, float(draws[1].uniform(0.4, 1.6)))
        elif stage == 2 and happens["noisy"]:
            film = _add_noise(film, draws[2])
    last = np.random.default_rng(next(seeds))
    if happens["sharpened"]:
        film = _sharpen(film, float(last.uniform(0.3, 1.2)))
    if happens["jpeg"]:
        film = _jpeg(film, int(last.integers(40, 96)))
    for _ in range(happens["encoded"] + (happens["encoded"] and happens["twice"])):
        film = encode(film, last)
    return film


def recolour(film: Film, generator: np.random.Generator) -> Film:
    """Another camera's colours: gains, gamma, saturation, a little mixing, contrast."""
    gain = np.exp(generator.uniform(-0.12, 0.12, 3) + generator.uniform(-0.25, 0.25))
    gamma = np.exp(generator.uniform(-0.3, 0.3))
    mixing = np.eye(3) + generator.uniform(-0.06, 0.06, (3, 3))
    mixing /= mixing.sum(axis=1, keepdims=True)
    grey = np.full((3, 3), 1.0 / 3.0)
    saturation = 0.0 if generator.random() < 0.04 else generator.uniform(0.6, 1.4)
    matrix = (saturation * mixing + (1.0 - saturation) * grey) * gain[:, None]
    table = (np.arange(256) / 255.0) ** gamma * 255.0
    curved = cv2.LUT(film.reshape(-1, film.shape[2], 3), np.clip(table + 0.5, 0, 255).astype("u1"))
    mixed = cv2.transform(curved, matrix.astype(np.float32))
    return np.asarray(mixed, np.uint8).reshape(film.shape)


def resize(film: Film, generator: np.random.Generator) -> Film:
    """Down by up to 2.5 and back up, each with a filter of its own."""
    height, width = film.shape[1:3]
    factor = float(generator.uniform(0.4, 0.95))
    small = max(8, round(width * factor)), max(8, round(height * factor))
    down, up = generator.integers(0, 4), generator.integers(1, 4)
    return np.stack(
        [
            cv2.resize(
                cv2.resize(picture, small, interpolation=_WAYS[down]), (width, height),
                interpolation=_WAYS[up],
            )
            for picture in film
        ]
    ).astype(np.uint8)  # fmt: skip


def encode(film: Film, generator: np.random.Generator) -> Film:
    """H.264 of CRF 18 to 40 four times out of five, else MPEG-4 or VP9."""
    names: list[FilmCodec] = ["h264", "mpeg4", "vp9"]
    codec = names[int(generator.choice(3, p=[0.8, 0.12, 0.08]))]
    return recode_film(film, int(generator.integers(18, 41)), codec)


def _blur(film: Film, sigma: float) -> Film:
    return np.stack([cv2.GaussianBlur(picture, (0, 0), sigma) for picture in film]).astype(np.uint8)


def _sharpen(film: Film, amount: float) -> Film:
    soft = _blur(film, 1.2)
    return np.stack(
        [cv2.addWeighted(a, 1.0 + amount, b, -amount, 0.0) for a, b in zip(film, soft, strict=True)]
    ).astype(np.uint8)


def _add_noise(film: Film, generator: np.random.Generator) -> Film:
    """Grain, the same in all colours or not, as fine as a pixel or coarser."""
    strength = float(generator.uniform(1.0, 8.0))
    grey, coarse = generator.random() < 0.5, generator.random() < 0.4
    made = np.empty_like(film)
    for number, picture in enumerate(film):
        shape = (*picture.shape[:2], 1 if grey else 3)
        grain = generator.standard_normal(shape, dtype=np.float32)
        if coarse:
            soft = cv2.GaussianBlur(grain, (0, 0), 0.7).reshape(shape)
            grain = np.asarray(1.7 * soft, np.float32)
        made[number] = np.clip(picture + strength * grain + 0.5, 0, 255)
    return made


def _jpeg(film: Film, quality: int) -> Film:
    made = np.empty_like(film)
    for number, picture in enumerate(film):
        _, blob = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = cv2.imdecode(blob, cv2.IMREAD_COLOR)
        assert decoded is not None
        made[number] = decoded[..., ::-1]
    return made
