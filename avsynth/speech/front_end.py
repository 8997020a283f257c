"""Speech -> the features that motion networks hear: Whisper states or mels, 25 steps a second.

A feature step covers 40 ms of sound; step k is centred on time (k + 0.5) / 25 of the samples that
were given. Loudness is taken out first (see ``activity.speech_level``).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsynth.errors import WeightsError
from avsynth.speech import whisper
from avsynth.speech.activity import SPEECH_LEVEL
from avsynth.speech.mel import BANDS, SAMPLE_RATE, log_mel

RATE = 25
STEP = SAMPLE_RATE // RATE
_LAYERS = (2, 3, 4)
_PAD = SAMPLE_RATE // 2  # silence around what Whisper hears: its first positions are odd


class FrontEnd(Protocol):
    """Samples -> features."""

    name: str
    width: int

    def __call__(self, samples: NDArray[np.float32], level: float) -> Tensor:
        """16 kHz samples (N,), N a multiple of 640, and their speech level -> (N / 640, F)."""


class MelFrontEnd:
    """Four log-mel steps of 10 ms, side by side: 320 values."""

    name = "mel"
    width = 4 * BANDS

    def __call__(self, samples: NDArray[np.float32], level: float) -> Tensor:
        """See ``FrontEnd``."""
        sound = torch.from_numpy(samples * np.float32(SPEECH_LEVEL / level))
        mel = log_mel(torch.nn.functional.pad(sound, (0, STEP)))[:, : 4 * (len(samples) // STEP)]
        return mel.T.reshape(-1, self.width)


class WhisperFrontEnd:
    """States 2, 3 and 4 of Whisper-tiny's encoder, pairs of 20 ms steps averaged: 1152 values."""

    name = "whisper"
    width = len(_LAYERS) * whisper.WIDTH

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self._device = torch.device(device)
        self._encoder = whisper.installed_encoder(device)

    @torch.inference_mode()
    def __call__(self, samples: NDArray[np.float32], level: float) -> Tensor:
        """See ``FrontEnd``. At most 28 s at a time."""
        sound = torch.from_numpy(samples * np.float32(SPEECH_LEVEL / level)).to(self._device)
        mel = log_mel(torch.nn.functional.pad(sound, (_PAD, _PAD)))
        states = self._encoder(mel[None])[0, list(_LAYERS)]  # (3, steps, 384) at 50 Hz
        states = states[:, 25 : 25 + 2 * (len(samples) // STEP)]
        pairs = states.reshape(len(_LAYERS), -1, 2, whisper.WIDTH).mean(dim=2)
        features: Tensor = pairs.permute(1, 0, 2).reshape(-1, self.width).cpu()
        return features


def make(name: str, device: str | torch.device = "cpu") -> FrontEnd:
    """The front end called ``name``: "whisper" (WeightsError when not installed) or "mel"."""
    if name == "whisper":
        return WhisperFrontEnd(device)
    if name == "mel":
        return MelFrontEnd()
    raise WeightsError(f"no speech front end is called {name!r}")
