"""A voice as a target: what a converter is told of the person whose voice it is to make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from avsynth.errors import NothingToDoError
from avsynth.models.listening import listen
from avsynth.models.voice_engine import SourceVoice
from avsynth.speech.activity import SPEECH_LEVEL, speech_level
from avsynth.speech.high_pass import HighPass
from avsynth.speech.pitch_track import PitchStatistics
from avsynth.speech.spectrum import SpectrumConfig, log_mel_spectrum

Floats = NDArray[np.float32]

_SPECTRUM = SpectrumConfig()
_AUDIBLE = 1e-3  # RMS, -60 dBFS


class Embedder(Protocol):
    """What turns sound into points that lie near for one speaker (``SpeakerEmbedder``).

    Attributes:
        sha256: hash of its weights: points of different encoders say nothing of each other.
    """

    sha256: str

    def windows(self, samples: Floats) -> Floats:
        """Samples (N,) at 16 kHz -> unit vectors (W, D), one of each stretch of speech."""
        ...

    def spread(self, windows: Floats) -> float:
        """Mean cosine distance of unit vectors (W, D) to their mean's direction."""
        ...


@dataclass(frozen=True)
class Voice:
    """A voice that others can be converted to, whichever engine does it.

    Attributes:
        embedding: (128,) unit vector of the speaker encoder.
        spectrum_mean: (80,) mean natural-log mel of active frames at ``SPEECH_LEVEL``.
        spectrum_std: (80,) their standard deviation.
        pitch: statistics of the natural logarithm of the fundamental frequency in Hz.
        seconds: of speech heard; 0 for an imagined voice.
        spread: mean cosine distance of its windows' embeddings to their mean; 0 for an imagined
            voice. Large where several people speak, or nobody.
        synthetic: whether it belongs to nobody.
        encoder: sha256 of the speaker encoder that ``embedding`` is of.
    """

    embedding: Floats
    spectrum_mean: Floats
    spectrum_std: Floats
    pitch: PitchStatistics
    seconds: float
    spread: float
    synthetic: bool
    encoder: str


def describe(sounds: Sequence[Floats], embedder: Embedder) -> Voice:
    """The voice in one or several recordings of a person.

    Each recording is brought to ``SPEECH_LEVEL`` by itself, without what is lower than sound, such
    as an offset. Where a recording is audible but nobody seems to speak in it (a steady noise), all
    of it is described, and ``seconds``, which counts speech alone, says so.

    Args:
        sounds: samples (N,) at 16 kHz each.
        embedder: the speaker encoder.

    Raises:
        NothingToDoError: all of them are silent or shorter than a moment.
    """
    upright = [
        HighPass(_SPECTRUM.rate)(sound) for sound in sounds if len(sound) >= _SPECTRUM.window
    ]
    audible = [sound for sound in upright if speech_level(sound) > _AUDIBLE]
    levelled = [sound * np.float32(SPEECH_LEVEL / speech_level(sound)) for sound in audible]
    points = [embedder.windows(sound) for sound in levelled]
    points = [found for found in points if len(found)]
    if not points:
        raise NothingToDoError("there is no sound that could be a voice")
    windows = np.concatenate(points)
    mean = windows.mean(axis=0)
    heard = listen(levelled)
    if not heard.active_seconds:
        heard = _all_of(levelled)
    return Voice(
        embedding=np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32),
        spectrum_mean=heard.spectrum_mean,
        spectrum_std=heard.spectrum_std,
        pitch=heard.pitch,
        seconds=heard.active_seconds,
        spread=float(embedder.spread(windows)),
        synthetic=False,
        encoder=embedder.sha256,
    )


def _all_of(sounds: Sequence[Floats]) -> SourceVoice:
    """Sound in which nobody speaks, as if all of it were speech; ``active_seconds`` stays 0."""
    spectra = [log_mel_spectrum(torch.from_numpy(sound), _SPECTRUM).numpy() for sound in sounds]
    frames = np.concatenate(spectra, axis=1).astype(np.float64)
    return SourceVoice(
        level=SPEECH_LEVEL,
        pitch=PitchStatistics.of(()),
        spectrum_mean=np.asarray(frames.mean(axis=1), np.float32),
        spectrum_std=np.asarray(frames.std(axis=1), np.float32),
        active_seconds=0.0,
    )
