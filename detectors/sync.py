"""Do lips and sound belong together? Offset and confidence over time, from the sync expert.

What low agreement means: another voice, a mouth made for other words, or nobody on the picture who
speaks. A constant offset is most often a slip of editing; it is told, and weighs little. A good
agreement is no sign of authenticity: dubbed mouths follow their sound closely.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from os import PathLike

import numpy as np
import torch
from numpy.typing import NDArray

from avsynth import weights
from avsynth.errors import WeightsError
from avsynth.media import AudioChunk, MediaInfo
from avsynth.models.sync import RATE, STEPS, SyncExpert, film_windows
from avsynth.speech.mel import HOP, log_mel
from detectors.base import SOUND_RATE, Evidence, Subject, abstention
from detectors.films import face_films, lower_faces
from detectors.looks import Burst
from detectors.moments import Moments
from detectors.sync_curve import LAGS, MOST_LAG, Agreement, SyncFigures, logit

Floats = NDArray[np.float64]

_KEPT_S = 6.0  # seconds of sound that are remembered
_MARGIN = MOST_LAG / RATE  # of sound needed on both sides of a film
_QUIET = 0.03  # of the loudest stretch so far: nobody speaks there
_FAINT = 3e-3  # -50 dB of full scale
_FEWEST = 8  # films below which nothing is said
_MOST_WAITING = 64  # bursts, should sound come much later than its pictures
_TRACKS = 32  # faces whose sums are kept


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Films of a face whose sound is not all there yet: embeddings (F, E), first one's time."""

    track: int
    start: float
    looked: torch.Tensor


