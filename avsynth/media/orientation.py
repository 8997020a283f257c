"""From the stored picture to the displayed one: quarter turns and mirroring."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avsynth.media.box import Box

_ONE = 1 << 16  # 1.0 in the 16.16 fixed point of a display matrix
_UNIT = 1 << 30  # 1.0 in its last column, 2.30


@dataclass(frozen=True, slots=True)
class Orientation:
    """Turn clockwise by ``rotation`` (0, 90, 180, 270), after mirroring left-right if ``mirrored``.

    All eight orientations of a picture can be said so. A matrix that is no multiple of a quarter
    turn reads as the nearest one.
    """

    rotation: int = 0
    mirrored: bool = False

    @staticmethod
    def from_matrix(data: bytes) -> Orientation:
        """From the 36 bytes of a container's display matrix; identity when they make no sense."""
        if len(data) < 36:
            return Orientation()
        a, b, _, c, d = (int(v) for v in np.frombuffer(data[:20], "<i4"))
        mirrored = a * d - b * c < 0
        if mirrored:
            a, b = -a, -b
        if a == b == 0:
            return Orientation()
        angle = math.degrees(math.atan2(b, a))
        return Orientation(round(angle / 90) * 90 % 360, mirrored)

    def matrix(self) -> list[int]:
        """The display matrix as nine integers (translations left at zero)."""
        a, b = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[self.rotation]
        flip = -1 if self.mirrored else 1
        return [a * flip * _ONE, b * flip * _ONE, 0, -b * _ONE, a * _ONE, 0, 0, 0, _UNIT]

    @property
    def is_identity(self) -> bool:
        """True when the stored picture is shown as it is."""
        return self.rotation == 0 and not self.mirrored

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Size on the other side (its own inverse)."""
        return (height, width) if self.rotation in (90, 270) else (width, height)

    def to_display(self, image: NDArray[Any]) -> NDArray[Any]:
        """View of a stored image (H, W, ...) as displayed."""
        if self.mirrored:
            image = image[:, ::-1]
        return np.rot90(image, -(self.rotation // 90))

    def to_stored(self, image: NDArray[Any]) -> NDArray[Any]:
        """View of a displayed image (H, W, ...) as stored."""
        image = np.rot90(image, self.rotation // 90)
        return image[:, ::-1] if self.mirrored else image

    def box_to_stored(self, box: Box, width: int, height: int) -> Box:
        """Where a display box lies in the stored picture; ``width``, ``height`` as displayed."""
        if self.rotation == 90:  # stored (x, y) = (display y, width - 1 - display x)
            box, width, height = Box(box.y0, width - box.x1, box.y1, width - box.x0), height, width
        elif self.rotation == 180:
            box = Box(width - box.x1, height - box.y1, width - box.x0, height - box.y0)
        elif self.rotation == 270:
            box, width, height = (
                Box(height - box.y1, box.x0, height - box.y0, box.x1),
                height,
                width,
            )
        if self.mirrored:
            box = Box(width - box.x1, box.y0, width - box.x0, box.y1)
        return box
