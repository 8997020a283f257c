"""Is the voice synthetic: a network on the spectrum and one on the wave, three seconds at a time.

The network is ``avsynth.models.sound_detector``; ``recipes/audio_detector`` trains it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from os import PathLike

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from avsynth import weights
from avsynth.media import AudioChunk, MediaInfo
from avsynth.models.sound_detector import SoundDetectorConfig, smooth, views
from avsynth.speech.activity import voice_activity
from avsynth.weights import LoadedModel
from detectors.base import SOUND_RATE, Evidence, MarkedSound, Subject, abstention
from detectors.looks import Burst
from detectors.moments import Moments, Worst
from detectors.sound_picture import spectrogram

Samples = NDArray[np.float32]
WINDOW = 3 * SOUND_RATE
_HOP = 2 * SOUND_RATE
_LEAST = 0.8  # seconds of speech in a window
_STEPS = 25  # of voice activity, a second


class AudioDetector:
    """Three seconds of sound every two seconds, where somebody speaks. A ``Detector``."""

    name = "audio"
    subject: Subject = "voice"

    def __init__(self, model: str | PathLike[str] | LoadedModel = "audio-small") -> None:
        """``model``: weights of kind "sound-detector" by name or path, or loaded ones."""
        self._model = model if isinstance(model, LoadedModel) else weights.load(model)
        assert isinstance(self._model.config, SoundDetectorConfig)
        self._config = self._model.config
        self._forget()

    def _forget(self) -> None:
        self._moments, self._worst = Moments(), Worst[MarkedSound]()
        self._windows = Windows()
        self._spoken = 0.0

    def start(self, info: MediaInfo) -> None:
        """See ``Detector``."""
        self._forget()

    def update_faces(self, burst: Burst) -> None:
        """See ``Detector``; a voice is judged without its face."""

    def update_audio(self, chunk: AudioChunk) -> None:
        """See ``Detector``."""
        for start, window in self._windows.push(chunk):
            self._hear(start, window)

    def finish(self) -> Evidence:
        """See ``Detector``: the mean logit of the windows in which somebody speaks."""
        for start, window in self._windows.flush():
            self._hear(start, window)
        if not len(self._moments):
            reason = "less than a second of speech"
            return abstention(self.name, self.subject, reason, self._spoken)
        metadata = self._model.metadata
        return self._moments.evidence(
            self.name, self.subject, sounds=self._worst.items,
            trained_on=(*metadata["data"], *metadata["families"]),
            weights={self._model.name: self._model.sha256},
        )  # fmt: skip

    def listen(self, samples: Samples) -> Evidence:
        """Evidence of sound that is at hand, samples (N,) at ``SOUND_RATE``."""
        self._forget()
        self.update_audio(AudioChunk(Fraction(0), SOUND_RATE, samples))
        return self.finish()

    def score(self, window: Samples) -> tuple[float, NDArray[np.float32]]:
        """Logit of samples (N,), and the answers (f, t), low frequencies first: the spectrum
        branch's, moved to the wave branch's at each time."""
        made = self._model(views(torch.from_numpy(window)[None], self._config))
        places = made["map"]
        over_time = interpolate(smooth(made["wave_map"], 9)[:, None], places.shape[-1])
        both = places + self._config.trust * (over_time - places)
        return float(made["logit"]), both[0].numpy()

    def _hear(self, start: float, window: Samples) -> None:
        spoken = float(voice_activity(window, _STEPS).sum()) / _STEPS
        self._spoken += min(spoken, _HOP / SOUND_RATE)
        if spoken < _LEAST:
            return
        score, places = self.score(np.resize(window, WINDOW))
        length = len(window) / SOUND_RATE
        self._moments.add(start + length / 2, score, None, min(spoken, _HOP / SOUND_RATE))
        if self._worst.wants(score):
            heat = (1 / (1 + np.exp(-places))).astype(np.float32)
            marked = MarkedSound(start, start + length, score, spectrogram(window), heat)
            self._worst.add(score, marked)


class Windows:
    """Sound as it comes -> windows of ``WINDOW`` samples every ``_HOP``, with their start in
    seconds; what is left at the end comes as a shorter one."""

    def __init__(self) -> None:
        self._time: Fraction | None = None
        self._waiting = np.zeros(0, np.float32)
        self._heard = 0  # of the waiting samples, those that a window has had

    def push(self, chunk: AudioChunk) -> Iterator[tuple[float, Samples]]:
        """Take sound in; the windows that are complete."""
        if self._time is None:
            self._time = chunk.time
        self._waiting = np.concatenate([self._waiting, chunk.samples])
        while len(self._waiting) >= WINDOW:
            yield float(self._time), self._waiting[:WINDOW]
            self._waiting, self._heard = self._waiting[_HOP:], WINDOW - _HOP
            self._time += Fraction(_HOP, SOUND_RATE)

    def flush(self) -> Iterator[tuple[float, Samples]]:
        """The rest, if half a second or more of it is new."""
        if self._time is not None and len(self._waiting) - self._heard >= SOUND_RATE // 2:
            yield float(self._time), self._waiting
