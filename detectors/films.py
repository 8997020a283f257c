"""Short films of one face each, as the detectors of mouths and motion see a burst.

The same functions cut training films and the files that are scanned, so that both see the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.face.lower_crop import LowerCrop, Matrix, apply, cut, draw_lips
from avsynth.face.lower_face import LIPS, MOVING, vertices
from avsynth.face.mesh import EYE_OUTER, STORED
from avsynth.face.portrait_square import draw_face
from detectors.looks import Burst

Film = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: Side of the crop that all of them are cut from, and how many faces of a burst are looked at.
SIDE = 224
MOST_FACES = 4
#: Distance of the outer eye corners, pixels of the file, below which a mouth is too small to judge.
SMALLEST = 24.0
MOUTH = 64  # side of what a discriminator of mouths sees ...
#: Side of a whole face: eyes are about as far apart as in a portrait's square of 192 pixels, in
#: which the adversary of ``models.reenact`` learned.
FACE = 112
_SQUARE = 128  # ... in the middle of the lips, in a lower face of this size


@dataclass(frozen=True)
class FaceFilm:
    """One face in the pictures of a burst.

    Attributes:
        track: of the face.
        times: float64 (T,), seconds.
        film: uint8 (T, 224, 224, 3), aligned crops.
        points: float32 (T, 478, 2), landmarks in pixels of the crops.
        eyes: distance of the outer eye corners in pixels of the file.
    """

    track: int
    times: NDArray[np.float64]
    film: Film
    points: Floats
    eyes: float

    @property
    def stored(self) -> Floats:
        """The landmarks ``mesh.STORED`` alone."""
        return self.points[:, STORED]


def face_films(burst: Burst, smallest: float = SMALLEST) -> Iterator[FaceFilm]:
    """The largest faces of a burst, at most ``MOST_FACES``, those too small to judge left out."""
    seen = []
    for track, looks in burst.tracks():
        points = [face.points for _, face in looks]
        right, left = EYE_OUTER
        eyes = float(np.mean([np.linalg.norm(p[right, :2] - p[left, :2]) for p in points]))
        if eyes >= smallest:
            seen.append((eyes, track, looks))
    for eyes, track, looks in sorted(seen, key=lambda each: -each[0])[:MOST_FACES]:
        cuts = [look.crop(face, SIDE) for look, face in looks]
        places = [
            transform.to_crop(face.points[:, :2])
            for (transform, _), (_, face) in zip(cuts, looks, strict=True)
        ]
        times = np.array([look.time for look, _ in looks])
        film = np.stack([picture for _, picture in cuts])
        yield FaceFilm(track, times, film, np.stack(places).astype(np.float32), eyes)


def lower_faces(film: Film, points: Floats, size: int, mean: Floats | None = None) -> Film:
    """The lower face's square of every picture, uint8 (T, size, size, 3).

    ``points`` (T, P, 2) are the landmarks ``mesh.STORED``; ``mean`` (V, 2) the vertices that place
    the square, by default this film's mean.
    """
    layouts = [vertices(p) for p in points]
    crop = LowerCrop(np.mean(layouts, axis=0) if mean is None else mean, size)
    pictures = [
        cut(picture, crop.matrix(own), size) for picture, own in zip(film, layouts, strict=True)
    ]
    return np.stack(pictures)


@dataclass(frozen=True)
class Mouths:
    """Mouths as the lip-sync discriminators saw them in training.

    ``pictures`` and ``maps`` uint8 (T, 64, 64, 3), 0..255; the maps are the face that moves, the
    lips, the inside of the mouth; ``matrices`` (2, 3) lead from pixels of the film to the mouth's.
    """

    pictures: Film
    maps: Film
    matrices: tuple[Matrix, ...]


def mouths(film: Film, points: Floats) -> Mouths:
    """Cut the mouths out of ``film`` (T, 224, 224, 3); ``points`` (T, P, 2) are ``mesh.STORED``.

    All pictures are cut at one place of the lower face's square, so that only the mouth moves.
    """
    layouts = [vertices(p) for p in points]
    crop = LowerCrop(np.mean(layouts, axis=0), _SQUARE)
    matrices = [crop.matrix(own) for own in layouts]
    placed = [apply(matrix, own) for matrix, own in zip(matrices, layouts, strict=True)]
    middle = np.mean([p[LIPS].mean(axis=0) for p in placed], axis=0)
    corner = np.round(np.clip(middle - MOUTH / 2, 0, _SQUARE - MOUTH))
    matrices = [_moved(matrix, corner) for matrix in matrices]
    pictures = [cut(p, matrix, MOUTH) for p, matrix in zip(film, matrices, strict=True)]
    maps = [_maps((p - corner).astype(np.float32)) for p in placed]
    return Mouths(np.stack(pictures), np.stack(maps), tuple(matrices))


def whole_faces(film: Film, points: Floats) -> tuple[Film, Film]:
    """The crops of a film, and its landmarks drawn, as adversaries of portraits knew them.

    ``film`` (T, 224, 224, 3), ``points`` (T, 478, 2) in its pixels. Returns pictures uint8
    (T, 112, 112, 3) and drawings uint8 (T, 4, 112, 112), see ``face.portrait_square.draw_face``.
    """
    size = (FACE, FACE)
    pictures = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in film]
    placed = (points + 0.5) * (FACE / film.shape[1]) - 0.5
    drawn = [draw_face(each.astype(np.float32), FACE) for each in placed]
    return np.stack(pictures).astype(np.uint8), np.stack(drawn)


def _moved(matrix: Matrix, corner: NDArray[np.float64]) -> Matrix:
    moved = matrix.copy()
    moved[:, 2] -= corner
    return moved


def _maps(points: Floats) -> Film:
    face = np.zeros((MOUTH, MOUTH), np.uint8)
    hull = cv2.convexHull(np.round(points[:MOVING]).astype(np.int32))
    cv2.fillConvexPoly(face, hull, 255)
    return np.dstack([face, draw_lips(points, MOUTH)])
