"""Copies and conversions by the networks of this project, and by the small GAN vocoders."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from train_upsampler import read_stage
from upsampler import Upsampler

from avsynth import weights
from avsynth.models.synthesis import synthesise
from avsynth.models.vocoder import VocoderConfig
from avsynth.models.voice_engine import Shifts, convert
from avsynth.models.voice_print import Voice, describe
from avsynth.speech.activity import SPEECH_LEVEL, speech_level
from avsynth.speech.pitch_track import pitch_track
from avsynth.speech.spectrum import log_mel_spectrum
from avsynth.weights.speakers import load_speaker
from avsynth.weights.voice_engines import ConversionModels, load_voice_engine

Floats = NDArray[np.float32]
RATE = 16_000
#: As if recorded at these rates: what a hop of 16 kHz is becomes one of another rate.
_AS_IF = (16_000, 16_000, 22_050, 24_000)


@functools.cache
def _vocoder(name: str) -> weights.LoadedModel:
    return weights.load(name, "torch")


@functools.cache
def _engine(name: str, vocoder: str) -> ConversionModels:
    return load_voice_engine(name, "research", engine="torch", vocoder=vocoder)


@functools.cache
def _upsampler(path: Path) -> Upsampler:
    return read_stage(path)


@torch.inference_mode()
def vocoder_copy(sound: Floats, rng: np.random.Generator, name: str) -> Floats:
    """Mel and pitch of the sound, and back; pulses begin anywhere. Sometimes the mel is blurred
    in time, as networks that predict mels blur it, or the pitch moved."""
    model = _vocoder(name)
    config = model.config
    assert isinstance(config, VocoderConfig)
    gain = np.float32(SPEECH_LEVEL / speech_level(sound))
    padded = np.pad(sound * gain, (0, -len(sound) % config.hop))
    mel = log_mel_spectrum(torch.from_numpy(padded), config.spectrum)
    if rng.random() < 0.3:
        width = int(rng.choice([3, 5]))
        mel = torch.nn.functional.avg_pool1d(mel[None], width, 1, width // 2)[0]
    pitch = torch.from_numpy(pitch_track(padded, config.hop))
    if rng.random() < 0.3:
        pitch = pitch * float(2 ** (rng.normal(0, 1.0) / 12))
    batch = {"mel": mel[None], "pitch": pitch[None]}
    made = synthesise(
        model(batch), pitch[None], config, float(rng.random()), int(rng.integers(2**31))
    )
    return np.asarray(made[0].numpy()[: len(sound)] / gain, np.float32)


@torch.inference_mode()
def upsampler_copy(sound: Floats, rng: np.random.Generator, path: Path) -> Floats:
    """By a small GAN vocoder, as if the sound had been recorded at another rate."""
    import soxr

    network = _upsampler(path)
    rate = int(rng.choice(_AS_IF))
    heard = np.asarray(soxr.resample(sound, RATE, rate), np.float32)
    gain = np.float32(SPEECH_LEVEL / speech_level(heard))
    padded = np.pad(heard * gain, (0, -len(heard) % network.config.hop))
    made = network(torch.from_numpy(padded)[None])[0].numpy()[: len(heard)] / gain
    back = np.asarray(soxr.resample(made, rate, RATE), np.float32)
    return np.asarray(np.pad(back, (0, len(sound)))[: len(sound)], np.float32)


@functools.cache
def _voice(key: str, speaker: str) -> Voice:
    """Of sounds that ``remember`` was told of."""
    return describe([_KNOWN[key]], load_speaker(speaker).embedder)


_KNOWN: dict[str, Floats] = {}


def conversion(
    sound: Floats, rng: np.random.Generator, name: str, vocoder: str, target: str, heard: Floats
) -> Floats:
    """In the voice of ``target``, of whom ``heard`` is known; "world" needs no network."""
    _KNOWN[target] = heard
    engine = _engine(name, vocoder).voice
    source = engine.listen([sound])
    shifts = Shifts(pitch=float(rng.choice([0.0, 0.0, rng.normal(0, 1)])))
    made = convert(engine, [sound], source, _voice(target, "speaker-small"), shifts)
    return np.concatenate(list(made))[: len(sound)]
