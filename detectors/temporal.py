"""Does a mouth move, flicker, and look as sharp as the face around it? A small, readable model.

The numbers of ``motion_features`` of every burst are weighed by a logistic regression: each as it
is, and how far it lies from what is usual. The weights are a page of JSON that anybody can read;
``explain`` says which numbers spoke loudest. Trained by ``recipes/motion_detector``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.media import AudioChunk, MediaInfo
from detectors.base import Evidence, MarkedFrame, Subject, abstention
from detectors.blinks import Blinks
from detectors.films import face_films
from detectors.looks import Burst
from detectors.moments import Moments, Worst
from detectors.motion_features import NAMES, SHORTEST, measure

Single = NDArray[np.float32]
Floats = NDArray[np.float64]

_PARAMETERS = Path(__file__).with_name("parameters") / "motion.json"
_FARTHEST = 4.0  # deviations at which a number is cut off: nothing may decide alone


@dataclass(frozen=True)
class MotionModel:
    """A logistic regression over standardised features and their distances from the usual.

    ``middle`` and ``size`` (F,) standardise; ``linear`` and ``distance`` (F,) are the weights of
    z and of its absolute value; ``trained_on`` are families of fakes.
    """

    middle: Floats
    size: Floats
    linear: Floats
    distance: Floats
    bias: float
    trained_on: tuple[str, ...]

    @classmethod
    def load(cls, path: Path = _PARAMETERS) -> MotionModel:
        """As it ships, or from another file. ValueError when it is of other features."""
        found = json.loads(path.read_text("utf-8"))
        if tuple(found["features"]) != NAMES:
            raise ValueError(f"{path.name} is of other features")
        arrays = {
            name: np.array(found[name], np.float64)
            for name in ("middle", "size", "linear", "distance")
        }
        return cls(**arrays, bias=float(found["bias"]), trained_on=tuple(found["trained_on"]))

    def save(self, path: Path) -> None:
        """Write what ``load`` reads."""
        about = {
            "features": NAMES, "middle": self.middle, "size": self.size, "linear": self.linear,
            "distance": self.distance, "bias": self.bias, "trained_on": self.trained_on,
        }  # fmt: skip
        plain = {
            name: [round(float(v), 5) for v in value] if isinstance(value, np.ndarray) else value
            for name, value in about.items()
        }
        path.write_text(json.dumps(plain, indent=1) + "\n", "utf-8")

    def parts(self, features: Single | Floats) -> Floats:
        """What each number (..., F) adds to the logit."""
        z = np.clip((features - self.middle) / self.size, -_FARTHEST, _FARTHEST)
        return np.asarray(self.linear * z + self.distance * np.abs(z), np.float64)

    def logits(self, features: Single | Floats) -> Floats:
        """Of features (..., F), high is synthetic."""
        return np.asarray(self.parts(features).sum(axis=-1) + self.bias)


class MotionDetector:
    """See the module. A ``Detector``."""

    name = "motion"
    subject: Subject = "face"

    def __init__(self, model: MotionModel | None = None) -> None:
        """``model``: another than the one that ships."""
        self._model = model or _shipped()
        self._begin()

    def _begin(self) -> None:
        self._moments, self._worst = Moments(), Worst[MarkedFrame]()
        self._parts = np.zeros(len(NAMES))
        self._blinks: dict[int, Blinks] = {}

    def start(self, info: MediaInfo) -> None:
        """See ``Detector``."""
        self._begin()

    def update_faces(self, burst: Burst) -> None:
        """See ``Detector``."""
        for face in face_films(burst):
            self._blinks.setdefault(face.track, Blinks()).add(face.times, face.points)
            if len(face.film) < SHORTEST:
                continue
            features = measure(face.film, face.points)
            score = float(self._model.logits(features))
            self._parts += self._model.parts(features)
            time, middle = float(face.times.mean()), len(face.film) // 2
            self._moments.add(time, score, face.track, len(face.film))
            if self._worst.wants(score):
                marked = MarkedFrame(time, face.track, score, face.film[middle])
                self._worst.add(score, marked)

    def update_audio(self, chunk: AudioChunk) -> None:
        """See ``Detector``; movement is judged without its sound."""

    def finish(self) -> Evidence:
        """See ``Detector``: the mean logit of the face that stands out most."""
        if not len(self._moments):
            reason = "no face large enough in several pictures in a row"
            return abstention(self.name, self.subject, reason)
        longest = max(self._blinks.values(), key=lambda each: each.seconds)
        return self._moments.evidence(
            self.name, self.subject, self._moments.worst_track(), frames=self._worst.items,
            trained_on=self._model.trained_on, notes=(explain(self._parts), *longest.notes()),
            figures=longest.figures(),
        )  # fmt: skip


def explain(parts: Floats, most: int = 3) -> str:
    """The numbers (F,) that spoke loudest for a synthetic face, in words."""
    loudest = [number for number in np.argsort(-parts)[:most] if parts[number] > 0]
    if not loudest:
        return "Nothing in movement, sharpness or colour of the mouth speaks for synthesis."
    named = "; ".join(NAMES[number] for number in loudest)
    return f"What speaks most for synthesis, mouth against the rest of the face: {named}."


@cache
def _shipped() -> MotionModel:
    return MotionModel.load()
