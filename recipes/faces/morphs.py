"""Pseudo-identities: people between the few that there are.

One person gives head, hair, clothes and background; eyes, nose, mouth and cheeks come from up to
four others, moved to the mean shape, matched in skin colour and joined over a pyramid (Burt and
Adelson 1983). Proportions are a mixture of the same people's, and then changed; hair and shoulders
are bent; everything is seen in other light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from crops import SIDE, Bytes, Crop, Floats
from numpy.typing import NDArray

from avsynth.models.face_shape import ShapeWarp

_PARTS = ("eyes", "nose", "mouth", "cheeks")
# fmt: off
_POINTS = {  # of the mesh, in whose neighbourhood a part rules
    "eyes": (33, 133, 159, 145, 263, 362, 386, 374, 70, 105, 107, 300, 334, 336),
    "nose": (1, 4, 5, 195, 98, 327, 197),
    "mouth": (61, 291, 0, 17, 13, 14, 84, 314, 199, 152, 175),
    "cheeks": (50, 280, 187, 411, 205, 425, 215, 435, 138, 367),
}
_INNER = (  # brows, temples, jaw: what others' features may cover
    105, 66, 107, 9, 336, 296, 334, 300, 301, 447, 366, 401, 435, 367, 364, 394, 395, 369, 396, 175,
    171, 140, 170, 169, 135, 138, 215, 177, 137, 227, 71, 70,
)
# fmt: on
_LEVELS = 4
_OWN = 0.15  # how often a person keeps a feature
_CHANGE = 0.45  # of proportions, standard deviations
_LARGEST = 2.2  # standard deviations of a mode
_BEND = 0.03  # of the side: hair and shoulders
_HUE, _GAIN, _GAMMA, _LIGHT = 0.05, 0.12, 0.15, 0.15


@dataclass(frozen=True)
class Morph:
    """A portrait (S, S, 3) in 0..255, the numbers (K,) of its shape, and whose parts it has."""

    rgb: Floats
    shape: Floats
    parents: tuple[str, ...]


class Mixer:
    """Draws people who are made of ``crops``."""

    def __init__(
        self, crops: Sequence[Crop], shapes: Floats, warp: ShapeWarp, mean: NDArray[np.float64]
    ) -> None:
        self.crops, self.shapes, self.warp = crops, shapes, warp
        self.people: dict[str, list[int]] = {}
        for number, crop in enumerate(crops):
            self.people.setdefault(crop.item.person, []).append(number)
        rgb = torch.from_numpy(np.stack([c.rgb for c in crops])).permute(0, 3, 1, 2)
        with torch.inference_mode():
            flat = [
                warp.to_texture(x[None].float(), torch.from_numpy(s)[None])[0]
                for x, s in zip(rgb, shapes, strict=True)
            ]
        self.textures = torch.stack(flat).permute(0, 2, 3, 1).numpy()
        self.masks, self.skin = _masks(mean)

    def draw(self, random: np.random.Generator) -> Morph:
        """One of them."""
        head = self._somebody(random)
        parts = {
            part: head if random.random() < _OWN else self._somebody(random) for part in _PARTS
        }
        for part in ("eyes", "nose", "cheeks"):  # nobody wears half a pair of glasses
            if self.crops[head].glasses or self.crops[parts[part]].glasses:
                parts[part] = head
        base = _bent(self.textures[head], self.masks.sum(axis=0), random)
        donors = [self._matched(number, head) for number in parts.values()]
        texture = _joined([base, *donors], [1.0 - self.masks.sum(axis=0), *self.masks])
        share = random.dirichlet((3.0, 1.5, 1.0, 1.5, 1.0))
        own = self.shapes[[head, *parts.values()]]
        shape = share @ own + random.normal(0, _CHANGE, own.shape[1])
        shape = np.clip(shape, -_LARGEST, _LARGEST).astype(np.float32)
        given = torch.from_numpy(np.ascontiguousarray(texture.transpose(2, 0, 1)))[None]
        with torch.inference_mode():
            made = self.warp.to_portrait(given, torch.from_numpy(shape)[None])[0]
        whose = dict.fromkeys(self.crops[n].item.person for n in (head, *parts.values()))
        rgb = lit(made.permute(1, 2, 0).numpy(), random)
        return Morph(rgb, shape, tuple(whose))

    def _somebody(self, random: np.random.Generator) -> int:
        person = random.choice(sorted(self.people))
        return int(random.choice(self.people[person]))

    def _matched(self, number: int, head: int) -> Floats:
        """The texture of one with the skin of another."""
        if number == head:
            return self.textures[head]
        own, other = (self.textures[i][self.skin] for i in (number, head))
        gain = np.clip(other.std(axis=0) / (own.std(axis=0) + 1e-3), 0.8, 1.25)
        made = (self.textures[number] - own.mean(axis=0)) * gain + other.mean(axis=0)
        return np.asarray(made, np.float32)


def lit(rgb: Floats, random: np.random.Generator) -> Floats:
    """A portrait (S, S, 3) of 0..255 in other light: colour, gain, contrast, a slope."""
    side = len(rgb)
    line = np.linspace(-1, 1, side, dtype=np.float32)
    slope = random.uniform(-_LIGHT, _LIGHT, 2).astype(np.float32)
    light = 1.0 + slope[0] * line[None, :, None] + slope[1] * line[:, None, None]
    colour = np.exp(random.uniform(-_HUE, _HUE, 3) + random.uniform(-_GAIN, _GAIN))
    gamma = np.exp(random.uniform(-_GAMMA, _GAMMA))
    made = 255.0 * np.clip(rgb / 255.0 * light * colour, 1e-4, 1.0) ** gamma
    return np.asarray(made, np.float32)


def _masks(mean: NDArray[np.float64]) -> tuple[Floats, NDArray[np.bool_]]:
    """Where each part rules, (4, S, S), together at most 1; and where there is mere skin."""
    points = mean * SIDE - 0.5
    inner = np.zeros((SIDE, SIDE), np.float32)
    cv2.fillPoly(inner, [np.round(points[list(_INNER)]).astype(np.int32)], 1.0)
    soft = cv2.GaussianBlur(cv2.erode(inner, np.ones((5, 5), np.uint8)), (0, 0), 4.0)
    y, x = np.mgrid[:SIDE, :SIDE]
    near = []
    for part in _PARTS:
        own = points[list(_POINTS[part])]
        far = np.hypot(x[..., None] - own[:, 0], y[..., None] - own[:, 1]).min(axis=-1)
        near.append(np.exp(-((far / (0.045 * SIDE)) ** 2)) + 1e-6)
    share = np.stack(near) ** 2
    share /= share.sum(axis=0)
    # Parts are whole: their borders are sharp here, the pyramid softens them.
    ruled = (share == share.max(axis=0)).astype(np.float32)
    skin = (inner > 0) & (np.stack(near[:3]).max(axis=0) < 0.3)
    return (ruled * soft).astype(np.float32), skin


def _joined(textures: list[Floats], masks: list[NDArray[np.floating]]) -> Floats:
    """Textures (S, S, 3) joined band by band under masks (S, S) that add up to 1."""
    result: list[Floats] = []
    for texture, mask in zip(textures, masks, strict=True):
        share, band = np.asarray(mask, np.float32), texture
        for level in range(_LEVELS + 1):
            if level < _LEVELS:
                small = cv2.pyrDown(band)
                detail = band - cv2.pyrUp(small, dstsize=band.shape[1::-1])
            else:
                small = detail = band
            piece = detail * share[..., None]
            if len(result) <= level:
                result.append(piece)
            else:
                result[level] = result[level] + piece
            band, share = small, cv2.pyrDown(share)
    made = result[-1]
    for detail in reversed(result[:-1]):
        made = cv2.pyrUp(made, dstsize=detail.shape[1::-1]) + detail
    return np.clip(made, 0, 255).astype(np.float32)


def _bent(texture: Floats, face: Floats, random: np.random.Generator) -> Floats:
    """What is around the face moved smoothly."""
    bend = random.uniform(-1, 1, (2, 4, 4)).astype(np.float32) * _BEND * SIDE
    x, y = (cv2.resize(b, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for b in bend)
    grown = cv2.GaussianBlur(
        cv2.dilate((face > 0.05).astype(np.float32), np.ones((25, 25))), (0, 0), 8
    )
    still = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    from_x, from_y = still[1] + x * (1 - grown), still[0] + y * (1 - grown)
    made = cv2.remap(texture, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(made, np.float32)


def small(rgb: Floats, size: int) -> Bytes:
    """A portrait (S, S, 3) of 0..255 as stored: (size, size, 3)."""
    made = cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA)
    return np.clip(made + 0.5, 0, 255).astype(np.uint8)
