"""Scores of one made film: as pictures, by the landmarks found in it, by the face's embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from cases import look
from dlib_points import DlibPoints
from numpy.typing import NDArray

from avsynth.face.landmarks import LandmarkDetector
from avsynth.face.mouth_space import MouthSpace
from avsynth.media import Box
from avsynth.metrics import face_motion, identity, image
from avsynth.metrics.perceptual import Lite0Distance
from avsynth.provenance.dlib_face import DlibFace

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

LOOKED_AT = 512  # longer side at most, where landmarks are found
PERCEIVED = 2  # every n-th picture is compared by the perceptual distance
RECOGNISED = 4  # every n-th picture is seen by dlib: embedding, key points


@dataclass(frozen=True)
class Seen:
    """What judges see in T pictures: landmarks (T, 478, 3) on pictures of 256 pixels, NaN without
    a face; dlib's of every ``RECOGNISED``-th picture, key points (n, 68, 2) and embeddings
    (n, 128), NaN likewise.
    """

    points: Floats
    key_points: Floats
    embeddings: Floats


class Judge:
    """Opens what is needed for scoring once."""

    def __init__(self, detector: LandmarkDetector, space: MouthSpace) -> None:
        self._detector = detector
        self._space = space
        self._perceive = Lite0Distance()
        self._embedder = DlibFace()
        self._dlib = DlibPoints()

    def look(self, pictures: Sequence[Bytes]) -> Seen:
        """Landmarks and embeddings of pictures (h, w, 3) of a portrait region."""
        found = np.stack([self._landmarks(shrunk(rgb, LOOKED_AT)) for rgb in pictures])
        few = pictures[::RECOGNISED]
        key_points = np.stack([self._dlib.look(rgb, face_motion.SIDE) for rgb in few])
        return Seen(found, key_points, np.stack([self._embedding(rgb) for rgb in few]))

    def _embedding(self, rgb: Bytes) -> Floats:
        found = self._embedder.embed_picture(shrunk(rgb, 256))
        return np.full(128, np.nan) if found is None else found.astype(np.float64)

    def _landmarks(self, rgb: Bytes) -> Floats:
        points = look(self._detector, rgb).astype(np.float64)
        whole = Box(0, 0, rgb.shape[1], rgb.shape[0])
        depth = points[:, 2:] * (face_motion.SIDE / max(rgb.shape[:2]))
        return np.concatenate([face_motion.on_square(points, whole), depth], axis=1)

    def picture_scores(self, made: Sequence[Bytes], real: Sequence[Bytes]) -> dict[str, float]:
        """Against the true pictures, both with a longer side of 256 pixels, except sharpness."""
        pairs = [(shrunk(a, 256), shrunk(b, 256)) for a, b in zip(made, real, strict=True)]
        few = pairs[::PERCEIVED]
        scores = {
            "l1": [image.l1(*pair) for pair in pairs],
            "psnr": [image.psnr(*pair) for pair in pairs],
            "ssim": [image.ssim(*pair) for pair in pairs],
            "lite0": self._perceive([a for a, _ in few], [b for _, b in few]),
            "sharpness": [image.sharpness(a, b) for a, b in zip(made, real, strict=True)],
        }
        return {name: float(np.mean(values)) for name, values in scores.items()}

    def self_scores(self, made: Seen, real: Seen) -> dict[str, float]:
        """Landmarks and identity against the true pictures."""
        pose = face_motion.pose_error(made.points, real.points)
        flat_made, flat_real = made.points[..., :2], real.points[..., :2]
        return {
            "akd": face_motion.akd(flat_made, flat_real),
            "akd_l2": face_motion.akd_l2(flat_made, flat_real),
            "akd_dlib68": face_motion.akd(made.key_points, real.key_points),
            "missing": face_motion.missing_rate(made.points, real.points),
            "yaw": pose.yaw, "pitch": pose.pitch, "roll": pose.roll, "pose": pose.mean,
            "expression": face_motion.expression_error(made.points, real.points),
            "mouth": face_motion.mouth_error(self._space, made.points, real.points),
            **_identity(made.embeddings, real.embeddings),
        }  # fmt: skip

    def cross_scores(self, made: Seen, driver: Floats, source: Seen) -> dict[str, float]:
        """Movement against the driver's landmarks (T, 478, 3), identity against the source."""
        return {
            **motion_scores(made.points, driver),
            "missing": face_motion.missing_rate(made.points, driver),
            **_identity(made.embeddings, source.embeddings[:1]),
        }


def motion_scores(points: Floats, driver: Floats) -> dict[str, float]:
    """Correlations over time, gains, relative expression error, of landmarks (T, 478, 3)."""
    followed = face_motion.correlations(points, driver)
    gains = face_motion.gains(points, driver)
    scores = {f"{name}_r": value for name, value in followed.items()}
    scores |= {f"{name}_gain": value for name, value in gains.items()}
    return scores | {"expression": face_motion.expression_error(points, driver, relative=True)}


def _identity(made: Floats, real: Floats) -> dict[str, float]:
    return {
        "aed": identity.aed(made, real),
        "dlib_l2": identity.embedding_distance(made, real),
        "csim": identity.csim(made, real),
    }


def shrunk(rgb: Bytes, side: int) -> Bytes:
    """The picture with a longer side of ``side`` pixels, or itself where it is smaller."""
    scale = side / max(rgb.shape[:2])
    if scale >= 1.0:
        return rgb
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)
