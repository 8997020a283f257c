"""The renderer protocol, and the classical renderer: a mouth made of the person's own pixels.

A renderer is given a frame's lower face, where its landmarks are, where they should be, and
references: other moments of the same person from which pixels may be taken. It returns a picture
of the lower face and a mask; writing that into the frame is the caller's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face.lower_face import (
    INNER_RING,
    LIPS,
    MOVING,
    VERTICES,
    openness,
    triangles,
    uncross,
)  # fmt: skip
from avsynth.face.warp import Floats, Raster, Triangulation
from avsynth.media import Box

Bytes = NDArray[np.uint8]

_FINE_PIXELS = 60_000  # larger faces are warped on a coarser grid; pixels are still all their own
_FEATHER = 0.5  # how far between the skin's landmarks and the lip line the mouth's edge lies
_HOLLOW = np.array([0.38, 0.22, 0.22], dtype=np.float32)  # of the lips' colour, inside a mouth
_HOLLOW_EDGE = 0.8  # pixels
_GAMMA = 2.2  # of the linear light in which colours are matched


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels of a lower face with its vertices: a reference, or the frame itself.

    ``rgb`` is uint8 (h, w, 3); ``vertices`` float32 (V, 2), see ``lower_face``, in its pixels.
    """

    rgb: Bytes
    vertices: Floats


