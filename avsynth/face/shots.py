"""Cuts between shots, found frame by frame on small pictures.

Each block of the picture is searched for in the frame before. Where most of the texture cannot be
found again, the shot has changed. The comparison is by normalised correlation, so a change of
light alone (flash, fade, exposure) is no cut, and with a search, so fast motion is none either.
Dissolves are not cuts: they have no frame at which the shot changes.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from avsynth.face.roi import Picture

_SIDE = 64  # longer side of the thumbnail
_BLOCK = 8
_REACH = 5  # search radius in thumbnail pixels: 8 % of the picture's longer side in one frame
_FLAT = 4.0  # standard deviation (of 255) below which a block or a picture has no texture
_LOST = 0.16  # share of the texture that must be gone for a cut ...
_SURGE = 4.0  # ... and how many times more than in the frames just before
_STILL = 3.0  # mean difference (of 255) below which two pictures need no search
_GLARE = 0.15  # rise in the share of clipped pixels at which nothing can be told (a flash) ...
_GLARE_FRAMES = 3  # ... for so many frames; a picture that stays bright is a new picture

Thumbnail = npt.NDArray[np.float32]


class ShotDetector:
    """Feed it every frame in order; it answers whether a new shot begins with this one."""

    def __init__(self) -> None:
        self._before: Thumbnail | None = None
        self._usual = 0.0
        self._blind = 0
        self.score = 0.0  # of the last frame: share of texture not found again, 0..1

    def update(self, rgb: Picture) -> bool:
        """``rgb`` (H, W, 3) uint8, any size but always the same. False for the first frame.

        A frame without content (black, white, flash) is never a cut: the next frame with content
        is compared with the last one that had some.
        """
        now, before = _thumbnail(rgb), self._before
        self.score = 0.0
        if _contrast(now) < _FLAT:
            return False
        if before is not None and _clipped(now) > _clipped(before) + _GLARE:
            self._blind += 1
            if self._blind <= _GLARE_FRAMES:
                return False
        self._before, self._blind = now, 0
        if before is None:
            return False
        self.score = _texture_lost(now, before)
        cut = self.score > max(_LOST, _SURGE * self._usual)
        # After a cut the frames are new: what was usual before says nothing.
        self._usual = 0.0 if cut else 0.7 * self._usual + 0.3 * self.score
        return cut


def _thumbnail(rgb: Picture) -> Thumbnail:
    height, width = rgb.shape[:2]
    factor = max(round(max(height, width) / _SIDE), 1)  # whole factors are much faster
    size = (max(width // factor, 1), max(height // factor, 1))
    whole = rgb[: size[1] * factor, : size[0] * factor]
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.float32)


def _clipped(thumbnail: Thumbnail) -> float:
    return float((thumbnail > 250).mean())


def _texture_lost(now: Thumbnail, before: Thumbnail) -> float:
    """Share of the texture of ``now`` that is nowhere near its place in ``before``, 0..1."""
    if float(cv2.norm(now, before, cv2.NORM_L1)) < _STILL * now.size:
        return 0.0
    height, width = now.shape[:2]
    padded = np.pad(before, ((_REACH, _REACH), (_REACH, _REACH), (0, 0)), mode="edge")
    lost = total = 0.0
    for y in range(0, height - _BLOCK + 1, _BLOCK):
        for x in range(0, width - _BLOCK + 1, _BLOCK):
            block = now[y : y + _BLOCK, x : x + _BLOCK]
            area = padded[y : y + _BLOCK + 2 * _REACH, x : x + _BLOCK + 2 * _REACH]
            weight = max(_contrast(block), _contrast(area))
            if weight < _FLAT:
                continue
            match = float(cv2.matchTemplate(area, block, cv2.TM_CCOEFF_NORMED).max())
            lost += weight * (1.0 - max(match, 0.0)) if np.isfinite(match) else weight
            total += weight
    return lost / total if total else 0.0


def _contrast(picture: Thumbnail) -> float:
    _, deviation = cv2.meanStdDev(picture)
    return min(float(deviation.max()), 40.0)
