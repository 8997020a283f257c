"""The pose-free space in which mouths move: landmarks <-> a dozen coefficients.

``align`` takes the head's pose out of the mesh. ``MouthSpace`` is a principal-component basis of
what is left, in units of the distance between the outer eye corners; ``PersonStyle`` says where a
person's closed mouth lies in it and how far that person moves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.face import mesh
from avsynth.face.alignment import Floats, Poses, align

__all__ = [
    "MouthSpace",
    "PersonStyle",
    "Poses",
    "align",
    "canonical_opening",
    "keep_lips_apart",
    "opening",
]


def opening(points: ArrayLike) -> Floats:
    """Inner-lip opening (mesh 13-14) over the distance of the outer eye corners, (T,).

    ``points`` (T, P, 2 or 3): full mesh or STORED, in pixels. Distances are taken in the image.
    """
    array = np.asarray(points, dtype=np.float64)[..., :2]
    top, bottom = mesh.rows(mesh.LIP_TOP_BOTTOM, array.shape[1])
    right, left = mesh.rows(mesh.EYE_OUTER, array.shape[1])
    lips = np.linalg.norm(array[:, top] - array[:, bottom], axis=-1)
    return np.asarray(lips / np.linalg.norm(array[:, right] - array[:, left], axis=-1))


def canonical_opening(canonical: ArrayLike) -> Floats:
    """The same opening from canonical MOUTH_JAW points (..., M, 2 or 3)."""
    top, bottom = mesh.in_mouth(mesh.LIP_TOP_BOTTOM)
    array = np.asarray(canonical, dtype=np.float64)[..., :2]
    return np.asarray(np.linalg.norm(array[..., top, :] - array[..., bottom, :], axis=-1))


def keep_lips_apart(canonical: ArrayLike) -> Floats:
    """Canonical points (T, M, 3) in which no inner lower-lip point lies above its upper partner.

    A sum of components can push closed lips through each other; such pairs meet in their middle.
    """
    array = np.array(canonical, dtype=np.float64)
    upper, lower = (mesh.in_mouth(lip) for lip in (mesh.INNER_UPPER, mesh.INNER_LOWER))
    crossed = array[:, lower, 1] < array[:, upper, 1]
    middle = (array[:, lower] + array[:, upper]) / 2
    array[:, upper] = np.where(crossed[..., None], middle, array[:, upper])
    array[:, lower] = np.where(crossed[..., None], middle, array[:, lower])
    return array


#: Measured on 16 clips of GRID training speakers: the first extent is 0.97 of the typical one
#: (0.20 for a face that keeps silent), and speech on the mean 1.13 of it from the closed mouth.
_MUTE, _TYPICAL, _LIFT = 0.5, 0.7, 1.1


@dataclasses.dataclass(frozen=True)
class MouthSpace:
    """A basis of mouth shapes: ``canonical = mean + coefficients @ components``.

    ``mean`` (M, 3), ``components`` (K, M, 3) orthonormal under the metric ``weight`` (3,) of the
    axes, ``deviation`` (K,): the typical size of each coefficient.
    """

    mean: Floats
    components: Floats
    deviation: Floats
    weight: Floats

    @classmethod
    def fit(cls, tracks: Sequence[Floats], size: int = 16, depth_weight: float = 0.3) -> MouthSpace:
        """Principal components of canonical tracks [(T_i, M, 3)], each about its own mean.

        Every track counts with its mirror image, so that lopsided mouths of a few people do not
        tilt the basis, and z (the noisiest coordinate) by ``depth_weight``.
        """
        weight = np.array([1.0, 1.0, depth_weight])
        mirror = _mirror_order()
        moments = np.zeros((len(mesh.MOUTH_JAW) * 3,) * 2)
        frames, means = 0, []
        for track in tracks:
            seen = track[np.isfinite(track).all(axis=(1, 2))]
            flipped = seen[:, mirror] * np.array([-1.0, 1.0, 1.0])
            means.append((seen.mean(axis=0) + flipped.mean(axis=0)) / 2)
            for half in (seen, flipped):
                flat = ((half - half.mean(axis=0)) * weight).reshape(len(half), -1)
                moments += flat.T @ flat
                frames += len(half)
        values, vectors = np.linalg.eigh(moments / frames)
        values, vectors = values[::-1][:size], vectors[:, ::-1][:, :size]
        components = vectors.T.reshape(size, -1, 3) / weight
        # Sign: more is more open. Lopsided components do not open the mouth: theirs is fixed by
        # an arbitrary direction, so that the same data always give the same basis.
        top, bottom = mesh.in_mouth(mesh.LIP_TOP_BOTTOM)
        opens = components[:, bottom, 1] - components[:, top, 1]
        arbitrary = vectors.T @ np.random.default_rng(0).standard_normal(len(vectors))
        components *= np.sign(np.where(np.abs(opens) > 1e-6, opens, arbitrary))[:, None, None]
        return cls(np.mean(means, axis=0), components, np.sqrt(values), weight)

    @property
    def size(self) -> int:
        """Number of coefficients, K."""
        return len(self.components)

    def encode(self, canonical: ArrayLike) -> Floats:
        """Canonical points (T, M, 3) -> coefficients (T, K)."""
        flat = (np.asarray(canonical, dtype=np.float64) - self.mean) * self.weight
        return np.asarray(np.einsum("tmd,kmd->tk", flat, self.components * self.weight))

    def shape(self, coefficients: ArrayLike) -> Floats:
        """Coefficients (T, K) -> canonical points (T, M, 3)."""
        return np.asarray(self.mean + self.displacement(coefficients))

    def displacement(self, coefficients: ArrayLike) -> Floats:
        """Coefficients or their differences (T, K) -> canonical displacement (T, M, 3)."""
        return np.asarray(
            np.einsum("tk,kmd->tmd", np.asarray(coefficients, np.float64), self.components)
        )

    def residual(self, canonical: ArrayLike) -> Floats:
        """What the basis cannot say of canonical points (T, M, 3): identity and detail."""
        array = np.asarray(canonical, dtype=np.float64)
        return array - self.shape(self.encode(array))

    def decode(
        self, coefficients: ArrayLike, poses: Poses, residual: ArrayLike | None = None
    ) -> Floats:
        """Coefficients (T, K) -> MOUTH_JAW image points (T, M, 2) in the frames' poses.

        ``residual`` (T, M, 3) or (M, 3) is added to the canonical shape; with the frame's own
        one, a frame's own coefficients give back its landmarks exactly.
        """
        canonical = self.shape(coefficients)
        if residual is not None:
            canonical = canonical + np.asarray(residual, dtype=np.float64)
        return poses.to_image(canonical)[..., :2]

    def displace(
        self, points: ArrayLike, poses: Poses, source: ArrayLike, target: ArrayLike
    ) -> Floats:
        """Move image points (T, M, 3) from ``source`` to ``target`` coefficients -> (T, M, 2).

        What the basis cannot say of each frame stays as it is; lips are kept from crossing.
        """
        array = np.asarray(points, dtype=np.float64)
        difference = np.asarray(target, np.float64) - np.asarray(source, np.float64)
        canonical = (array - poses.offset[:, None]) @ np.linalg.inv(poses.matrix)
        moved = keep_lips_apart(canonical + self.displacement(difference))
        return poses.to_image(moved)[..., :2]

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Everything as float32 arrays under ``mouth_space.*`` (for a weights file)."""
        return {
            f"mouth_space.{field.name}": np.ascontiguousarray(getattr(self, field.name), np.float32)
            for field in dataclasses.fields(self)
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.float32]]) -> MouthSpace:
        """Inverse of ``arrays``; KeyError when one is missing."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(*(np.asarray(arrays[f"mouth_space.{n}"], np.float64) for n in names))


def _mirror_order() -> NDArray[np.intp]:
    """Row in MOUTH_JAW of each moving point's mirror image."""
    return mesh.in_mouth(mesh.MOUTH_JAW_MIRRORED)


