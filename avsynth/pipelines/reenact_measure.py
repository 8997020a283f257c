"""How well a reenactment followed: its output is read again, and its landmarks are found anew."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from avsynth.face import mesh
from avsynth.face.driving import Doubles, pose_free
from avsynth.face.mesh_network import MeshNetwork
from avsynth.face.portrait import portrait_box
from avsynth.face.view import mesh_roi
from avsynth.media import Frame, read_frames
from avsynth.media.timeline import packet_times
from avsynth.pipelines.progress import Progress
from avsynth.pipelines.reenact_segment import Plan
from avsynth.reporting import Followed, Likeness

if TYPE_CHECKING:
    from avsynth.provenance.dlib_face import DlibFace

_RUNS = 6  # stretches of the output that are looked at
_LENGTH = 8  # frames of each
_LIKENESS = 4  # frames in which the person is compared
_PRESENT = 0.5  # the mesh network's score from which there is a face
_SIDE = 256  # pixels of the portrait in which the person is compared
_FACE = np.array(sorted({*mesh.MOUTH_JAW, *mesh.LIPS_MIDDLE, *mesh.EYES}))

Bytes = NDArray[np.uint8]


def measure_output(plan: Plan, output: Path, steps: Progress) -> tuple[Followed, Likeness | None]:
    """Pose and expression of the output beside those that were wanted, and the person's likeness.

    A few stretches spread over the film are measured, each frame by itself: the network looks
    where the face should be. The likeness is None where dlib is not installed.
    """
    steps.start("measuring", min(len(plan.timeline), _RUNS * _LENGTH))
    turns: list[float] = []
    shapes: list[float] = []
    looks: list[Bytes] = []
    lost = 0
    with MeshNetwork() as network:
        for number, frame in _sampled(plan, output):
            steps.advance()
            wanted = plan.wanted(number, number + 1)
            points = _located(network, frame, wanted[0])
            if points is None:
                lost += 1
                continue
            turn, shape = _errors(points[None], wanted)
            turns.append(turn)
            shapes.append(shape)
            looks.append(_portrait(frame, points))
    followed = Followed(
        measured_frames=len(turns) + lost,
        lost_frames=lost,
        pose_error_degrees=_mean(turns),
        expression_error=_mean(shapes),
    )
    return followed, _likeness(plan, looks[:: -(-len(looks) // _LIKENESS) or 1])


def _sampled(plan: Plan, output: Path) -> Iterator[tuple[int, Frame]]:
    """Frames of the output with their numbers: all of a short film, stretches of a longer one."""
    count = len(plan.timeline)
    times = packet_times(output)
    if count <= _RUNS * _LENGTH or times is None or len(times) != count:
        runs = [(0, min(count, _RUNS * _LENGTH))]
    else:
        firsts = np.linspace(0, count - _LENGTH, _RUNS).astype(int)
        runs = [(int(first), int(first) + _LENGTH) for first in firsts]
    for first, stop in runs:
        start = int(times[first]) if times is not None and first else None
        with read_frames(output, start) as frames:
            yield from zip(range(first, stop), frames, strict=False)


def _located(
    network: MeshNetwork, frame: Frame, wanted: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    box = portrait_box(wanted, frame.width, frame.height)
    offset = np.array([box.x0, box.y0, 0], np.float32)
    points, score = network.locate(frame.rgb(box), mesh_roi(wanted - offset))
    return points + offset if score >= _PRESENT else None


def _errors(points: NDArray[np.float32], wanted: NDArray[np.float32]) -> tuple[float, float]:
    """Angle between the two heads, degrees; mean distance of mouth and eyes, eye distances."""
    found, have, _ = pose_free(points)
    meant, want, _ = pose_free(wanted)
    cosine = (np.trace(_turned(have).T @ _turned(want)) - 1.0) / 2.0
    away = np.linalg.norm((found - meant)[0, _FACE, :2], axis=-1)
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))), float(away.mean())


def _turned(matrix: Doubles) -> Doubles:
    return np.asarray(matrix[0] / np.linalg.norm(matrix[0, 0]))


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None


def _portrait(frame: Frame, points: NDArray[np.float32]) -> Bytes:
    import cv2

    rgb = frame.rgb(portrait_box(points, frame.width, frame.height))
    factor = _SIDE / max(rgb.shape[:2])
    return np.asarray(cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def _likeness(plan: Plan, looks: list[Bytes]) -> Likeness | None:
    """Distance of the output's person to the source's."""
    if find_spec("dlib") is None or find_spec("face_recognition_models") is None or not looks:
        return None
    embedder = _embedder()
    own = embedder.embed_picture(_portrait(plan.source.frame, plan.source.points))
    found = [embedder.embed_picture(look) for look in looks]
    if own is None:
        return None
    distances = [float(np.linalg.norm(point - own)) for point in found if point is not None]
    if not distances:
        return None
    return Likeness(
        embedder=embedder.name,
        mean_distance=round(float(np.mean(distances)), 4),
        largest_distance=round(max(distances), 4),
        same_person_below=embedder.threshold,
        frames=len(distances),
    )


@lru_cache(maxsize=1)
def _embedder() -> DlibFace:
    """Its networks take longer to load than to run."""
    from avsynth.provenance.dlib_face import DlibFace

    return DlibFace()