class SyncDetector:
    """See the module. A ``Detector``."""

    name = "sync"
    subject: Subject = "sync"

    def __init__(self, expert: str | PathLike[str] = "sync-small") -> None:
        """``expert``: weights of kind "sync" by name or path. WeightsError for others."""
        source = weights.read(expert)
        if not isinstance(source.network, SyncExpert):
            raise WeightsError("not a sync expert", source.path)
        self._expert, self._hash = source.network, {str(expert): source.sha256}
        self._begin()

    def _begin(self) -> None:
        self._sound, self._from = np.zeros(0, np.float32), 0.0
        self._loudest, self._heard, self._faces = 0.0, False, 0
        self._waiting: deque[_Waiting] = deque(maxlen=_MOST_WAITING)
        self._tracks: dict[int, Agreement] = {}
        self._moments: dict[int, Moments] = {}

    def start(self, info: MediaInfo) -> None:
        """See ``Detector``."""
        self._begin()

    def update_faces(self, burst: Burst) -> None:
        """See ``Detector``."""
        for face in face_films(burst):
            self._faces += 1
            pictures, first = at_rate(lower_faces(face.film, face.stored, self._size), face.times)
            if len(pictures) >= self._expert.config.frames:
                self._waiting.append(_Waiting(face.track, first, self._look(pictures)))
        self._listen(final=False)

    def update_audio(self, chunk: AudioChunk) -> None:
        """See ``Detector``."""
        if not len(self._sound):
            self._from = float(chunk.time)
        self._heard = True
        self._sound = np.concatenate([self._sound, chunk.samples])
        self._listen(final=False)
        spare = len(self._sound) - round(_KEPT_S * SOUND_RATE)
        if spare > 0:
            self._sound = self._sound[spare:]
            self._from += spare / SOUND_RATE

    def finish(self) -> Evidence:
        """See ``Detector``: of the face that agrees best with the sound."""
        self._listen(final=True)
        if not self._heard or not self._faces:
            missing = "sound" if not self._heard else "face large enough"
            return abstention(self.name, self.subject, f"no {missing}")
        found = {track: each.figures() for track, each in self._tracks.items()}
        known = {t: f for t, f in found.items() if f is not None and f.films >= _FEWEST}
        if not known:
            reason = "too little speech beside a face to compare them"
            return abstention(self.name, self.subject, reason)
        speaker = max(known, key=lambda track: known[track].confidence)
        best = known[speaker]
        return self._moments[speaker].evidence(
            self.name, self.subject, logit(best), notes=notes(best), weights=self._hash,
            trained_on=("other sound", "stretched sound"),
            figures={
                "offset_ms": 1000.0 * best.offset / RATE, "confidence": best.confidence,
                "distance": best.distance, "contrast": best.contrast, "films": float(best.films),
            },
        )  # fmt: skip

    @property
    def _size(self) -> int:
        return self._expert.config.size

    @torch.inference_mode()
    def _look(self, pictures: NDArray[np.uint8]) -> torch.Tensor:
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255.0
        return self._expert.look(film_windows(x, self._expert.config.frames))

    def _listen(self, final: bool) -> None:
        """Compare what waits with its sound, where that has come; at the end with what there is."""
        context = self._expert.config.context * HOP / SOUND_RATE
        while self._waiting:
            first = self._waiting[0]
            length = (len(first.looked) - 1) / RATE + self._expert.config.steps * HOP / SOUND_RATE
            stop = first.start - context + length + _MARGIN
            if not final and self._from + len(self._sound) / SOUND_RATE < stop:
                return
            self._compare(self._waiting.popleft(), first.start - context - _MARGIN, stop)

    def _compare(self, waiting: _Waiting, start: float, stop: float) -> None:
        """Add the agreement of a face's films with the sound from ``start`` to ``stop``."""
        sound, there = self._stretch(start, stop)
        middle = sound[round(_MARGIN * SOUND_RATE) : -round(_MARGIN * SOUND_RATE)]
        level = float(np.sqrt(np.square(middle, dtype=np.float64).mean()))
        self._loudest = max(self._loudest, level)
        if level < max(_FAINT, _QUIET * self._loudest):
            return
        cosines = compare(self._expert, waiting.looked, sound, there)
        if waiting.track not in self._tracks and len(self._tracks) >= _TRACKS:
            return
        agreement = self._tracks.setdefault(waiting.track, Agreement())
        agreement.add(cosines)
        recent = agreement.recent()
        if recent is not None:
            moments = self._moments.setdefault(waiting.track, Moments())
            length = (len(waiting.looked) + self._expert.config.frames - 1) / RATE
            moments.add(waiting.start + length / 2, logit(recent), waiting.track, len(cosines))

    def _stretch(self, start: float, stop: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Samples of a stretch, silent where there are none, and where there are some."""
        count = round((stop - start) * SOUND_RATE)
        begin = round((start - self._from) * SOUND_RATE)
        places = np.arange(begin, begin + count)
        there = (places >= 0) & (places < len(self._sound))
        sound = np.zeros(count, np.float32)
        sound[there] = self._sound[places[there]]
        return sound, there


def at_rate(
    pictures: NDArray[np.uint8], times: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], float]:
    """Pictures (T, ...) taken at ``times`` (T,) seconds as 25 a second, each the nearest one.

    Returns them and the time of the first.
    """
    clock = np.arange(times[0], times[-1] + 0.25 / RATE, 1.0 / RATE)
    nearest = np.abs(times - clock[:, None]).argmin(axis=1)
    return pictures[nearest], float(times[0])


@torch.inference_mode()
def compare(
    expert: SyncExpert, looked: torch.Tensor, sound: NDArray[np.float32], there: NDArray[np.bool_]
) -> Floats:
    """Cosines (F, ``LAGS``) of films with the sound around them, NaN where there is none.

    ``looked`` (F, E) embeddings of films one picture apart; ``sound`` (N,) 16 kHz from the context
    and ``MOST_LAG`` frames before the first film on; ``there`` (N,) which samples are real.
    """
    steps, count = expert.config.steps, len(looked) + LAGS - 1
    needed = ((count - 1) * STEPS + steps) * HOP
    padded = np.pad(sound, (0, max(0, needed - len(sound))))[:needed]
    known = np.pad(there, (0, max(0, needed - len(there))))[:needed]
    mel = log_mel(torch.from_numpy(padded))
    windows = mel.unfold(1, steps, STEPS).transpose(0, 1)
    heard = expert.hear(windows)
    cosines = (looked @ heard.T).double().numpy()
    full = np.lib.stride_tricks.sliding_window_view(known, steps * HOP)[:: STEPS * HOP]
    cosines[:, full.mean(axis=1) < 0.95] = np.nan
    # Lag +k: the mouth is late, so its sound lies k windows earlier.
    lags = np.arange(-MOST_LAG, MOST_LAG + 1)
    columns = np.arange(len(looked))[:, None] + MOST_LAG - lags
    return np.asarray(np.take_along_axis(cosines, columns, axis=1))


def notes(found: SyncFigures) -> tuple[str, ...]:
    """What a reader of the report should know."""
    said = []
    if found.contrast < 4.0:
        said.append(
            "Lips and sound show no clear agreement at any offset. Of people unlike those of the"
            " expert's training, and in short files, this says little."
        )
    elif abs(found.offset) >= 2:
        way = "after" if found.offset > 0 else "before"
        said.append(
            f"The lips come about {abs(found.offset) * 1000 // RATE} ms {way} the sound; a constant"
            " offset is usually a slip of editing, not a sign of synthesis."
        )
    else:
        said.append("Lips and sound are in step, as they also are in good dubbing.")
    return tuple(said)
