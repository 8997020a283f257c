"""The reenactment generator's adversary of whole faces as a detector."""

from __future__ import annotations

from os import PathLike

import numpy as np
import torch
from numpy.typing import NDArray

from avsynth import weights
from avsynth.media import AudioChunk, MediaInfo
from avsynth.weights import LoadedModel
from detectors import views
from detectors.base import Evidence, MarkedFrame, Subject, abstention
from detectors.films import FaceFilm, face_films, whole_faces
from detectors.looks import Burst
from detectors.moments import Moments, Worst

Heat = NDArray[np.float32]

#: Pictures of a burst that are looked at.
_MOST = 4


class ReenactJudge:
    """The reenactment generator's adversary on the faces of a burst. A ``Detector``."""

    name = "reenact-discriminator"
    subject: Subject = "face"

    def __init__(self, model: str | PathLike[str] | LoadedModel = "reenact-judge-small") -> None:
        """``model``: weights of kind "judge" by name or path, or loaded ones."""
        self._model = model if isinstance(model, LoadedModel) else weights.load(model)
        self._view = views.VIEWS[self._model.metadata["view"]]
        self._moments, self._worst = Moments(), Worst[MarkedFrame]()

    def start(self, info: MediaInfo) -> None:
        """See ``Detector``."""
        self._moments, self._worst = Moments(), Worst[MarkedFrame]()

    def update_faces(self, burst: Burst) -> None:
        """See ``Detector``."""
        for face in face_films(burst):
            scores, places = self.score(face.film, face.points)
            self._moments.add(
                float(face.times.mean()), float(scores.mean()), face.track, len(scores)
            )
            if self._worst.wants(float(scores.mean())):
                self._worst.add(float(scores.mean()), _marked(face, scores, places))

    def update_audio(self, chunk: AudioChunk) -> None:
        """See ``Detector``; a face is judged without its sound."""

    def finish(self) -> Evidence:
        """See ``Detector``: the mean logit of the face that stands out most."""
        if not len(self._moments):
            return abstention(self.name, self.subject, "no face large enough")
        return self._moments.evidence(
            self.name, self.subject, self._moments.worst_track(), frames=self._worst.items,
            trained_on=tuple(self._model.metadata["trained_on"]),
            weights={self._model.name: self._model.sha256},
            notes=("Looks at single pictures of a face, as a reenactment's adversary did.",),
        )  # fmt: skip

    def score(
        self, film: NDArray[np.uint8], points: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], Heat]:
        """Logits (n,) of at most ``_MOST`` pictures spread over a film, and where (n, h, w).

        ``film`` (T, 224, 224, 3), ``points`` (T, 478, 2) in its pixels.
        """
        chosen = slice(None, None, -(-len(film) // _MOST))
        made = self._model(self._view(views.faces(*whole_faces(film[chosen], points[chosen]))))
        return made["logit"].numpy(), made["map"].numpy()


def _marked(face: FaceFilm, scores: NDArray[np.float32], places: Heat) -> MarkedFrame:
    """The picture that stands out most, and where it does."""
    worst = int(scores.argmax())
    number = worst * -(-len(face.film) // _MOST)
    heat = torch.sigmoid(torch.from_numpy(np.ascontiguousarray(places[worst]))).numpy()
    picture = face.film[number]
    return MarkedFrame(float(face.times[number]), face.track, float(scores[worst]), picture, heat)