@dataclasses.dataclass(frozen=True)
class PersonStyle:
    """How a person speaks: the closed mouth ``neutral`` (K,), the mean ``centre`` (K,) and the
    extent ``scale`` (K,) of the mouth's movement.

    Motion is in units of these: 0 is the person's mean mouth, 1 a standard deviation from it. A
    further value, the presence (0..1), says how much of a mouth that speaks it is: at 0 it is the
    closed mouth, whatever the units.
    """

    neutral: Floats
    centre: Floats
    scale: Floats

    @classmethod
    def from_coefficients(
        cls,
        coefficients: ArrayLike,
        openings: ArrayLike,
        prior: ArrayLike | None = None,
        speaking: ArrayLike | None = None,
    ) -> PersonStyle:
        """Read the style off a track of speech: coefficients (T, K) and mouth openings (T,).

        The neutral is the mean over the tenth of the frames whose mouth is most closed. Outliers (a
        cough, a lost landmark) are clipped at 5 robust deviations, frames with NaN left out.
        ``prior`` (K,), usually ``space.deviation``, counts as ten more frames of a typical extent,
        which keeps short tracks sane. Mean and extent are those of the frames where ``speaking``
        (T,) is true, if a second's worth (25) of them are: somebody who mostly listens would seem
        to mumble. ValueError when no frame is usable.
        """
        values, gaps = np.asarray(coefficients, np.float64), np.asarray(openings, np.float64)
        good = np.isfinite(values).all(axis=1) & np.isfinite(gaps)
        if not good.any():
            raise ValueError("no frame with a face to read a style from")
        values, gaps = values[good], gaps[good]
        neutral = values[gaps <= np.quantile(gaps, 0.1)].mean(axis=0)
        if speaking is not None and np.count_nonzero(np.asarray(speaking)[good]) >= 25:
            values = values[np.asarray(speaking, bool)[good]]
        middle = np.median(values, axis=0)
        robust = 1.4826 * np.median(np.abs(values - middle), axis=0) + 1e-3
        clipped = np.clip(values, middle - 5 * robust, middle + 5 * robust)
        variance = clipped.var(axis=0)
        if prior is not None:
            typical = np.asarray(prior, np.float64) ** 2
            variance = (variance * len(values) + 10 * typical) / (len(values) + 10)
        scale, centre = np.sqrt(variance) + 1e-6, clipped.mean(axis=0)
        if prior is not None and scale[0] < _MUTE * np.asarray(prior)[0]:
            # Somebody who never speaks here: moved as people usually are, from the closed mouth.
            scale = _TYPICAL * np.asarray(prior, np.float64)
            centre = neutral.copy()
            centre[0] += _LIFT * scale[0]
        return cls(neutral, centre, scale)

    def to_units(self, coefficients: ArrayLike) -> Floats:
        """Coefficients (T, K) -> person-normalised units (T, K)."""
        return np.asarray((np.asarray(coefficients, np.float64) - self.centre) / self.scale)

    def from_units(self, units: ArrayLike) -> Floats:
        """Units (T, K), or with the presence (T, K + 1) -> coefficients (T, K)."""
        values = np.asarray(units, np.float64)
        shape = self.centre + values[..., : len(self.centre)] * self.scale
        if values.shape[-1] == len(self.centre):
            return shape
        return np.asarray(self.neutral + values[..., -1:] * (shape - self.neutral))
