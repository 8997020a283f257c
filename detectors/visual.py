"""Repainted pixels in single pictures of a face: what generators and blending leave behind.

Two pictures of every burst go through ``avsynth.models.frame_detector``. It was taught with fakes
of this project's own making (``recipes/visual_detector`` says which), so what it knows of the
generators of others is what they have in common with those.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from avsynth import weights
from avsynth.face.mesh import EYE_OUTER
from avsynth.face.track import TrackedFace
from avsynth.media import MediaInfo
from avsynth.media.audio import AudioChunk
from avsynth.models.frame_detector import CROP, LEFT, TOP, to_batch, view
from avsynth.weights import LoadedModel
from detectors.base import Evidence, MarkedFrame, Subject, abstention
from detectors.looks import Burst, Look
from detectors.moments import Moments, Worst

Picture = NDArray[np.uint8]

WEIGHTS = "visual-small"
#: Distance of the outer eye corners, pixels of the file, below which a face is too small to judge.
SMALLEST = 24.0
MOST_FACES = 4  # of a burst, the largest
PICTURES = 2  # of a face in a burst
_RUNS = 200  # of the network in a usual file: what decides which engine is worth its start
_NOTE = "Looks at single pictures, from the eyes to the chin."


class VisualDetector:
    """See the module. A ``Detector``."""

    name = "visual"
    subject: Subject = "face"

    def __init__(self, model: str | PathLike[str] | LoadedModel = WEIGHTS) -> None:
        """``model``: weights of kind "frame-detector" by name or path, or loaded ones."""
        if not isinstance(model, LoadedModel):
            model = weights.load(model, runs=_RUNS)
        self._model = model
        self._begin()

    def _begin(self) -> None:
        self._moments, self._worst = Moments(), Worst[MarkedFrame]()

    def start(self, info: MediaInfo) -> None:
        """See ``Detector``."""
        self._begin()

    def update_faces(self, burst: Burst) -> None:
        """See ``Detector``."""
        faces = [(track, _evenly(seen)) for track, seen in burst.tracks()]
        sizes = {track: _eyes(seen) for track, seen in faces}
        large = [each for each in faces if sizes[each[0]] >= SMALLEST]
        large.sort(key=lambda each: -sizes[each[0]])
        for track, seen in large[:MOST_FACES]:
            crops = np.stack([look.crop(face, CROP)[1] for look, face in seen])
            logits, places = self.judge(crops)
            self._moments.add(burst.time, float(logits.mean()), track, len(crops))
            worst = int(logits.argmax())
            score = float(logits[worst])
            if self._worst.wants(score):
                heat = heat_of(places[worst])
                time = seen[worst][0].time
                self._worst.add(score, MarkedFrame(time, track, score, crops[worst], heat))

    def judge(self, crops: Picture) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits (N,) of aligned crops (N, 224, 224, 3), and logits of places (N, s, s)."""
        made = self._model(to_batch(view(crops, self._model.config.size)))  # type: ignore[attr-defined]
        return made["logit"][:, 0].numpy(), made["map"][:, 0].numpy()

    def update_audio(self, chunk: AudioChunk) -> None:
        """See ``Detector``; faces make no sound."""

    def finish(self) -> Evidence:
        """See ``Detector``: the mean logit of the face that stands out most."""
        if not len(self._moments):
            return abstention(self.name, self.subject, "no face large enough to judge was seen")
        about = self._model.metadata
        return self._moments.evidence(
            self.name, self.subject, self._moments.worst_track(), frames=self._worst.items,
            trained_on=tuple(about.get("families", ())), notes=(_NOTE,),
            weights={self._model.name: self._model.sha256},
        )  # fmt: skip


def heat_of(places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits of places in a view (s, s) -> how altered each place of the crop looks, 0..1.

    Of the crop's shape at a sixteenth of its size, 0 where nobody looked.
    """
    step = 16
    heat = np.zeros((CROP // step, CROP // step), np.float32)
    top, left = TOP // step, LEFT // step
    side = min(len(places), len(heat) - top)
    heat[top : top + side, left : left + side] = 1.0 / (1.0 + np.exp(-places[:side, :side]))
    return heat


def _evenly(seen: Sequence[tuple[Look, TrackedFace]]) -> list[tuple[Look, TrackedFace]]:
    """``PICTURES`` of a burst, neither the first nor the last where there are enough."""
    count = min(PICTURES, len(seen))
    return [seen[(2 * n + 1) * len(seen) // (2 * count)] for n in range(count)]


def _eyes(seen: Sequence[tuple[Look, TrackedFace]]) -> float:
    right, left = EYE_OUTER
    apart = [face.points[right, :2] - face.points[left, :2] for _, face in seen]
    return float(np.linalg.norm(apart, axis=1).mean())