@dataclass(frozen=True, slots=True)
class Target:
    """What one frame should become.

    Attributes:
        frame: the frame's own lower face, pixels of ``box``.
        box: where that is in the frame.
        wanted: float32 (V, 2), the vertices as they should be, in pixels of ``box``.
        spare: float32 (V,) or None, 1 where something covers the face and must stay.
    """

    frame: Picture
    box: Box
    wanted: Floats
    spare: Floats | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where the pixels come from: skin from one picture, the mouth from others that are mixed.

    ``mouth`` holds (picture, share) pairs; shares are positive and add up to 1. Without any, the
    mouth too is moved in the frame's own pixels.
    """

    skin: Picture
    mouth: Sequence[tuple[Picture, float]]


@dataclass(frozen=True, slots=True)
class Patch:
    """A rendered lower face: ``rgb`` uint8 (h, w, 3) and ``mask`` float32 (h, w) for ``box``."""

    box: Box
    rgb: Bytes
    mask: Floats


class Renderer(Protocol):
    """Anything that can paint a mouth. Pure: equal arguments give equal patches."""

    name: str

    def render(self, targets: Sequence[Target], sources: Sequence[Source]) -> list[Patch]:
        """Paint each target from the source of the same position."""
        ...


class ClassicalRenderer:
    """Warp the person's own pixels by landmarks: no network, no training, the floor to beat.

    Skin comes from the frame itself where it may be seen (so light, beard and grain are right),
    lips and the inside of the mouth from the references, matched in colour around the lips.

    Args:
        mean: float32 (V, 2), the person's mean vertices over the shot, any unit.
    """

    name = "classical"

    def __init__(self, mean: Floats) -> None:
        faces = triangles(mean)
        self._mesh = Triangulation(faces)
        self._face = np.zeros((VERTICES, 1), dtype=np.float32)
        self._face[:MOVING] = 1.0
        self._lips = np.zeros((VERTICES, 1), dtype=np.float32)
        self._lips[LIPS] = 1.0
        self._inside = np.flatnonzero(np.isin(faces, INNER_RING).all(axis=1))
        self._near_lips = np.unique(faces[np.isin(faces, LIPS).any(axis=1)])

    def render(self, targets: Sequence[Target], sources: Sequence[Source]) -> list[Patch]:
        """See :class:`Renderer`."""
        return [self._one(t, s) for t, s in zip(targets, sources, strict=True)]

    def _one(self, target: Target, source: Source) -> Patch:
        box = target.box
        wanted = uncross(target.wanted)
        raster = self._mesh.raster(wanted, box.width, box.height)
        bare = 1.0 if target.spare is None else 1.0 - target.spare[:, None]
        stride = 1 if box.area < _FINE_PIXELS else 2 if box.area < 4 * _FINE_PIXELS else 3
        [face] = self._mesh.weights(raster, self._face * bare, stride)
        rgb = self._warp(raster, source.skin, stride)
        low = np.maximum(np.floor(wanted[self._near_lips].min(axis=0)).astype(int), 0)
        high = np.ceil(wanted[self._near_lips].max(axis=0)).astype(int) + 1
        window = raster.window(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        if window.index.size:
            both = np.concatenate([self._lips * bare, self._lips * (1.0 - bare)], axis=1)
            lips, covered = self._mesh.weights(window, both.astype(np.float32))
            part = rgb[low[1] : high[1], low[0] : high[0]]
            if source.mouth:
                part[:] = self._mouth(window, source, part, lips, covered)
            torn = _torn(wanted, source)
            if torn > 0.0:
                part[:] = self._hollow(window, part, lips, torn)
        return Patch(box, rgb, face)

    def _hollow(self, window: Raster, mouth: Bytes, lips: Floats, torn: float) -> Bytes:
        """Darken the inside of a mouth for which no picture shows an inside."""
        inside = np.isin(window.index, self._inside)
        red = mouth[(lips > 0.95) & ~inside]
        if not len(red):
            return mouth
        dark = red.mean(axis=0) * _HOLLOW
        soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), _HOLLOW_EDGE)
        share = (torn * soft * np.clip(lips, 0.0, 1.0))[..., None]
        return np.asarray(mouth + (dark - mouth) * share, dtype=np.uint8)

    def _mouth(
        self, window: Raster, source: Source, skin: Bytes, lips: Floats, covered: Floats
    ) -> Bytes:
        """The mouths of the references over the skin of the same window."""
        around = (lips > 0.05) & (lips < 0.6) & (covered < 0.05)  # skin, and no hand on it
        below = skin.astype(np.float32)
        mouth = np.zeros(skin.shape, dtype=np.float32)
        for picture, part in source.mouth:
            warped = self._warp(window, picture, 1).astype(np.float32)
            mouth += part * _match_colour(warped, below, around)
        # The lip line is known to a pixel, so the skin beside it can be the frame's own.
        share = np.clip((lips - _FEATHER) / (1.0 - _FEATHER), 0.0, 1.0)
        mixed = below + (mouth - below) * share[..., None]
        return np.asarray(np.clip(mixed + 0.5, 0, 255), dtype=np.uint8)

    def _warp(self, raster: Raster, picture: Picture, stride: int) -> Bytes:
        x, y = self._mesh.sampling_map(raster, picture.vertices, stride)
        warped = cv2.remap(picture.rgb, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(warped, dtype=np.uint8)


def _torn(wanted: Floats, source: Source) -> float:
    """How far the wanted mouth is open beyond what its pictures can show, 0..1."""
    pictures = source.mouth or [(source.skin, 1.0)]
    shown = sum(share * openness(picture.vertices) for picture, share in pictures)
    return float(np.clip((openness(wanted) - 2.0 * shown - 0.03) / 0.08, 0.0, 1.0))


def _match_colour(picture: Floats, like: Floats, where: NDArray[np.bool_]) -> Floats:
    """Scale ``picture`` so that its mean linear light at ``where`` is that of ``like``.

    With a power-law gamma, a gain in linear light is a gain of the coded values too.
    """
    if not where.any():
        return picture
    have = (picture[where] / 255.0) ** _GAMMA
    want = (like[where] / 255.0) ** _GAMMA
    gain = (want.mean(axis=0) + 1e-4) / (have.mean(axis=0) + 1e-4)
    coded = np.clip(gain, 0.25, 4.0).astype(np.float32) ** (1.0 / _GAMMA)
    return np.asarray(picture * coded, dtype=np.float32)
