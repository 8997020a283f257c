"""Recordings, and what takes them apart and puts them together again: the anchors and vocoders."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from avsynth import weights
from avsynth.errors import InputError
from avsynth.media import read_audio
from avsynth.models.synthesis import StreamingVocoder
from avsynth.speech.activity import SPEECH_LEVEL, speech_level
from avsynth.speech.pitch_track import pitch_track
from avsynth.speech.spectrum import SpectrumConfig, log_mel_spectrum, mel_filters, window

Floats = NDArray[np.float32]
Copy = Callable[[Floats], Floats]

RATE, HOP = 16_000, 160
_ROUNDS = 32  # of Griffin-Lim


@dataclasses.dataclass(frozen=True)
class Recording:
    """One of a speaker, at speech level, whole frames."""

    name: str
    speaker: str
    sound: Floats


def load(data: Path, split: str) -> list[Recording]:
    """The split's LibriSpeech rows (train-clean-100); InputError when the list has none."""
    found = []
    with (data / "speech.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == split and row["corpus"] == "LibriSpeech train-clean-100":
                parts = [chunk.samples for chunk in read_audio(data / row["file"], RATE)]
                sound = np.concatenate(parts)
                sound = sound[: len(sound) // HOP * HOP] - sound.mean()
                level = np.float32(SPEECH_LEVEL / speech_level(sound))
                found.append(Recording(Path(row["file"]).stem, row["speaker"], sound * level))
    if not found:
        raise InputError(f"no {split} rows of LibriSpeech train-clean-100", data / "speech.csv")
    return found


def label(name: str) -> str:
    """Of weights in the table: of a file its folder's name too."""
    path = Path(name)
    return name if path.suffix != ".safetensors" else f"{path.parent.name}/{path.stem}"


def copier(model: weights.LoadedModel) -> Copy:
    """Sound to mel and pitch, and back by ``model``, as a stream."""
    return lambda sound: vocoded(model, *heard(sound, model))


def heard(sound: Floats, model: weights.LoadedModel) -> tuple[torch.Tensor, Floats]:
    """Mel (bands, T) and pitch (T,)."""
    spectrum: SpectrumConfig = model.config.spectrum  # type: ignore[attr-defined]
    return log_mel_spectrum(torch.from_numpy(sound), spectrum), pitch_track(sound, HOP)


def vocoded(model: weights.LoadedModel, mel: torch.Tensor, pitch: Floats) -> Floats:
    """Samples (T * hop,)."""
    vocoder = StreamingVocoder(model)
    return np.concatenate([vocoder.push(mel, pitch), vocoder.flush()])


def griffin_lim(sound: Floats) -> Floats:
    """Phase made up from the mel's magnitudes (Griffin and Lim 1984), fast variant of librosa."""
    import librosa

    config = SpectrumConfig()
    mel = log_mel_spectrum(torch.from_numpy(sound), config).exp()
    magnitudes = (torch.linalg.pinv(mel_filters(config)).T @ mel).clamp_min(0).numpy()
    made = librosa.griffinlim(
        np.pad(magnitudes, ((0, 0), (0, 1)), mode="edge"), n_iter=_ROUNDS, hop_length=HOP,
        win_length=config.window, window=window(config).numpy(), random_state=0, length=len(sound),
    )  # fmt: skip
    return np.asarray(made, np.float32)
