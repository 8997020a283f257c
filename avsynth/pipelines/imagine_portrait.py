"""One portrait of nobody: drawn until it is a face, and not the face of a training person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.errors import UsageError
from avsynth.face.landmarks import LandmarkDetector
from avsynth.face.plausible import portrait_landmarks
from avsynth.weights.faces import Faces, Neighbour

Bytes = NDArray[np.uint8]

#: Shorter side of a portrait, at least. What a network draws smaller is enlarged, for the detectors
#: of this toolkit and of others; nothing is gained by it for the eye.
SIDE: Final = 256
#: Draws for one portrait; then it is not the portrait that is wrong but the distance asked for.
MOST_DRAWS: Final = 1000

#: Why a draw was refused, beside what ``face.plausible`` says.
TOO_NEAR: Final = "too_near"
UNKNOWN: Final = "no_identity"


class PictureEmbedder(Protocol):
    """An identity embedder of pictures, such as ``provenance.dlib_face.DlibFace``."""

    name: str

    def embed_picture(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """The point (D,) of the largest face in ``rgb`` (H, W, 3); None where none is found."""
        ...


@dataclass(frozen=True)
class Drawn:
    """A portrait that passed: ``rgb`` (H, W, 3) uint8, how many were drawn for it, this one
    included, why the others were refused, whom it is nearest to and how far it had to be.
    """

    rgb: Bytes
    draws: int
    refused: Counter[str]
    nearest: Neighbour
    threshold: float


@dataclass(frozen=True)
class Studio:
    """What portraits are drawn and judged with. ``least``: distance that all keep in any case."""

    faces: Faces
    detector: LandmarkDetector
    embedder: PictureEmbedder
    least: float = 0.0

    def draw(self, seed: int, number: int) -> Drawn:
        """The first acceptable portrait of ``seed`` and ``number``, the same one every time.

        UsageError where ``MOST_DRAWS`` did not do.
        """
        refused: Counter[str] = Counter()
        farthest = 0.0
        draws = self.faces.draws(seed, number)
        for count in range(1, MOST_DRAWS + 1):
            rgb = enlarged(next(draws))
            why, nearest = self._judge(rgb)
            if nearest is not None:
                farthest = max(farthest, nearest.distance)
            if why is None and nearest is not None:
                threshold = max(nearest.own, self.least)
                return Drawn(rgb, count, refused, nearest, threshold)
            refused[why or UNKNOWN] += 1
        told = ", ".join(f"{reason}: {times}" for reason, times in refused.most_common())
        raise UsageError(
            f"none of {MOST_DRAWS} draws is a face that is far enough from everybody ({told}); the "
            f"farthest is {farthest:.2f} away",
            hint="a smaller --min-distance, or another --seed",
        )

    def _judge(self, rgb: Bytes) -> tuple[str | None, Neighbour | None]:
        """Why a draw is refused, if it is; and the training person it is nearest to."""
        _, why = portrait_landmarks(rgb, self.detector)
        if why is not None:
            return why, None
        point = self.embedder.embed_picture(rgb)
        if point is None:
            return UNKNOWN, None
        people = self.faces.people
        return TOO_NEAR if people.too_near(point, self.least) else None, people.nearest(point)


def enlarged(rgb: Bytes) -> Bytes:
    """A drawn picture (S, S, 3) as it is written: a whole number of times as large, ``SIDE`` px
    at least.
    """
    factor = -(-SIDE // rgb.shape[0])
    if factor == 1:
        return rgb
    large = cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_LANCZOS4)
    return np.asarray(large, np.uint8)
