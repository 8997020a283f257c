"""Taking the head's pose out of a track of landmarks, and putting it back.

Speech does not move the forehead, the eye corners, the nose and the cheekbones. They give a
rotation, a scale and a shift per frame, in three dimensions (mediapipe's z included: on turning
heads a flat fit leaves up to ten times more head movement in the mouth's shape). The points were
chosen by how well the mouth's first component, so aligned, follows speech on seven turning heads
(0.60 against 0.50 with the temples and without nose and cheekbones).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.face import mesh

Floats = NDArray[np.float64]

#: Mean GRID speaker: the rigid points (x right, y down, z away from the camera), eye distance 1,
#: centred. It only fixes the orientation; each track is then fitted to its own mean shape.
# fmt: off
_TEMPLATE: Floats = np.array(
    [
        [0.0000, 0.3800, -0.3296], [0.0000, 0.4538, -0.1525], [0.0000, 0.3008, -0.3552],
        [0.0000, 0.1972, -0.3304], [0.0000, -0.0552, -0.1528], [0.0000, -0.2325, -0.1134],
        [0.0000, -0.3337, -0.1302], [0.0000, -0.7285, -0.0637], [-0.5000, -0.1026, 0.1452],
        [-0.3399, 0.3108, -0.0016], [-0.5402, 0.3015, 0.0859], [-0.3931, -0.6891, 0.0284],
        [0.0000, 0.4358, -0.2020], [-0.1969, 0.4317, -0.0613], [-0.2737, 0.1603, 0.0066],
        [-0.3840, 0.2121, 0.0281], [-0.1856, -0.5422, -0.0862], [-0.2127, -0.7218, -0.0452],
        [-0.6362, 0.0471, 0.2115], [-0.7077, 0.1096, 0.2899], [-0.5922, 0.1032, 0.1508],
        [-0.5063, 0.1337, 0.0880], [-0.3748, 0.1211, 0.0551], [-0.6943, 0.2718, 0.2759],
        [-0.1902, -0.0844, 0.0859], [0.0000, -0.5391, -0.1023], [0.0000, -0.1454, -0.1057],
        [0.0000, 0.1107, -0.2684], [0.0000, 0.0302, -0.2076], [0.5000, -0.1026, 0.1452],
        [0.3399, 0.3108, -0.0016], [0.5402, 0.3015, 0.0859], [0.3931, -0.6891, 0.0284],
        [0.1969, 0.4317, -0.0613], [0.2737, 0.1603, 0.0066], [0.3840, 0.2121, 0.0281],
        [0.1856, -0.5422, -0.0862], [0.2127, -0.7218, -0.0452], [0.6362, 0.0471, 0.2115],
        [0.7077, 0.1096, 0.2899], [0.5922, 0.1032, 0.1508], [0.5063, 0.1337, 0.0880],
        [0.3748, 0.1211, 0.0551], [0.6943, 0.2718, 0.2759], [0.1902, -0.0844, 0.0859],
    ]
)
# fmt: on


@dataclasses.dataclass(frozen=True, slots=True)
class Poses:
    """Head poses of T frames: ``image = canonical @ matrix + offset``.

    ``matrix`` (T, 3, 3) is a rotation times the scale (pixels per eye distance), ``offset``
    (T, 3) is in pixels. Frames without a face hold NaN. ``template`` (len(RIGID), 3) is the rigid
    shape that was fitted; giving it to ``align`` again puts other frames in the same space.
    """

    matrix: Floats
    offset: Floats
    template: Floats

    def __len__(self) -> int:
        return len(self.matrix)

    def __getitem__(self, index: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Poses:
        return Poses(self.matrix[index], self.offset[index], self.template)

    @property
    def scale(self) -> Floats:
        """Pixels per eye distance of a frontal face (T,)."""
        return np.asarray(np.linalg.norm(self.matrix[:, 0], axis=1))

    @property
    def angles(self) -> Floats:
        """Yaw, pitch and roll in degrees against the template (T, 3)."""
        rotation = self.matrix / self.scale[:, None, None]
        yaw = np.arcsin(np.clip(-rotation[:, 0, 2], -1, 1))
        pitch = np.arctan2(rotation[:, 1, 2], rotation[:, 2, 2])
        roll = np.arctan2(rotation[:, 0, 1], rotation[:, 0, 0])
        return np.asarray(np.degrees(np.stack([yaw, pitch, roll], axis=1)))

    def to_image(self, canonical: ArrayLike) -> Floats:
        """Canonical points (T, N, 3) or (N, 3) -> image points (T, N, 3) in pixels."""
        points = np.asarray(canonical, dtype=np.float64)
        return np.asarray(points @ self.matrix + self.offset[:, None, :])

    def turn(self, displacement: ArrayLike) -> Floats:
        """Canonical displacements (T, N, 3) -> displacements in the image (T, N, 3), pixels."""
        return np.asarray(np.asarray(displacement, dtype=np.float64) @ self.matrix)


def _similarity(points: Floats, template: Floats) -> tuple[Floats, Floats]:
    """Least-squares ``template @ matrix + offset ~ points`` (T, N, 3), matrix = scale * rotation.

    Umeyama, "Least-squares estimation of transformation parameters", 1991, over a batch.
    """
    centre, middle = points.mean(axis=1), template.mean(axis=0)
    base = template - middle
    covariance = np.einsum("ni,tnj->tij", base, points - centre[:, None])
    u, s, vt = np.linalg.svd(covariance)
    flip = np.sign(np.linalg.det(u @ vt))  # a mirror image is no rotation
    s[:, -1] *= flip
    u[..., -1] *= flip[:, None]
    scale = s.sum(axis=1) / (base**2).sum()
    matrix = scale[:, None, None] * (u @ vt)
    return matrix, centre - (middle @ matrix)


def align(points: ArrayLike, template: Floats | None = None) -> tuple[Floats, Poses]:
    """Take the head's pose out of a track.

    ``points`` (T, 478 or len(STORED), 3): pixels, z in the same unit as x, NaN where there is no
    face. Returns the canonical MOUTH_JAW points (T, M, 3) in eye distances and the poses. Without
    ``template`` the rigid shape is the track's own mean, found in two rounds, so one call should
    see a whole track (or the first should, and later ones get its ``poses.template``).
    ValueError when the points are of another mesh or have no z.
    """
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(f"landmarks must be (frames, points, 3), not {array.shape}")
    rigid = array[:, mesh.rows(mesh.RIGID, array.shape[1])]
    moving = array[:, mesh.rows(mesh.MOUTH_JAW, array.shape[1])]
    seen = np.isfinite(rigid).all(axis=(1, 2))
    matrix = np.full((len(array), 3, 3), np.nan)
    offset = np.full((len(array), 3), np.nan)
    if template is None:
        template = _own_template(rigid[seen])
    if seen.any():
        matrix[seen], offset[seen] = _similarity(rigid[seen], template)
    canonical = np.full((len(array), len(mesh.MOUTH_JAW), 3), np.nan)
    if seen.any():
        canonical[seen] = (moving[seen] - offset[seen, None]) @ np.linalg.inv(matrix[seen])
    return canonical, Poses(matrix, offset, template)


def _own_template(rigid: Floats) -> Floats:
    """Mean rigid shape of a track, oriented as the generic one, outer eye corners 1 apart."""
    template = _TEMPLATE
    if not len(rigid):
        return template
    left, right = (mesh.RIGID.index(i) for i in mesh.EYE_OUTER)
    for _ in range(2):
        matrix, offset = _similarity(rigid, template)
        template = ((rigid - offset[:, None]) @ np.linalg.inv(matrix)).mean(axis=0)
        template = template / np.linalg.norm(template[left] - template[right])
    # The mean shape of a person is not quite the generic one: turn it back onto it, rigidly.
    matrix, offset = _similarity(template[None], _TEMPLATE)
    turn = matrix[0] / np.cbrt(np.linalg.det(matrix[0]))
    return np.asarray((template - template.mean(axis=0)) @ turn.T)
