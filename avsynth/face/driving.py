"""The motion of a face without the face: measured on one person, given to another.

A head's pose is found frame by frame against the generic rigid shape of ``alignment``, so poses
of different people mean the same, and a frame has the same pose alone as among others. What is
left of the mesh is told as displacement from the person's own mean shape: the shape itself, by
which a person could be known, is not kept. What happens to a frame in which no face is seen, or
at a cut, is decided here too (see ``measure``). It is applied to a picture
in ``avsynth.face.head_motion``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from avsynth.errors import NothingToDoError
from avsynth.face import mesh
from avsynth.face.alignment import _TEMPLATE as GENERIC_TEMPLATE
from avsynth.face.alignment import align
from avsynth.face.rows import Rows, StoredRows

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

#: Frames over which motion eases back in after a face was out of sight.
EASE: Final = 8
#: What became of a driver's frame.
MEASURED, HELD, EASED = "measured", "held", "eased"

# Pairs of points whose distances tell how a face looks just now: the mouth's width and opening,
# the right and the left eye's opening.
_GAUGES: Final = (mesh.LIP_CORNERS, mesh.LIP_TOP_BOTTOM, (159, 145), (386, 374))
_BLOCK: Final = 512  # frames worked on at once
#: Numbers a frame in ``HeadMotion.gauges``.
GAUGES: Final = len(_GAUGES)


@dataclass(frozen=True, slots=True)
class HeadMotion:
    """Motion of one face over T frames; every frame has values, also where none was seen.

    Attributes:
        rotation: float32 (T, 3, 3), of the head against the generic one: row vectors of the
            head, multiplied from the right, are turned into the picture.
        scale: float32 (T,), size relative to the mean of the shot.
        shift: float32 (T, 3), place relative to the mean of the shot, in eye distances.
        expression: (T, 478, 3), displacement of the mesh, its pose taken out, from the driver's
            mean shape, in eye distances. It may lie on disk, and be of half precision.
        gauges: float32 (T, 4), width and opening of the mouth, opening of the right and the left
            eye, in eye distances: by them another face's proportions are compared.
        seen: bool (T,), whether there was a face in the frame.
        cut: bool (T,), True where a new shot begins.
    """

    rotation: Floats
    scale: Floats
    shift: Floats
    expression: Rows
    gauges: Floats
    seen: NDArray[np.bool_]
    cut: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.scale)

    def __getitem__(self, part: slice) -> HeadMotion:
        """The frames of a slice; what is on disk stays there."""
        return HeadMotion(*(getattr(self, field.name)[part] for field in fields(self)))

    def outcomes(self) -> list[str]:
        """What became of each frame: measured, held while no face was seen, or eased after."""
        _, share = _filling(self.seen, self.cut)
        return [
            HELD if not seen else EASED if part < 1.0 else MEASURED
            for seen, part in zip(self.seen, share, strict=True)
        ]


def measure(points: Rows, cuts: Iterable[int] = (), store: StoredRows | None = None) -> HeadMotion:
    """Motion of one person's landmarks.

    A frame without a face holds what was before it, and what comes after eases in over ``EASE``
    frames. Where a shot begins without one it holds the first sight of that shot; a shot
    without any holds what was seen last, or first. Nothing is held or eased across a cut
    otherwise.

    Args:
        points: (T, 478, 3) pixels, z in the same unit, NaN where there is no face. It is read a
            few frames at a time, once: it may lie on disk.
        cuts: numbers of frames that begin a shot; 0 always does.
        store: where the expression goes, (T, 478, 3) of any float; default a new float32 array.

    Raises:
        ValueError: points of another shape.
        NothingToDoError: no frame with a face.
    """
    if points.shape[1:] != (mesh.MESH_POINTS, 3):
        raise ValueError(f"landmarks must be (frames, {mesh.MESH_POINTS}, 3), not {points.shape}")
    count = points.shape[0]
    expression: StoredRows = np.empty(points.shape, np.float32) if store is None else store
    matrix, offset = np.full((count, 3, 3), np.nan), np.full((count, 3), np.nan)
    looks = np.full((count, len(_GAUGES)), np.nan)
    total, number = np.zeros((mesh.MESH_POINTS, 3)), 0
    for part in _blocks(count):
        shapes, matrix[part], offset[part] = pose_free(points[part])
        looks[part] = gauges(shapes)
        expression[part] = shapes
        here = np.isfinite(looks[part][:, 0])
        total, number = total + shapes[here].sum(axis=0), number + int(here.sum())
    if not number:
        raise NothingToDoError("no face was found in any frame")
    seen: NDArray[np.bool_] = np.asarray(np.isfinite(looks[:, 0]))
    cut = np.zeros(count, bool)
    cut[[0, *(int(c) for c in cuts if 0 < c < count)]] = True
    size = np.linalg.norm(matrix[:, 0], axis=1)
    shift, scale = _about_mean(offset, size, seen, cut)
    before, share = _filling(seen, cut)
    for part in _blocks(count):
        expression[part] = expression[part] - total / number
    _fill(expression, before, share)
    rotation = matrix / size[:, None, None]
    for values in (rotation, shift, scale, looks):
        _fill(values, before, share)
    u, _, vt = np.linalg.svd(rotation)  # what was mixed is no rotation any more
    rotation[share < 1.0] = (u @ vt)[share < 1.0]
    single = np.float32
    return HeadMotion(
        rotation.astype(single), scale.astype(single), shift.astype(single), expression,
        looks.astype(single), seen, cut,
    )  # fmt: skip


def _blocks(count: int) -> list[slice]:
    return [slice(first, min(first + _BLOCK, count)) for first in range(0, count, _BLOCK)]


def pose_free(points: NDArray[np.floating]) -> tuple[Doubles, Doubles, Doubles]:
    """Meshes (T, 478, 3) in the head's own frame, in eye distances; poses' matrix and offset."""
    array = np.asarray(points, dtype=np.float64)
    whole: NDArray[np.bool_] = np.asarray(np.isfinite(array).all(axis=(1, 2)))
    array = np.where(whole[:, None, None], array, np.nan)
    _, poses = align(array, GENERIC_TEMPLATE)
    shapes = np.full_like(array, np.nan)
    seen = np.isfinite(poses.offset[:, 0])
    if seen.any():
        inverse = np.linalg.inv(poses.matrix[seen])
        shapes[seen] = (array[seen] - poses.offset[seen, None]) @ inverse
    return shapes, poses.matrix, poses.offset


def gauges(shapes: Doubles) -> Doubles:
    """Mouth and eyes of pose-free meshes (T, 478, 3): (T, 4), see ``HeadMotion.gauges``."""
    a, b = (list(column) for column in zip(*_GAUGES, strict=True))
    return np.asarray(np.linalg.norm(shapes[:, a] - shapes[:, b], axis=-1))


def _about_mean(
    offset: Doubles, size: Doubles, seen: NDArray[np.bool_], cut: NDArray[np.bool_]
) -> tuple[Doubles, Doubles]:
    """Place and size of each frame about the means of its shot, which another camera shows."""
    shift, scale = np.full_like(offset, np.nan), np.full_like(size, np.nan)
    shots = np.cumsum(cut)
    for shot in np.unique(shots[seen]):
        rows = seen & (shots == shot)
        mean = size[rows].mean()
        scale[rows] = size[rows] / mean
        shift[rows] = (offset[rows] - offset[rows].mean(axis=0)) / mean
    return shift, scale


def _filling(seen: NDArray[np.bool_], cut: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Doubles]:
    """For each frame: the frame that stands in for it, and its own share in the result (T,)."""
    count = len(seen)
    before, share = np.arange(count), seen.astype(np.float64)
    starts = [*np.flatnonzero(cut), count]
    last = int(np.argmax(seen))  # the first sight stands in for all before it
    way = np.arange(1, EASE + 1) / (EASE + 1)
    ease = way * way * (3.0 - 2.0 * way)
    for first, stop in itertools.pairwise(starts):
        sights = np.flatnonzero(seen[first:stop]) + first
        if not len(sights):
            before[first:stop] = last
            continue
        held, back = int(sights[0]), first - EASE  # back: when it was seen again
        for frame in range(first, stop):
            if not seen[frame]:
                if frame > sights[0] and seen[frame - 1]:
                    held = frame - 1
                before[frame] = held
                continue
            if frame > sights[0] and not seen[frame - 1]:
                back = frame
            if frame - back < EASE:
                before[frame], share[frame] = held, ease[frame - back]
        last = int(sights[-1])
    return before, share


def _fill(values: StoredRows, before: NDArray[np.intp], share: Doubles) -> None:
    """Mix each frame with the one that stands in for it, in place, in order of time."""
    for frame in np.flatnonzero(share < 1.0):
        held, part = values[before[frame]], share[frame]
        values[frame] = held if part == 0.0 else held + part * (values[frame] - held)
