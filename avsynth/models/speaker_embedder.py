"""Sound to points on the unit sphere: one speaker's lie near each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel
from torch import Tensor

from avsynth.errors import NothingToDoError, WeightsError
from avsynth.models.speaker import SpeakerConfig
from avsynth.speech.activity import SPEECH_LEVEL, speech_level, voice_activity
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.speech.spectrum import SpectrumConfig, log_mel_spectrum

Floats = NDArray[np.float32]

#: Samples of a window, from one window to the next, and of the shortest sound: 3, 1.5 and 1 s.
WINDOW, HOP, SHORTEST = 3 * SAMPLE_RATE, 3 * SAMPLE_RATE // 2, SAMPLE_RATE
_MOST = 200  # windows of one sound: five minutes and more say no more
_AT_ONCE = 16  # windows that the network is given
_AUDIBLE = 1e-3  # RMS, -60 dBFS
_RATE = 25  # of the voice activity


class Model(Protocol):
    """The part of ``avsynth.weights.LoadedModel`` that is needed here."""

    kind: str
    sha256: str
    config: BaseModel
    metadata: dict[str, Any]
    extras: dict[str, Tensor]

    def __call__(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the network."""


class SpeakerEmbedder:
    """Hears 16 kHz samples through weights of kind "speaker".

    Attributes:
        sha256: hash of the weights; vectors of different weights say nothing of each other.
        threshold_eer: cosine of two three-second stretches at which, on the speakers that the
            weights were validated with, as many strangers pass as speakers are refused.
        threshold_far1: cosine that one in a hundred of those pairs of strangers reached.
        speakers: (N, D) unit vectors, the means of the speakers that it was trained on.
    """

    def __init__(self, model: Model) -> None:
        """WeightsError: of another kind, for another rate, or without its thresholds."""
        if not isinstance(model.config, SpeakerConfig):
            raise WeightsError(f"weights of kind {model.kind!r}, not of a speaker encoder")
        if model.config.spectrum.rate != SAMPLE_RATE:
            raise WeightsError(f"hears {model.config.spectrum.rate} Hz, not {SAMPLE_RATE}")
        self._model, self._spectrum = model, model.config.spectrum
        self._size = model.config.embedding
        self.sha256 = model.sha256
        try:
            self.threshold_eer = float(model.metadata["threshold_eer"])
            self.threshold_far1 = float(model.metadata["threshold_far1"])
            self.speakers: Floats = model.extras["speakers"].float().numpy()
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError("a speaker encoder without its thresholds or speakers") from error

    def windows(self, samples: ArrayLike) -> Floats:
        """Samples (N,) -> unit vectors (W, D) of 3 s windows every 1.5 s in which somebody speaks.

        At most 200, evenly spread; each window is brought to SPEECH_LEVEL by itself. A shorter
        sound is one window, repeated up to a second. Where nobody seems to speak but something is
        heard (a steady noise), all windows count; W is 0 for silence. NaN counts as silence.
        """
        sound = np.nan_to_num(np.asarray(samples, np.float32), posinf=0.0, neginf=0.0)
        if not len(sound) or speech_level(sound - sound.mean()) <= _AUDIBLE:
            return np.zeros((0, self._size), np.float32)
        starts = _starts(sound)
        starts = starts[
            np.linspace(0, len(starts) - 1, min(_MOST, len(starts))).round().astype(int)
        ]
        found = []
        for first in range(0, len(starts), _AT_ONCE):
            parts = [sound[s : s + WINDOW] for s in starts[first : first + _AT_ONCE]]
            mel = torch.stack([window_spectrum(part, self._spectrum) for part in parts])
            found.append(self._model({"mel": mel})["embedding"].numpy())
        return np.concatenate(found)

    def embed(self, samples: ArrayLike) -> Floats:
        """Samples (N,) -> unit vector (D,), the direction of the windows' mean.

        NothingToDoError for silence.
        """
        windows = self.windows(samples)
        if not len(windows):
            raise NothingToDoError("there is no sound that could be a voice")
        return _direction(windows)

    def spread(self, windows: Floats) -> float:
        """Mean cosine distance (0..2) of unit vectors (W, D), W > 0, to their mean's direction."""
        return float(1 - (windows @ _direction(windows)).mean())


def window_spectrum(samples: Floats, spectrum: SpectrumConfig) -> Tensor:
    """Samples (N,) of one window -> log-mel (bands, N // hop) as the encoder is to hear it.

    Without offset, at SPEECH_LEVEL; shorter ones than a second are repeated up to it.
    """
    sound = samples - samples.mean()
    if len(sound) < SHORTEST:
        sound = np.resize(sound, SHORTEST)
    sound = sound * np.float32(SPEECH_LEVEL / speech_level(sound))
    return log_mel_spectrum(torch.from_numpy(sound), spectrum)


def _starts(sound: Floats) -> NDArray[np.intp]:
    """Where windows with speech begin: first samples, at least one."""
    last = max(0, len(sound) - WINDOW)
    starts = np.unique(np.append(np.arange(0, last + 1, HOP), last))
    activity = voice_activity(sound, _RATE)
    total = np.append(0.0, np.cumsum(activity > 0.5))
    begin = starts * _RATE // SAMPLE_RATE
    end = np.minimum(begin + WINDOW * _RATE // SAMPLE_RATE, len(activity))
    spoken = (total[end] - total[begin]) / np.maximum(end - begin, 1)
    # Half of a window is enough; where no window has that much, the best ones must do.
    return np.asarray(starts[spoken >= min(0.5, spoken.max())], np.intp)


def _direction(windows: Floats) -> Floats:
    mean = windows.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)
