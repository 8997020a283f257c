"""The reenactment generator's adversary of whole faces as a detector."""

from __future__ import annotations

from os import PathLike

import numpy as np
from numpy.typing import NDArray

from avsynth.weights import LoadedModel
from detectors import views
from detectors.base import MarkedFrame
from detectors.face_judge import FaceJudge, Heat, heat_of
from detectors.films import FaceFilm, whole_faces

#: Pictures of a burst that are looked at.
_MOST = 4


class ReenactJudge(FaceJudge):
    """The reenactment generator's adversary on the faces of a burst. A ``Detector``."""

    name = "reenact-discriminator"
    note = "Looks at single pictures of a face, as a reenactment's adversary did."
    wants = ""

    def __init__(self, model: str | PathLike[str] | LoadedModel = "reenact-judge-small") -> None:
        """``model``: weights of kind "judge" by name or path, or loaded ones."""
        super().__init__(model)

    def judged(self, face: FaceFilm) -> tuple[float, int, MarkedFrame]:
        """See ``FaceJudge``: the mean over pictures; shown is the one that stands out most."""
        scores, places = self.score(face.film, face.points)
        worst = int(scores.argmax())
        number = worst * _step(face.film)
        score, time = float(scores[worst]), float(face.times[number])
        shown = MarkedFrame(time, face.track, score, face.film[number], heat_of(places[worst]))
        return float(scores.mean()), len(scores), shown

    def score(
        self, film: NDArray[np.uint8], points: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], Heat]:
        """Logits (n,) of at most ``_MOST`` pictures spread over a film, and where (n, h, w).

        ``film`` (T, 224, 224, 3), ``points`` (T, 478, 2) in its pixels.
        """
        chosen = slice(None, None, _step(film))
        made = self.model(self.view(views.faces(*whole_faces(film[chosen], points[chosen]))))
        return made["logit"].numpy(), made["map"].numpy()


def _step(film: NDArray[np.uint8]) -> int:
    return -(-len(film) // _MOST)
