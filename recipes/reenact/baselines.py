"""What reenactment is held against, as portrait renderers.

``repeated``: the source picture as it is. ``similarity``: the portrait region turned, scaled and
shifted in the plane so that its landmarks meet the driver's as well as they can. ``mesh``: the
classical renderer of the package, all pixels of the region warped as one. These three are the
baselines. ``fast``: the mesh over a background that stays, ``avsynth reenact --quality fast``.
Anything else is the name or file of a network, which works over such a background too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face.portrait import MeshPortrait, Portrait, PortraitRenderer, region_mask
from avsynth.face.render import Patch
from avsynth.models.lipsync_renderer import blend
from avsynth.weights.reenacting import ReenactModels, reenact_models

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

BASELINES = ("repeated", "similarity", "mesh")


def renderer(system: str, portrait: Portrait) -> PortraitRenderer:
    """The renderer of that name, for a portrait."""
    simple = {"repeated": Repeated, "similarity": Similarity, "mesh": MeshPortrait}
    if system in simple:
        made: PortraitRenderer = simple[system](portrait)
        return made
    return _network(system).renderer(portrait)


def film(system: str, portrait: Portrait, wanted: Floats) -> list[Bytes]:
    """Pictures (h, w, 3) of the portrait region, for landmarks (T, 478, 3) in its pixels.

    Pasted into the still source picture by the renderer's mask, as ``avsynth reenact`` does it.
    """
    patches = renderer(system, portrait).render(list(wanted))
    return [blend(portrait.rgb, patch.rgb, patch.mask) for patch in patches]


def label(system: str) -> str:
    """How a system is called in tables: a file by its stem."""
    return Path(system).stem


@cache
def _network(name: str) -> ReenactModels:
    if name == "fast":
        return reenact_models("fast")
    return reenact_models("best", name, engine="torch")


class Repeated:
    """The source picture, whatever is wanted."""

    name = "repeated"

    def __init__(self, portrait: Portrait) -> None:
        self._portrait = portrait
        self._mask = region_mask(portrait.box.width, portrait.box.height)

    def render(self, wanted: Sequence[Floats]) -> list[Patch]:
        """See ``PortraitRenderer``."""
        return [Patch(self._portrait.box, self._portrait.rgb, self._mask) for _ in wanted]


class Similarity:
    """The whole region moved rigidly in the plane; what it uncovers repeats the border."""

    name = "similarity"

    def __init__(self, portrait: Portrait) -> None:
        self._portrait = portrait
        self._mask = region_mask(portrait.box.width, portrait.box.height)

    def render(self, wanted: Sequence[Floats]) -> list[Patch]:
        """See ``PortraitRenderer``."""
        return [self._one(similarity(self._portrait.points, points)) for points in wanted]

    def _one(self, matrix: NDArray[np.float64]) -> Patch:
        box = self._portrait.box
        rgb = cv2.warpAffine(
            self._portrait.rgb, matrix, (box.width, box.height),
            flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return Patch(box, np.asarray(rgb, dtype=np.uint8), self._mask)


def similarity(source: Floats, wanted: Floats) -> NDArray[np.float64]:
    """The affine (2, 3) of least squares, turn, scale and shift, from points (P, 2+) to points.

    In the plane a similarity is multiplication with a complex number.
    """
    a, b = (points[:, 0] + 1j * points[:, 1].astype(np.float64) for points in (source, wanted))
    middle_a, middle_b = a.mean(), b.mean()
    turn = np.vdot(a - middle_a, b - middle_b) / np.vdot(a - middle_a, a - middle_a).real
    shift = middle_b - turn * middle_a
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
