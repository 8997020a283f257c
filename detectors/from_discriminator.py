"""Discriminators as detectors: what a generator's adversary learned, under a new head.

Two steps make a detector of any later generator's discriminator: a line in ``SOURCES``, and a run
of ``recipes/discriminator_detector`` that names it. The judges of this module are the same class
with other weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import cv2
import numpy as np
from numpy.typing import NDArray

from avsynth.media import AudioChunk, MediaInfo
from avsynth.weights import LoadedModel
from detectors import views
from detectors.base import Evidence, MarkedFrame, MarkedSound, Subject, abstention
from detectors.face_judge import FaceJudge, Heat, heat_of, loaded
from detectors.films import FaceFilm, Mouths, mouths
from detectors.looks import Burst
from detectors.moments import Moments, Worst
from detectors.sound_picture import spectrogram


@dataclass(frozen=True, slots=True)
class Source:
    """A discriminator that a judge can be grown from.

    ``view`` is what it saw, of ``views.VIEWS``; ``condition`` says what stands for what it should
    be told and a detector cannot know.
    """

    view: str
    subject: Subject
    condition: str = ""


#: Discriminators by the name of their weights.
SOURCES: dict[str, Source] = {
    "lipsync-small-temporal": Source(
        "mouth film", "face", "lips drawn where landmarks find them, not where they should be"
    ),
    "lipsync-small-discriminator": Source(
        "mouth", "face", "lips drawn where landmarks find them, not where they should be"
    ),
    "reenact-small-discriminator": Source(
        "face", "face", "the face drawn where landmarks find it, not where it should be"
    ),
    "faces-small-discriminator": Source("portrait", "face"),
    "vocoder-small-discriminator": Source("sound", "voice"),
    "vocoder-small-period-discriminator": Source("sound", "voice"),
    "voice-small-gan-discriminator": Source("mel", "voice"),
}


class LipsyncJudge(FaceJudge):
    """The lip-sync generator's adversary on the mouths of a burst. A ``Detector``."""

    name = "lipsync-discriminator"
    note = "Looks at the mouth alone, as the adversary of a lip-sync generator did."
    wants = " in three pictures in a row"

    def __init__(self, model: str | PathLike[str] | LoadedModel = "lipsync-judge-small") -> None:
        """``model``: weights of kind "judge" by name or path, or loaded ones."""
        super().__init__(model)

    def judged(self, face: FaceFilm) -> tuple[float, int, MarkedFrame] | None:
        """See ``FaceJudge``; shown is the middle picture."""
        if len(face.film) < views.PICTURES:
            return None
        seen = mouths(face.film, face.stored)
        score, places = self.score(seen)
        return score, len(face.film), _marked(face, seen, score, places)

    def score(self, seen: Mouths) -> tuple[float, Heat]:
        """Logit of the mouths of a burst, at least ``views.PICTURES``, and where (h, w)."""
        last = len(seen.pictures) - views.PICTURES
        starts = sorted({0, last})
        made = self.model(self.view(views.mouth_films(seen.pictures, seen.maps, starts)))
        return float(made["logit"].mean()), made["map"].mean(dim=0).numpy()


class VocoderJudge:
    """The vocoder's adversaries on the loudest moment of every second. A ``Detector``."""

    name = "vocoder-discriminator"
    subject: Subject = "voice"

    def __init__(self, model: str | PathLike[str] | LoadedModel = "vocoder-judge-small") -> None:
        """``model``: weights of kind "judge" by name or path, or loaded ones."""
        self._model = loaded(model)
        self._view = views.VIEWS[self._model.metadata["view"]]
        self._begin()

    def _begin(self) -> None:
        self._listener = views.Listener()
        self._offset: float | None = None
        self._moments, self._worst = Moments(), Worst[MarkedSound]()

    def start(self, info: MediaInfo) -> None:
        """See ``Detector``."""
        self._begin()

    def update_faces(self, burst: Burst) -> None:
        """See ``Detector``; a voice is judged without its face."""

    def update_audio(self, chunk: AudioChunk) -> None:
        """See ``Detector``."""
        self._offset = float(chunk.time) if self._offset is None else self._offset
        for start, window in self._listener.push(chunk.samples):
            self._judge(start, window)

    def finish(self) -> Evidence:
        """See ``Detector``: the mean logit over all seconds with a voice in them."""
        for start, window in self._listener.flush():
            self._judge(start, window)
        if not len(self._moments):
            return abstention(self.name, self.subject, "no sound loud enough to be a voice")
        return self._moments.evidence(
            self.name, self.subject, sounds=self._worst.items,
            trained_on=tuple(self._model.metadata["trained_on"]),
            weights={self._model.name: self._model.sha256},
            notes=("Hears a quarter of every second, as the adversaries of a vocoder did.",),
        )  # fmt: skip

    def score(self, windows: NDArray[np.float32]) -> tuple[NDArray[np.float32], Heat]:
        """Logits (N,) of windows (N, ``views.WINDOW``), and when and where (N, steps, bands)."""
        made = self._model(self._view(views.sound(windows)))
        return made["logit"].numpy(), made["map"].numpy()

    def _judge(self, start: float, window: NDArray[np.float32]) -> None:
        logits, places = self.score(window[None])
        score, begin = float(logits[0]), start + (self._offset or 0.0)
        length = views.WINDOW / 16_000
        self._moments.add(begin + length / 2, score, None, length)
        if self._worst.wants(score):
            heat = heat_of(places[0].T if places.ndim == 3 else places)
            marked = MarkedSound(begin, begin + length, score, spectrogram(window), heat)
            self._worst.add(score, marked)


def _marked(face: FaceFilm, seen: Mouths, score: float, places: Heat) -> MarkedFrame:
    """The middle picture, and the mouth's heat where the mouth is in it."""
    middle = len(face.film) // 2
    side = face.film.shape[1]
    mouth = cv2.resize(heat_of(places), seen.pictures.shape[1:3], interpolation=cv2.INTER_LINEAR)
    heat = cv2.warpAffine(
        mouth, seen.matrices[middle], (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    time = float(face.times[middle])
    return MarkedFrame(time, face.track, score, face.film[middle], np.asarray(heat, np.float32))
