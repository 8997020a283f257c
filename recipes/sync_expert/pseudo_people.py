"""The same words by somebody else: another face and light, another voice and room.

A few people must do for all, so every stretch of a clip is seen and heard differently each time,
in one way from its beginning to its end: nothing here tells one moment from another.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Random = np.random.Generator
Floats = NDArray[np.float32]


def disguise(film: NDArray[np.uint8], colour: bool, random: Random) -> Tensor:
    """A film (T, S, S, 3) of 0..255 with another face: float (T, C, S, S) in 0..1.

    Turned by up to 8 degrees, stretched, moved, mirrored and bent smoothly; blurred to as little
    as half its resolution; lit from another side, with other colours, contrast and noise.
    C is 3, or without ``colour`` 1: a random mixture of them.
    """
    size = film.shape[1]
    mixture = np.diag(np.exp(random.uniform(-0.3, 0.3, 3)))
    if not colour:
        mixture = random.dirichlet((2.0, 3.0, 1.5))[None]
    side, above = random.uniform(-0.35, 0.35, 2)
    ramp = np.linspace(-1, 1, size)
    light = 1.0 + side * ramp[None, :] + above * ramp[:, None]
    gamma, contrast = np.exp(random.uniform(-0.4, 0.4)), np.exp(random.uniform(-0.5, 0.2))
    curve = ((np.arange(256) / 255.0) ** gamma * 255.0).astype(np.uint8)
    softness = random.uniform(0.4, 1.0) if random.random() < 0.6 else 0.0
    places = _bent(size, random)
    pictures = []
    for picture in film:
        x = cv2.transform(cv2.LUT(picture, curve), mixture)
        if softness:
            x = cv2.GaussianBlur(x, (0, 0), softness)
        pictures.append(cv2.remap(x, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    x = np.stack(pictures).reshape(len(film), size, size, -1).astype(np.float32) / 255.0
    x = (x * light[..., None].astype(np.float32) - 0.4) * np.float32(contrast) + 0.4
    x += np.float32(random.uniform(-0.1, 0.1))
    x += np.float32(random.uniform(0, 0.03)) * random.standard_normal(x.shape, np.float32)
    return torch.from_numpy(x.clip(0, 1)).permute(0, 3, 1, 2)


def _bent(size: int, random: Random) -> tuple[Floats, Floats]:
    """Where each pixel is taken from, as OpenCV's remap wants it."""
    turn = random.uniform(-8, 8) * math.pi / 180
    wide, high = np.exp(random.uniform(-0.12, 0.12) + random.uniform(-0.08, 0.08, 2))
    mirror = -1.0 if random.random() < 0.5 else 1.0
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(ramp, ramp)
    move = random.uniform(-0.08, 0.08, 2)
    bends = random.normal(0, 0.035, (2, 5, 5)).astype(np.float32)
    bend_x, bend_y = (cv2.resize(b, (size, size), interpolation=cv2.INTER_CUBIC) for b in bends)
    from_x = mirror * wide * (math.cos(turn) * x - math.sin(turn) * y) + move[0] + bend_x
    from_y = high * (math.sin(turn) * x + math.cos(turn) * y) + move[1] + bend_y
    pixels_x, pixels_y = ((part + 1) * (size - 1) / 2 for part in (from_x, from_y))
    return pixels_x.astype(np.float32), pixels_y.astype(np.float32)


def dub(mel: Floats, random: Random) -> Floats:
    """A log-mel spectrum (M, 80) in another voice: formants and pitch moved, filtered, in noise."""
    steps, bands = mel.shape
    places = np.clip(np.arange(bands) * np.exp(random.uniform(-0.12, 0.12)), 0, bands - 1.001)
    left = places.astype(np.intp)
    share = (places - left).astype(np.float32)
    voice = mel[:, left] * (1 - share) + mel[:, left + 1] * share
    waves = np.cos(np.outer(np.arange(1, 4), np.linspace(0, np.pi, bands)))
    colour = random.normal(0, (0.12, 0.06, 0.04)) @ waves + random.uniform(-0.25, 0.25)
    voice = voice + colour.astype(np.float32)
    if random.random() < 0.7:
        level = voice.max() - random.uniform(0.5, 1.2)  # 20 to 48 dB below the loudest
        tilt = np.linspace(0, random.uniform(-0.4, 0.1), bands)
        noise = level + tilt + random.normal(0, 0.06, (steps, bands))
        # Powers add; the spectrum is (log10 power + 4) / 4.
        scale = 4 * math.log(10)
        voice = np.logaddexp(voice * scale, noise * scale) / scale
    return np.asarray(voice, np.float32)
