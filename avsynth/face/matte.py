"""A portrait in two layers: the person, who moves, over a background that stays.

Which pixels are the person's is said by the segmentation network that mediapipe ships, sharpened
along the picture's own edges by a guided filter (He, Sun and Tang, "Guided image filtering", 2013).
What the person hid is filled in from around, and is seen only in the slivers that a movement bares.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face.quiet import quiet
from avsynth.face.warp import Floats

Bytes = NDArray[np.uint8]

_LOW, _HIGH = 0.05, 0.95  # of the network's answer: surely background, surely person
_RADIUS = 0.012  # of the guided filter, longer sides of the picture
_EDGE = 1e-3  # its regularisation, on values 0..1: differences below its root are no edge
_FILL_SIDE = 160  # the hole is filled in a picture of this longer side: only slivers are ever seen
_lock = threading.Lock()


class Layers:
    """A picture that can be moved without its background.

    Args:
        rgb: uint8 (h, w, 3).
        matte: float32 (h, w), how far each pixel is the person's, 0..1; default ``person_matte``.
    """

    def __init__(self, rgb: Bytes, matte: Floats | None = None) -> None:
        matte = person_matte(rgb) if matte is None else matte
        behind = _fill(rgb, matte)
        # No more of the background than the colour can hold, so that both layers together are
        # exactly the picture where nothing moves: through a red sleeve no white wall is seen.
        most = ((rgb + 0.5) / np.maximum(behind, 1.0)).min(axis=2)
        #: float32 (h, w), the person's share of every pixel.
        self.matte: Floats = np.maximum(matte, 1.0 - most).astype(np.float32)
        #: uint8 (h, w, 3), what stays.
        self.background: Bytes = _fill(rgb, self.matte)
        # Premultiplied by what is left when the background is taken off, so that both together are
        # the picture where nothing moves; the share is again what the colour can hold.
        share = np.maximum(
            self.matte, 1.0 - ((rgb + 0.5) / np.maximum(self.background, 1.0)).min(2)
        )
        person = rgb - (1.0 - share[..., None]) * self.background
        layer = np.dstack([person, share * 255.0])
        self._fine = _finer(np.asarray(np.clip(np.rint(layer), 0, 255), dtype=np.uint8))

    def moved(self, flow: Floats) -> Bytes:
        """The picture with every pixel of the person from ``flow`` (h, w, 2) pixels beside it.

        uint8 (h, w, 3); equal to the picture within one level where nothing moves.
        """
        height, width = self.matte.shape
        places = 2.0 * flow
        places[..., 0] += 2.0 * np.arange(width, dtype=np.float32)
        places[..., 1] += 2.0 * np.arange(height, dtype=np.float32)[:, None]
        moved = cv2.remap(  # type: ignore[call-overload]  # the stubs know of no single map
            self._fine, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        bare = 255 - moved[..., 3]
        behind = cv2.multiply(self.background, cv2.merge([bare, bare, bare]), scale=1.0 / 255.0)
        return np.asarray(cv2.add(cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB), behind), dtype=np.uint8)


def _finer(picture: Bytes) -> Bytes:
    """A picture (h, w, C) with cubic half-way pixels between its own, (2 h - 1, 2 w - 1, C).

    Linear interpolation in it is cubic interpolation of the picture but for 0.1 % of the range,
    at a fifth of the cost.
    """
    height, width = picture.shape[:2]
    rows, columns = np.mgrid[: 2 * height - 1, : 2 * width - 1].astype(np.float32) / 2.0
    fine = cv2.remap(picture, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(fine, dtype=np.uint8)


def person_matte(rgb: Bytes) -> Floats:
    """How far each pixel of a portrait ``rgb`` (h, w, 3) is a person's: float32 (h, w), 0..1."""
    with _lock:
        rough = _network().process(rgb).segmentation_mask
    radius = max(2, round(_RADIUS * max(rgb.shape)))
    guide = rgb.astype(np.float32) / 255.0
    fine = cv2.ximgproc.guidedFilter(guide, np.asarray(rough, dtype=np.float32), radius, _EDGE)
    return np.asarray(np.clip((fine - _LOW) / (_HIGH - _LOW), 0.0, 1.0), dtype=np.float32)


@functools.cache
def _network() -> Any:
    with quiet():
        import mediapipe

        network = mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)
        network.process(np.zeros((64, 64, 3), dtype=np.uint8))  # it says its notes once
    return network


def _fill(rgb: Bytes, matte: Floats) -> Bytes:
    """The picture with the person taken out, uint8 (h, w, 3)."""
    height, width = matte.shape
    scale = min(1.0, _FILL_SIDE / max(height, width))
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    hole = cv2.dilate(matte, np.ones((3, 3), np.uint8))
    hidden = cv2.resize(hole, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA)
    hidden = cv2.dilate(hidden, np.ones((3, 3), np.uint8))
    filled = cv2.inpaint(small, (hidden > _LOW).astype(np.uint8), 3, cv2.INPAINT_TELEA)
    large = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    share = np.clip(hole / 0.1, 0.0, 1.0)[..., None]  # right up to the edge, the true background
    return np.asarray(rgb * (1.0 - share) + large * share + 0.5, dtype=np.uint8)
