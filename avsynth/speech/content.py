"""What is said, with as little as possible of who says it: the features that converters hear.

A step covers 20 ms. Front ends behind one interface: the log-mel spectrum in units of the
speaker's own, the states of Whisper-tiny's encoder, which was taught to ignore the speaker, and,
for those who keep their weights at hand, those of WavLM or HuBERT.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avsynth.errors import WeightsError
from avsynth.speech import whisper
from avsynth.speech.mel import log_mel
from avsynth.speech.torchaudio_loader import load_torchaudio

Floats = NDArray[np.float32]
STEP = 320  # samples at 16 kHz
_LAYERS = (3, 4)
_BUNDLE_LAYER = 6
_PAD = 8_000  # samples of silence around what Whisper hears: its first positions are odd
_LONGEST = 28 * 16_000


class ContentFrontEnd(Protocol):
    """Speech -> content features.

    Attributes:
        name: as in ``VoiceConfig.front_end``.
        width: values a step.
    """

    name: str
    width: int

    def __call__(self, samples: Floats, spectrum: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        """Content (N // 320, width) of samples (N,) at ``SPEECH_LEVEL``, N a multiple of 320.

        ``spectrum`` (bands, N // 160) is their log-mel spectrum, ``mean`` and ``std`` (bands,)
        those of the speaker's active frames.
        """


class SpectrumContent:
    """Two steps of the spectrum side by side, less the speaker's mean, in units of the spread."""

    name = "mel"
    width = 160

    def __call__(self, samples: Floats, spectrum: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        """See ``ContentFrontEnd``."""
        own = (spectrum - mean[:, None]) / std[:, None]
        return own.T.reshape(-1, self.width)


class WhisperContent:
    """States 3 and 4 of Whisper-tiny's encoder: 768 values. At most 28 s at a time."""

    name = "whisper"
    width = len(_LAYERS) * whisper.WIDTH

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self._device = torch.device(device)
        self._encoder = whisper.installed_encoder(device)

    @torch.inference_mode()
    def __call__(self, samples: Floats, spectrum: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        """See ``ContentFrontEnd``; the spectrum is not used."""
        return self.of_mel(log_mel(torch.from_numpy(np.pad(samples, _PAD))), len(samples) // STEP)

    @torch.inference_mode()
    def of_mel(self, mel: Tensor, steps: int) -> Tensor:
        """Of ``mel.log_mel`` (80, T) of sound with half a second of silence on either side."""
        if mel.shape[-1] > (_LONGEST + 2 * _PAD) // 160:
            raise ValueError("more than 28 s at a time")
        states = self._encoder(mel[None].to(self._device))[0, list(_LAYERS)]
        skip = _PAD // STEP
        found: Tensor = states[:, skip : skip + steps].permute(1, 0, 2).flatten(1)
        return found.cpu().clone()


class BundleContent:
    """State 6 of WavLM base or HuBERT base (Chen et al. 2022, Hsu et al. 2021): 768 values.

    The weights are the user's own: ``NAME-base.safetensors`` in the folder that ``AVSYNTH_MODELS``
    names, tensors named as in ``torchaudio.models``. At most 28 s at a time.
    """

    width = 768

    def __init__(self, name: str, device: str | torch.device = "cpu") -> None:
        """WeightsError when the file is missing or holds other weights."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        self.name, self._device = name, torch.device(device)
        path = Path(os.environ.get("AVSYNTH_MODELS", ".")).expanduser() / f"{name}-base.safetensors"
        network = bundle(name)
        try:
            network.load_state_dict(load_file(path))
        except (OSError, RuntimeError, SafetensorError) as error:
            raise WeightsError(
                f"not the weights of {name}'s base model", path,
                "put them there in safetensors, named as torchaudio names them",
            ) from error  # fmt: skip
        self._network: Any = network.to(self._device).eval().requires_grad_(False)

    @torch.inference_mode()
    def __call__(self, samples: Floats, spectrum: Tensor, mean: Tensor, std: Tensor) -> Tensor:
        """See ``ContentFrontEnd``; the spectrum is not used."""
        if len(samples) > _LONGEST:
            raise ValueError("more than 28 s at a time")
        # Its windows are 400 samples: this many more make a step of every 320.
        sound = torch.from_numpy(np.pad(samples, 40))[None].to(self._device)
        states, _ = self._network.extract_features(sound, num_layers=_BUNDLE_LAYER)
        found: Tensor = states[-1][0].cpu().clone()
        return found


def bundle(name: str) -> nn.Module:
    """The untrained network called ``name``: "wavlm" or "hubert"."""
    models = load_torchaudio().models
    made: nn.Module = {"wavlm": models.wavlm_base, "hubert": models.hubert_base}[name]()
    return made


def make(name: str, device: str | torch.device = "cpu") -> ContentFrontEnd:
    """The front end "mel", "whisper", "wavlm" or "hubert"; WeightsError without its weights."""
    if name == "whisper":
        return WhisperContent(device)
    if name == "mel":
        return SpectrumContent()
    if name in ("wavlm", "hubert"):
        return BundleContent(name, device)
    raise WeightsError(f"no content front end is called {name!r}")
