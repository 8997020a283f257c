"""One person's motion on another's face: where the landmarks of a picture are to go.

``measure`` (of ``avsynth.face.driving``) reads the motion off the driver; ``retarget`` applies it.

The head turns, moves and grows as the driver's did since the frame ``start``, in which driver and
source were most alike (Siarohin et al., "First Order Motion Model for Image Animation", 2019,
section 3.3); the mesh is displaced as the driver's was, in proportion to the source's mouth and
eyes. Absolute motion gives the source the driver's own head pose instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.face import mesh
from avsynth.face.driving import (
    EASED,
    HELD,
    MEASURED,
    Doubles,
    Floats,
    HeadMotion,
    measure,
    pose_free,
)
from avsynth.face.driving import gauges as gauges_of

__all__ = [
    "EASED",
    "HELD",
    "MEASURED",
    "PARTS",
    "HeadMotion",
    "Retargeter",
    "closest",
    "measure",
    "retarget",
]

#: What can be moved on its own; what neither mouth nor eyes move goes with the head.
PARTS: Final = ("mouth", "eyes", "head")

_MOUTH: Final = np.array(sorted({*mesh.MOUTH_JAW, *mesh.LIPS_MIDDLE}))
_EYES: Final = np.array(mesh.EYES)
_PAIRS: Final = tuple(
    np.array([upper, lower])
    for upper, lower in (
        (mesh.INNER_UPPER, mesh.INNER_LOWER),
        (mesh.UPPER_LIDS, mesh.LOWER_LIDS),
    )
)
_TOUCH: Final = 0.006  # eye distances by which lips or lids may overlap: noise of the landmarks

# How unlike two faces are: differences that count as one, of the head's turn in degrees and of
# the gauges in eye distances. A mouth's width differs between people more than in one of them.
_TURN: Final = 8.0
_UNLIKE: Final = np.array([0.10, 0.03, 0.03, 0.03])
# By how much movement is scaled at most for another's proportions, of mouth and eyes; eyes more,
# for a blink must close them.
_MOST: Final = 1.35
_MOST_EYES: Final = 1.8
# Where movement of the head is bounded softly: from where on, and up to where (see Retargeter).
_TURNS: Final = (np.radians(25.0), np.radians(40.0))
_MOVES: Final = (0.25, 0.50)
_SIZES: Final = (np.log(1.1), np.log(1.25))
_LEAST_EYE: Final = 0.03  # eye distances below which an eye's opening says nothing of its size


def closest(motion: HeadMotion, source_points: ArrayLike, *, pose: bool = True) -> int:
    """The driver's frame most like the source in pose and expression (or expression alone).

    ``source_points`` (478, 3) in pixels. Open eyes count as alike however large they are, so
    that a narrow-eyed source is not matched with a driver's blink. Frames that were held or eased
    are not chosen.
    """
    shape, matrix, _ = pose_free(np.asarray(source_points)[None])
    gauges = motion.gauges.astype(np.float64)
    measured = np.array([outcome == MEASURED for outcome in motion.outcomes()])
    wanted = gauges_of(shape)[0]
    usual = np.median(gauges[measured], axis=0)
    wanted[2:] = np.where(wanted[2:] > 0.5 * usual[2:], usual[2:], wanted[2:])
    unlike = (((gauges - wanted) / _UNLIKE) ** 2).sum(axis=1)
    if pose:
        rotation = matrix[0] / np.linalg.norm(matrix[0, 0])
        cosine = (np.einsum("tij,ij->t", motion.rotation, rotation) - 1.0) / 2.0
        unlike += (np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))) / _TURN) ** 2
    return int(np.argmin(np.where(measured, unlike, np.inf)))


def retarget(
    motion: HeadMotion,
    source_points: ArrayLike,
    *,
    relative: bool = True,
    start: int | None = None,
    parts: Iterable[str] = PARTS,
    strength: float = 1.0,
    moderate: bool = False,
) -> Floats:
    """Where the source's landmarks go, frame by frame: float32 (T, 478, 3), source pixels.

    See ``Retargeter`` for the arguments.
    """
    return Retargeter(
        motion, source_points, relative=relative, start=start, parts=parts, strength=strength,
        moderate=moderate,
    ).points(motion)  # fmt: skip


class Retargeter:
    """Gives one source picture a driver's motion, a few frames at a time.

    Args:
        motion: the whole motion, from which the reference frame is taken.
        source_points: (478, 3), pixels.
        relative: move as the driver moved since frame ``start``; else the head takes the driver's
            own pose, and its place and size follow the driver's about their means.
        start: the driver's frame that the source picture stands for; default the closest one.
        parts: any of ``PARTS``.
        strength: 0 leaves the source as it is, 1 moves it as the driver moved.
        moderate: let the head go no further than one picture can be made to show: turns beyond
            25 degrees from the picture's pose, moves beyond a quarter of the eye distance and sizes
            beyond a tenth grow slower and slower, up to 40 degrees, a half and a quarter.

    Raises:
        ValueError: points of another mesh, no or unknown parts, a ``start`` that is not there.
    """

    def __init__(
        self, motion: HeadMotion, source_points: ArrayLike, *, relative: bool = True,
        start: int | None = None, parts: Iterable[str] = PARTS, strength: float = 1.0,
        moderate: bool = False,
    ) -> None:  # fmt: skip
        source = np.asarray(source_points, dtype=np.float64)
        if source.shape != (mesh.MESH_POINTS, 3) or not np.isfinite(source).all():
            raise ValueError(f"the source must be ({mesh.MESH_POINTS}, 3) finite landmarks")
        parts = frozenset(parts)
        if not parts or not parts <= set(PARTS):
            raise ValueError(f"parts are of {', '.join(PARTS)}, not {sorted(parts)}")
        if start is None:
            start = closest(motion, source, pose=relative)
        if not 0 <= start < len(motion):
            raise ValueError(f"the motion has no frame {start}")
        self.start = start
        self._strength = strength
        self._moderate = moderate
        self._head = "head" in parts
        self._source = source
        shapes, matrices, offsets = pose_free(source[None])
        self._shape, self._offset = shapes[0], offsets[0]
        self._size = float(np.linalg.norm(matrices[0, 0]))
        self._rotation = matrices[0] / self._size
        self._from = motion[start : start + 1]
        # The rotation, scale and shift that count as no motion at all.
        self._zero_rotation = self._from.rotation[0].astype(np.float64)
        self._zero_scale = float(self._from.scale[0])
        self._zero_shift = self._from.shift[0].astype(np.float64)
        self._unit = self._size / self._zero_scale
        if not relative:
            self._zero_rotation, self._zero_scale = self._rotation, 1.0
            self._zero_shift, self._unit = np.zeros(3), self._size
        self._share = _shares(parts) * _proportions(gauges_of(shapes)[0], self._from.gauges[0])
        self._own_gaps = [self._shape[low, 1] - self._shape[up, 1] for up, low in _PAIRS]

    def points(self, motion: HeadMotion) -> Floats:
        """Landmarks (T, 478, 3) in source pixels for the frames of ``motion``, a part of it."""
        moved = np.asarray(motion.expression[:], np.float64) - self._from.expression[0]
        shapes = self._shape + self._strength * self._share * moved
        for (upper, lower), own in zip(_PAIRS, self._own_gaps, strict=True):
            _keep_apart(shapes, upper, lower, np.minimum(own, 0.0) - _TOUCH)
        if not self._head:
            still = shapes @ (self._size * self._rotation) + self._offset
            kept = np.where(self._share > 0.0, still, self._source)
            return np.asarray(kept, np.float32)
        turn = self._zero_rotation.T @ motion.rotation
        size = (motion.scale / self._zero_scale) ** self._strength
        move = self._strength * self._unit / self._size * (motion.shift - self._zero_shift)
        if self._moderate:
            turn = _turned(turn, self._strength, *_TURNS)
            size = np.exp(_soft(np.log(size), *_SIZES))
            length = np.linalg.norm(move, axis=1, keepdims=True)
            move = move * (_soft(length, *_MOVES) / np.maximum(length, 1e-9))
        elif self._strength != 1.0:
            turn = _turned(turn, self._strength)
        size, place = self._size * size, self._offset + self._size * move
        posed = shapes @ (size[:, None, None] * (self._rotation @ turn)) + place[:, None]
        return np.asarray(posed, np.float32)


def _shares(parts: frozenset[str]) -> Doubles:
    """How much of the mesh's displacement each point follows, (478, 1): 0 or 1."""
    share = np.full((mesh.MESH_POINTS, 1), float("head" in parts))
    share[_MOUTH] = float("mouth" in parts)
    share[_EYES] = float("eyes" in parts)
    return share


