"""What a made mouth gives away beside the face around it: numbers from a film of a few pictures.

Every number compares a part of the face with another part of the same pictures, or a movement with
another movement, so that camera, codec, light and person cancel as far as they can. Sharpness as
Laplacian energy by octave, grain by the residual of a median, flicker by differences in time,
colour in CIELAB, jitter by accelerations of landmarks once the head is held still (Umeyama 1991).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face import mesh

Film = NDArray[np.uint8]
Floats = NDArray[np.float64]
Single = NDArray[np.float32]
_Mask = NDArray[np.bool_]

#: Names of what ``measure`` returns, in its order. "a/b" is the logarithm of a over b.
NAMES: tuple[str, ...] = (
    "sharp fine mouth/eyes", "sharp middle mouth/eyes", "sharp coarse mouth/eyes",
    "sharp fine chin/cheeks", "sharp middle chin/cheeks", "sharp coarse chin/cheeks",
    "grain mouth/eyes", "grain chin/cheeks",
    "flicker fine mouth/eyes", "flicker fine chin/cheeks", "flicker coarse mouth/cheeks",
    "flicker coarse chin/cheeks", "flicker coarse eyes/cheeks",
    "colour chin-cheeks light", "colour chin-cheeks red", "colour chin-cheeks yellow",
    "colour drift chin/cheeks", "sharp colour chin/cheeks",
    "jitter lips/head", "jitter lips/speed", "jitter eyelids/head", "speed of lips", "jitter head",
    "roughness outer lip", "roughness inner lip", "roughness over time",
    "shift chin-cheeks",
)  # fmt: skip
#: Pictures that a film must have.
SHORTEST = 4

_LIDS = ((159, 145), (386, 374))  # middle of the upper and lower eyelid, right and left
_EYES = ((33, 160, 158, 133, 153, 144), (263, 387, 385, 362, 380, 373))
_SOFT = 2.0  # pixels: what is left of a picture when its coarse flicker is measured
_WINDOW = 48  # pixels: the squares whose shifts are compared


@dataclass(frozen=True)
class _Regions:
    mouth: _Mask
    eyes: _Mask
    chin: _Mask
    cheeks: _Mask


def measure(film: Film, points: Single) -> Single:
    """The numbers ``NAMES`` of a film, float32 (F,).

    ``film`` uint8 (T, 224, 224, 3), aligned crops, at least ``SHORTEST``; ``points`` (T, 478, 2),
    their landmarks in pixels. ValueError when it is too short.
    """
    if len(film) < SHORTEST:
        raise ValueError(f"a film has at least {SHORTEST} pictures, not {len(film)}")
    grey = np.stack([cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in film]).astype(np.float32)
    at = points.astype(np.float64)
    regions = _regions(at.mean(axis=0), film.shape[1])
    found = [
        *_sharpness(grey, regions), *_grain(grey, regions), *_flicker(grey, regions),
        *_colour(film, regions), *_movement(at), _shift(grey, at.mean(axis=0)),
    ]  # fmt: skip
    return np.asarray(found, np.float32)


def eye_openings(points: Single) -> Floats:
    """Distance of the eyelids over the width of the eye, mean of both eyes: (T, 478, 2) -> (T,)."""
    found = []
    for (top, bottom), ring in zip(_LIDS, _EYES, strict=True):
        width = np.linalg.norm(points[:, ring[0]] - points[:, ring[3]], axis=1)
        height = np.linalg.norm(points[:, top] - points[:, bottom], axis=1)
        found.append(height / np.maximum(width, 1e-6))
    return np.asarray(np.mean(found, axis=0), np.float64)


def _regions(points: Floats, size: int) -> _Regions:
    """Where the parts of the face lie, from its mean landmarks (478, 2)."""
    eye = float(np.linalg.norm(points[mesh.EYE_OUTER[0]] - points[mesh.EYE_OUTER[1]]))
    mouth = _hull(points[list(mesh.LIPS_OUTER)], size, 0.05 * eye)
    beside = _hull(points[list(mesh.LIPS_OUTER)], size, 0.10 * eye)
    eyes = np.logical_or.reduce([_hull(points[list(ring)], size, 0.06 * eye) for ring in _EYES])
    lower = _hull(points[list(mesh.MOUTH_JAW)], size, 0.0)
    rows = np.arange(size)[:, None]
    nose, line = points[2, 1], points[list(mesh.EYE_OUTER), 1].mean()
    face = _hull(points[list(mesh.RIGID)], size, 0.0)
    cheeks = face & (rows > line + 0.12 * eye) & (rows < nose) & ~beside
    return _Regions(mouth, eyes, lower & (rows > nose) & ~beside, cheeks)


def _hull(points: Floats, size: int, margin: float) -> _Mask:
    mask = np.zeros((size, size), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points).astype(np.int32)), 1)
    width = 2 * round(margin) + 1
    return np.asarray(cv2.dilate(mask, np.ones((width, width), np.uint8)), bool)


def _sharpness(grey: Single, regions: _Regions) -> list[float]:
    """Laplacian energy of three octaves, mouth against eyes and chin against cheeks."""
    mouth, chin = [], []
    for level in range(3):
        energy = np.zeros(grey.shape[1:], np.float32)
        for picture in grey[:: max(1, len(grey) // 3)]:
            small = picture
            for _ in range(level):
                small = cv2.pyrDown(small)
            edges = np.abs(cv2.Laplacian(small, cv2.CV_32F))
            energy += cv2.resize(edges, grey.shape[1:][::-1], interpolation=cv2.INTER_LINEAR)
        mouth.append(_ratio(energy, regions.mouth, regions.eyes))
        chin.append(_ratio(energy, regions.chin, regions.cheeks))
    return [*mouth, *chin]


def _grain(grey: Single, regions: _Regions) -> list[float]:
    """What a small median takes away."""
    picture = grey[len(grey) // 2]
    residual = np.abs(picture - cv2.medianBlur(picture, 3))
    return [
        _ratio(residual, regions.mouth, regions.eyes),
        _ratio(residual, regions.chin, regions.cheeks),
    ]


def _flicker(grey: Single, regions: _Regions) -> list[float]:
    """Change from picture to picture: of fine detail, and of what is left without it."""
    soft = np.stack([cv2.GaussianBlur(p, (0, 0), _SOFT) for p in grey])
    fine = np.abs(np.diff(grey - soft, axis=0)).mean(axis=0)
    coarse = np.abs(np.diff(soft, n=2, axis=0)).mean(axis=0)
    return [
        _ratio(fine, regions.mouth, regions.eyes),
        _ratio(fine, regions.chin, regions.cheeks),
        _ratio(coarse, regions.mouth, regions.cheeks),
        _ratio(coarse, regions.chin, regions.cheeks),
        _ratio(coarse, regions.eyes, regions.cheeks),
    ]


def _colour(film: Film, regions: _Regions) -> list[float]:
    """Chin against cheeks in CIELAB: how far apart, how that changes, how sharp colour is."""
    lab = np.stack([cv2.cvtColor(p, cv2.COLOR_RGB2LAB) for p in film])
    chin = np.stack([p[regions.chin].mean(axis=0) for p in lab])
    cheeks = np.stack([p[regions.cheeks].mean(axis=0) for p in lab])
    apart = chin - cheeks
    drift = np.abs(np.diff(apart, axis=0)).mean()
    steady = np.abs(np.diff(cheeks, axis=0)).mean()
    middle = lab[len(lab) // 2, ..., 1:].astype(np.float32)
    edges = np.abs(cv2.Laplacian(cv2.GaussianBlur(middle, (0, 0), 1.0), cv2.CV_32F)).sum(axis=2)
    light, red, yellow = apart.mean(axis=0) / 10.0
    sharp = _ratio(edges, regions.chin, regions.cheeks)
    return [light, red, yellow, float(np.log((drift + 0.02) / (steady + 0.02))), sharp]


def _movement(points: Floats) -> list[float]:
    """Accelerations and speeds of landmarks in a head that is held still, and shapes of lips."""
    still = _held(points)
    lips = still[:, [*mesh.LIPS_OUTER, *mesh.LIPS_INNER]]
    lids = still[:, [point for pair in _LIDS for point in pair]]
    head = still[:, list(mesh.RIGID)]
    shaken, shaken_lids, shaken_head = (_acceleration(x) for x in (lips, lids, head))
    speed = float(np.sqrt(np.square(np.diff(lips, axis=0)).sum(axis=-1).mean()))
    outer, inner = (_roughness(still[:, list(ring)]) for ring in (mesh.LIPS_OUTER, mesh.LIPS_INNER))
    return [
        _log(shaken / (shaken_head + 1e-4)), _log(shaken / (speed + 1e-4)),
        _log(shaken_lids / (shaken_head + 1e-4)), _log(speed), _log(shaken_head),
        _log(float(outer.mean())), _log(float(inner.mean())),
        _log(float(outer.std() + inner.std())),
    ]  # fmt: skip


def _held(points: Floats) -> Floats:
    """Landmarks (T, P, 2) with the head where it is on average, in eye distances."""
    z = points[..., 0] + 1j * points[..., 1]
    rigid = z[:, list(mesh.RIGID)]
    target = rigid.mean(axis=0)
    unit = abs(z[:, mesh.EYE_OUTER[0]] - z[:, mesh.EYE_OUTER[1]]).mean()
    middle, centre = target.mean(), rigid.mean(axis=1, keepdims=True)
    centred = rigid - centre
    turn = (centred.conj() @ (target - middle)) / np.square(np.abs(centred)).sum(axis=1)
    held = (z - centre) * turn[:, None] / unit
    return np.stack([held.real, held.imag], axis=-1)


def _acceleration(points: Floats) -> float:
    return float(np.sqrt(np.square(np.diff(points, n=2, axis=0)).sum(axis=-1).mean()))


def _roughness(ring: Floats) -> Floats:
    """Fourth difference along a closed line (T, N, 2) over its length, (T,)."""
    bend = ring
    for _ in range(2):
        bend = np.roll(bend, 1, axis=1) - 2 * bend + np.roll(bend, -1, axis=1)
    length = np.linalg.norm(np.roll(ring, 1, axis=1) - ring, axis=-1).sum(axis=1)
    return np.asarray(np.linalg.norm(bend, axis=-1).mean(axis=1) / np.maximum(length, 1e-6))


def _shift(grey: Single, points: Floats) -> float:
    """How far chin and cheeks move apart from picture to picture, root mean square, logarithm."""
    moved = []
    for middle in (points[199], points[5]):  # chin, nose
        x, y = (int(np.clip(v - _WINDOW / 2, 0, grey.shape[1] - _WINDOW)) for v in middle)
        parts = np.ascontiguousarray(grey[:, y : y + _WINDOW, x : x + _WINDOW])
        window = cv2.createHanningWindow((_WINDOW, _WINDOW), cv2.CV_32F)
        moved.append([cv2.phaseCorrelate(a, b, window)[0] for a, b in itertools.pairwise(parts)])
    apart = np.clip(np.subtract(*np.array(moved)), -4.0, 4.0)
    return float(np.log(np.sqrt(np.square(apart).sum(axis=-1).mean()) + 0.05))


def _ratio(values: Single, above: _Mask, below: _Mask) -> float:
    """Logarithm of the mean over one region by that over another; grey levels are the unit."""
    return float(np.log((values[above].mean() + 0.05) / (values[below].mean() + 0.05)))


def _log(value: float) -> float:
    return float(np.log(value + 1e-4))
