"""What detectors grown from discriminators of faces share: a face at a time, the worst kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from os import PathLike
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from avsynth import weights
from avsynth.media import AudioChunk, MediaInfo
from avsynth.weights import LoadedModel
from detectors import views
from detectors.base import Evidence, MarkedFrame, Subject, abstention
from detectors.films import FaceFilm, face_films
from detectors.looks import Burst
from detectors.moments import Moments, Worst

Heat = NDArray[np.float32]


class FaceJudge(ABC):
    """A judge of the faces in a burst. A ``Detector``, but for ``judged``.

    ``note`` tells the reader of a report what it looks at, ``wants`` what a file must have.
    """

    name: ClassVar[str]
    note: ClassVar[str]
    wants: ClassVar[str]
    subject: Subject = "face"

    def __init__(self, model: str | PathLike[str] | LoadedModel) -> None:
        """``model``: weights of kind "judge" by name or path, or loaded ones."""
        self.model = loaded(model)
        self.view = views.VIEWS[self.model.metadata["view"]]
        self._moments, self._worst = Moments(), Worst[MarkedFrame]()

    @abstractmethod
    def judged(self, face: FaceFilm) -> tuple[float, int, MarkedFrame] | None:
        """Logit of a face, how many pictures it rests on, and the one to show; None: too few."""

    def start(self, info: MediaInfo) -> None:
        """See ``Detector``."""
        self._moments, self._worst = Moments(), Worst[MarkedFrame]()

    def update_faces(self, burst: Burst) -> None:
        """See ``Detector``."""
        for face in face_films(burst):
            found = self.judged(face)
            if found is None:
                continue
            score, pictures, shown = found
            self._moments.add(float(face.times.mean()), score, face.track, pictures)
            if self._worst.wants(score):
                self._worst.add(score, shown)

    def update_audio(self, chunk: AudioChunk) -> None:  # noqa: B027  (nothing is to be done)
        """See ``Detector``; a face is judged without its sound."""

    def finish(self) -> Evidence:
        """See ``Detector``: the mean logit of the face that stands out most."""
        if not len(self._moments):
            return abstention(self.name, self.subject, f"no face large enough{self.wants}")
        return self._moments.evidence(
            self.name, self.subject, self._moments.worst_track(), frames=self._worst.items,
            trained_on=tuple(self.model.metadata["trained_on"]),
            weights={self.model.name: self.model.sha256},
            notes=(self.note,),
        )  # fmt: skip


def loaded(model: str | PathLike[str] | LoadedModel) -> LoadedModel:
    """Weights by name or path, or those that are loaded already."""
    return model if isinstance(model, LoadedModel) else weights.load(model)


def heat_of(places: NDArray[np.float32]) -> Heat:
    """Logits of places as 0..1."""
    return torch.sigmoid(torch.from_numpy(np.ascontiguousarray(places))).numpy()
