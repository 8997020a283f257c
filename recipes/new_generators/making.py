"""What the new generators make: a still picture that moves as somebody else moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from clips import Bytes, Floats

from avsynth.face.alignment import align
from avsynth.face.head_motion import measure, retarget
from avsynth.face.portrait import MeshPortrait, Portrait, PortraitRenderer, portrait_box
from avsynth.models.lipsync_renderer import blend

#: Makes a renderer of a portrait: ``avsynth reenact`` with one quality or one network.
System = Callable[[Portrait], PortraitRenderer]


@dataclass(frozen=True)
class Moved:
    """A film made of one picture.

    ``film`` uint8 (T, h, w, 3); ``points`` float32 (T, 478, 3), where its landmarks should be;
    ``mask`` float32 (h, w), 0..1, where it may differ from the picture.
    """

    film: Bytes
    points: Floats
    mask: Floats


def system_named(name: str) -> System:
    """``mesh``, the classical renderer, or a network by name or file."""
    if name == "mesh":
        return MeshPortrait
    from avsynth.weights.reenacting import reenact_models

    models = reenact_models("best", name, allows_research=False, device="cpu", engine="torch")
    return models.renderer


def moved(
    picture: Bytes, points: Floats, driver: Floats, window: slice, system: System,
    relative: bool = True,
) -> Moved:  # fmt: skip
    """A picture (h, w, 3) with landmarks (478, 3) moved as frames ``window`` of a driver moved.

    ``driver`` (T, 478, 3) are the landmarks of the driver's whole clip, by which his own face is
    taken out of his motion.
    """
    height, width = picture.shape[:2]
    box = portrait_box(points, width, height)
    corner = np.array([box.x0, box.y0, 0.0], np.float32)
    renderer = system(Portrait(picture[box.slices].copy(), box, points - corner))
    wanted = retarget(measure(driver), points, relative=relative)[window]
    film, mask = [], np.zeros((height, width), np.float32)
    for patch in renderer.render(list(wanted - corner)):
        made = picture.copy()
        made[patch.box.slices] = blend(made[patch.box.slices], patch.rgb, patch.mask)
        mask[patch.box.slices] = np.maximum(mask[patch.box.slices], patch.mask)
        film.append(made)
    return Moved(np.stack(film), wanted, mask)


def as_large_as(portrait: Bytes, points: Floats, like: Floats) -> tuple[Bytes, Floats]:
    """A portrait (S, S, 3) and its landmarks, scaled so that its face is as large as another.

    ``like`` (478, 3) are the other's landmarks: a face's size in pixels should not tell who was
    made.
    """
    own, other = (align(p[None].astype(np.float64))[1].scale[0] for p in (points, like))
    factor = float(other / own)
    side = max(round(portrait.shape[0] * factor / 2) * 2, 16)
    way = cv2.INTER_AREA if factor < 1.0 else cv2.INTER_CUBIC
    scaled = np.asarray(cv2.resize(portrait, (side, side), interpolation=way), np.uint8)
    placed = points * np.float32(side / portrait.shape[0])
    placed[..., :2] += np.float32((side / portrait.shape[0] - 1.0) / 2.0)
    return scaled, placed
