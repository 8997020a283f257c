"""Does a reenacted face move as its driver does: landmarks, pose, expression, over time.

On landmarks of the 478-point mediapipe mesh, (T, 478, 3) in pixels with z, NaN where no face was
found, unless said otherwise; frames without a face in either array are left out of every mean and
counted by ``missing_rate``. Whose landmarks they are (the detector's name) belongs beside every
number. Reenactment of a person by that person has a true picture, so positions are compared;
between two people only movement is (``correlations``, ``relative``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.face.alignment import align
from avsynth.face.mouth_space import MouthSpace, opening
from avsynth.face.pose import head_pose
from avsynth.media import Box
from avsynth.metrics.sync import correlation

Floats = NDArray[np.float64]

#: Longer side in pixels of the picture in which key points are compared.
SIDE = 256
# Corner, two of the upper lid, corner, two of the lower lid opposite the upper: each eye.
_EYES = ((33, 160, 158, 133, 153, 144), (263, 387, 385, 362, 380, 373))


class PoseError(NamedTuple):
    """Mean absolute differences in degrees, and the mean of the three."""

    yaw: float
    pitch: float
    roll: float
    mean: float


class Signals(NamedTuple):
    """A face's movement, each (T,): angles in degrees, openings as ratios; NaN without a face."""

    yaw: Floats
    pitch: Floats
    roll: Floats
    mouth: Floats
    eyes: Floats


def on_square(points: ArrayLike, box: Box) -> Floats:
    """Landmarks (..., 2 or more) in pixels of the frame -> (..., 2) in a 256-pixel picture of
    ``box``: its longer side becomes 256, so nothing is squeezed. Pixel centres are whole numbers.
    """
    array = np.asarray(points, np.float64)[..., :2]
    scale = SIDE / max(box.width, box.height)
    return np.asarray((array - np.array([box.x0, box.y0]) + 0.5) * scale - 0.5)


def akd(made: ArrayLike, real: ArrayLike) -> float:
    """Average key point distance of (T, P, 2), in pixels of 256 x 256 pictures; any detector's.

    As ``cmp_kp.py`` of pose-evaluation (Siarohin et al., "First Order Motion Model for Image
    Animation", 2019) computes it: the mean absolute difference of *coordinates* (L1), averaged over
    x and y, points and frames; pictures without a found face are left out. NaN if none is left.
    """
    a, b = _both(made, real)
    return _mean(np.abs(a - b).mean(axis=(1, 2)))


def akd_l2(made: ArrayLike, real: ArrayLike) -> float:
    """What the name says: mean Euclidean distance of key points (T, P, 2), where ``akd`` is L1."""
    a, b = _both(made, real)
    return _mean(np.linalg.norm(a - b, axis=-1).mean(axis=1))


def missing_rate(made: ArrayLike, real: ArrayLike) -> float:
    """Share of the pictures with a real face (T, P, D) in which none was found in the made one.

    As ``cmp_with_missing.py`` of pose-evaluation, for faces. NaN if there is no real face.
    """
    there = np.isfinite(np.asarray(real, np.float64)).all(axis=(1, 2))
    missed = ~np.isfinite(np.asarray(made, np.float64)[there]).all(axis=(1, 2))
    return _mean(np.asarray(missed, np.float64))


def pose_error(made: ArrayLike, real: ArrayLike) -> PoseError:
    """Mean absolute error of ``face.pose.head_pose``, of landmarks (T, 478, 3), in degrees.

    Yaw, pitch, roll and their mean. The "average pose distance" (APD) of Ren et al., "PIRenderer",
    2021, with landmarks instead of a 3DMM; the mesh network sees turned heads too frontal.
    """
    a, b = (head_pose(x) for x in _both(made, real))
    apart = np.abs((a - b + 180.0) % 360.0 - 180.0)
    yaw, pitch, roll = (_mean(apart[:, axis]) for axis in range(3))
    return PoseError(yaw, pitch, roll, float(np.mean([yaw, pitch, roll])))