def _proportions(own: Doubles, driver: Floats) -> Doubles:
    """By how much displacements are scaled (478, 3), both faces looking alike just then."""
    scale = np.ones((mesh.MESH_POINTS, 3))
    mouth = float(np.clip(own[0] / max(driver[0], 1e-3), 1 / _MOST, _MOST))
    scale[_MOUTH] = mouth
    half = len(mesh.UPPER_LIDS) // 2
    for eye, rows in ((2, slice(0, half)), (3, slice(half, None))):
        if min(own[eye], driver[eye]) > _LEAST_EYE:
            ratio = float(np.clip(own[eye] / driver[eye], 1 / _MOST_EYES, _MOST_EYES))
            scale[[*mesh.UPPER_LIDS[rows], *mesh.LOWER_LIDS[rows]], 1] = ratio
    return scale


def _keep_apart(
    shapes: Doubles, upper: NDArray[np.intp], lower: NDArray[np.intp], least: Doubles
) -> None:
    """Lids and lips that would pass through each other meet half way, in place."""
    lack = np.maximum(least - (shapes[:, lower, 1] - shapes[:, upper, 1]), 0.0) / 2.0
    shapes[:, upper, 1] -= lack
    shapes[:, lower, 1] += lack


def _turned(
    rotations: Doubles, strength: float, knee: float = np.inf, most: float = np.inf
) -> Doubles:
    """Rotations (T, 3, 3) by ``strength`` times their angle, softly bounded, same axes."""
    from scipy.spatial.transform import Rotation

    vectors = strength * Rotation.from_matrix(rotations).as_rotvec()
    angle = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors *= _soft(angle, knee, most) / np.maximum(angle, 1e-9)
    return np.asarray(Rotation.from_rotvec(vectors).as_matrix())


def _soft(values: Doubles, knee: float, most: float) -> Doubles:
    """``values`` as they are up to ``knee``, from there slower and slower towards ``most``."""
    if not np.isfinite(knee):
        return values
    size = np.abs(values)
    beyond = knee + (most - knee) * np.tanh((size - knee) / (most - knee))
    return np.where(size <= knee, values, np.sign(values) * beyond)
