"""Landmark detectors behind one protocol: mediapipe's mesh, and face-alignment's 2DFAN-4.

The two know nothing of each other's networks, so one can judge what was made with the other.

Example: ``with open_detector("mediapipe") as detector: faces = detector.detect(rgb)``
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from avsynth.errors import UsageError, WeightsError
from avsynth.face.detect import FaceBox, FaceDetector
from avsynth.face.mesh_network import POINTS, MeshNetwork
from avsynth.face.roi import FloatArray, Picture
from avsynth.face.view import mesh_roi

FAN_FILE = "2DFAN4-11f355bf06.pth.tar"


@dataclass(frozen=True, slots=True)
class FaceLandmarks:
    """Landmarks of one face: ``points`` (P, 3) float32 in pixels of the picture.

    Pixel centres are whole numbers; z is in pixels too, smaller is nearer, 0 where the backend has
    no depth. ``score`` 0..1. ``box`` is the rectangle the face was looked for in.
    """

    points: FloatArray
    score: float
    box: FaceBox


@runtime_checkable
class LandmarkDetector(Protocol):
    """Finds landmarks in single pictures. A context manager; one thread at a time."""

    name: str
    points: int

    def detect(self, rgb: Picture, boxes: Sequence[FaceBox] | None = None) -> list[FaceLandmarks]:
        """Landmarks of the faces in ``rgb`` ((H, W, 3) uint8), one a box, in the boxes' order.

        Without ``boxes`` faces are detected first, best first. A box that holds no face has a low
        score; it is left out only when the box lies outside the picture.
        """
        ...

    def close(self) -> None:
        """Release the networks; a second call does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


_BACKENDS: dict[str, Callable[[], LandmarkDetector]] = {}


def register(
    name: str,
) -> Callable[[Callable[[], LandmarkDetector]], Callable[[], LandmarkDetector]]:
    """Class decorator: makes a backend known to ``open_detector`` under ``name``."""

    def add(backend: Callable[[], LandmarkDetector]) -> Callable[[], LandmarkDetector]:
        _BACKENDS[name] = backend
        return backend

    return add


def backends() -> list[str]:
    """Names that ``open_detector`` knows."""
    return sorted(_BACKENDS)


def open_detector(name: str = "mediapipe") -> LandmarkDetector:
    """The landmark detector of that name. UsageError when there is none, WeightsError when its
    weights cannot be had.
    """
    try:
        backend = _BACKENDS[name]
    except KeyError:
        raise UsageError(
            f"no landmark detector is called {name!r}", hint="there are " + ", ".join(backends())
        ) from None
    return backend()


class _Backend:
    """What the backends share: their own box detector, opened when it is first needed."""

    def __init__(self) -> None:
        self._detector: FaceDetector | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the networks; a second call does nothing."""
        if self._detector is not None:
            self._detector.close()
            self._detector = None

    def _boxes(self, rgb: Picture, boxes: Sequence[FaceBox] | None) -> list[FaceBox]:
        """The boxes given or found, less those outside the picture."""
        if boxes is None:
            self._detector = self._detector or FaceDetector()
            boxes = self._detector.detect(rgb)
        picture = FaceBox(0.0, 0.0, rgb.shape[1], rgb.shape[0])
        return [box for box in boxes if box.shared_area(picture) > 0]


@register("mediapipe")
class MediapipeLandmarks(_Backend):
    """478 points of mediapipe's attention mesh, located twice a box: the second time on the
    region that the first result asks for.
    """

    name = "mediapipe"
    points = POINTS

    def __init__(self) -> None:
        """Load the networks. WeightsError where mediapipe does not ship them."""
        super().__init__()
        self._mesh = MeshNetwork()

    def close(self) -> None:
        """Release the networks; a second call does nothing."""
        self._mesh.close()
        super().close()

    def detect(self, rgb: Picture, boxes: Sequence[FaceBox] | None = None) -> list[FaceLandmarks]:
        """See ``LandmarkDetector.detect``."""
        found = []
        for box in self._boxes(rgb, boxes):
            points, score = self._mesh.locate(rgb, box.roi)
            if score > 0.5:
                points, score = self._mesh.locate(rgb, mesh_roi(points))
            found.append(FaceLandmarks(points, score, box))
        return found


@register("face-alignment")
class FaceAlignmentLandmarks(_Backend):
    """68 points of 2DFAN-4 (Bulat and Tzimiropoulos, 2017), without depth (z = 0).

    For accuracy, not speed: about half a second a face on a processor. The weights are downloaded
    on first use into torch's hub folder, unless they lie there already.
    """

    name = "face-alignment"
    points = 68

    def __init__(self) -> None:
        """Load the network. WeightsError, saying where to put which file, when it cannot be."""
        import face_alignment

        super().__init__()
        path = fan_path()
        try:
            # Boxes are always given, so the detector that needs no weights will do.
            self._network: Any = face_alignment.FaceAlignment(
                face_alignment.LandmarksType.TWO_D,
                device="cpu",
                face_detector="folder",
                compile=False,
            )
        except OSError as error:  # URLError is one: no network, or no such file any more
            raise WeightsError(
                f"face-alignment's weights cannot be downloaded ({error})",
                path,
                f"place {FAN_FILE} there by hand; it is published by its authors",
            ) from error
        except (RuntimeError, ValueError, EOFError, LookupError, pickle.UnpicklingError) as error:
            raise WeightsError(
                "face-alignment's weights are damaged", path, "delete the file and try again"
            ) from error

    def close(self) -> None:
        """Release the network; a second call does nothing."""
        self._network = None
        super().close()

    def detect(self, rgb: Picture, boxes: Sequence[FaceBox] | None = None) -> list[FaceLandmarks]:
        """See ``LandmarkDetector.detect``."""
        wanted = self._boxes(rgb, boxes)
        if not wanted:
            return []
        corners = [np.array([box.x0, box.y0, box.x1, box.y1]) for box in wanted]
        found, scores, _ = self._network.get_landmarks_from_image(
            rgb, detected_faces=corners, return_landmark_score=True
        )
        return [
            FaceLandmarks(
                np.pad(points.astype(np.float32), ((0, 0), (0, 1))),
                float(np.clip(np.mean(score), 0.0, 1.0)),
                box,
            )
            for points, score, box in zip(found, scores, wanted, strict=True)
        ]


def fan_path() -> Path:
    """Where face-alignment's weights lie, or will be downloaded to."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / FAN_FILE