def expression_error(made: ArrayLike, real: ArrayLike, *, relative: bool = False) -> float:
    """Mean distance of pose-free landmarks (T, 478, 3), x and y, in eye distances.

    Each frame's head is held still by ``face.mesh.RIGID``, both tracks against the template of
    ``real``, so that neither where the head is nor how large counts. ``relative`` compares
    displacements from each track's own mean face: the expressions of two people. NaN if no frame
    has both faces. In the place of the "average expression distance" of 3DMM parameters (Ren et
    al. 2021), which needs a model with a research licence.
    """
    a, b = _both(made, real)
    if not len(a):
        return float("nan")
    _, poses = align(b)
    still_b = (b - poses.offset[:, None]) @ np.linalg.inv(poses.matrix)
    _, poses = align(a, poses.template)
    still_a = (a - poses.offset[:, None]) @ np.linalg.inv(poses.matrix)
    if relative:
        still_a, still_b = (x - x.mean(axis=0) for x in (still_a, still_b))
    return float(np.linalg.norm((still_a - still_b)[..., :2], axis=-1).mean())


def mouth_error(space: MouthSpace, made: ArrayLike, real: ArrayLike) -> float:
    """Mean absolute difference of mouth coefficients, each in units of its typical size.

    Landmarks (T, 478, 3) of one person, both against the template of ``real``; ``space`` is the
    principal-component basis of mouths (``face.mouth_space``). NaN if no frame has both faces.
    """
    a, b = _both(made, real)
    if not len(a):
        return float("nan")
    still_b, poses = align(b)
    still_a, _ = align(a, poses.template)
    return float((np.abs(space.encode(still_a) - space.encode(still_b)) / space.deviation).mean())


def eye_opening(points: ArrayLike) -> Floats:
    """Eye aspect ratio of landmarks (T, 478, 2 or 3): (T,), mean of both eyes.

    Mean distance of the lids at two places over the distance of the eye's corners (Soukupova and
    Cech, "Real-Time Eye Blink Detection using Facial Landmarks", 2016); about 0.3 for an open eye.
    """
    array = np.asarray(points, np.float64)[..., :2]
    ratios = []
    for eye in _EYES:
        outer, up, up2, inner, down2, down = (array[:, index] for index in eye)
        gaps = np.linalg.norm(up - down, axis=-1) + np.linalg.norm(up2 - down2, axis=-1)
        ratios.append(gaps / (2.0 * np.linalg.norm(outer - inner, axis=-1)))
    return np.asarray(np.mean(ratios, axis=0))


def signals(points: ArrayLike) -> Signals:
    """What moves in landmarks (T, 478, 3): head angles, mouth opening, eye opening."""
    yaw, pitch, roll = head_pose(points).T
    return Signals(yaw, pitch, roll, opening(points), eye_opening(points))


def correlations(made: ArrayLike, driver: ArrayLike) -> dict[str, float]:
    """Pearson correlation over time of each of the ``Signals`` of two tracks (T, 478, 3).

    ``sync.correlation``: 0 where either signal is constant or fewer than 12 frames have both faces.
    """
    a, b = signals(made), signals(driver)
    return {name: correlation(getattr(a, name), getattr(b, name)) for name in Signals._fields}


def gains(made: ArrayLike, driver: ArrayLike) -> dict[str, float]:
    """How far each of the ``Signals`` moves as its driver moves: slope of the regression on it.

    1 when it follows in full, 0.5 when it goes half as far, which a correlation does not tell. NaN
    where the driver is constant.
    """
    followed, driving = (signals(points) for points in _both(made, driver))
    return {
        name: _slope(getattr(followed, name), getattr(driving, name)) for name in Signals._fields
    }


def spread(signal: ArrayLike) -> float:
    """How far a signal (T,) moves: from its 5th to its 95th percentile, NaN left out.

    NaN when it has no values. So many degrees does a head turn.
    """
    values = np.asarray(signal, np.float64)
    values = values[np.isfinite(values)]
    return float(np.subtract(*np.percentile(values, [95, 5]))) if len(values) else float("nan")


def _both(made: ArrayLike, real: ArrayLike) -> tuple[Floats, Floats]:
    """The frames (n, P, D) in which both have a face. ValueError when the shapes differ."""
    a, b = np.asarray(made, np.float64), np.asarray(real, np.float64)
    if a.shape != b.shape or a.ndim != 3:
        raise ValueError(f"landmarks (T, P, D) of one shape are compared, not {a.shape}, {b.shape}")
    good = np.isfinite(a).all(axis=(1, 2)) & np.isfinite(b).all(axis=(1, 2))
    return a[good], b[good]


def _slope(values: Floats, against: Floats) -> float:
    apart = against - (against.mean() if len(against) else 0.0)
    power = float((apart**2).sum())
    return float((apart * values).sum()) / power if power > 1e-12 else float("nan")


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
