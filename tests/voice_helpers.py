"""What tests of voices share: small encoders and spaces, recordings, records of scope voice."""

from __future__ import annotations

import datetime as dt
import functools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from dub_helpers import LINE, PERSON, shared_folder
from numpy.typing import NDArray

from avsynth.media import read_audio
from avsynth.models.speaker import SpeakerConfig, SpeakerEncoder
from avsynth.models.voice_print import Voice
from avsynth.models.voice_space import VoiceSpaceConfig, fit
from avsynth.provenance import consent as consents
from avsynth.provenance.records import Scope
from avsynth.speech.pitch_track import PitchStatistics
from avsynth.weights import file as files
from avsynth.weights import speakers
from avsynth.weights.speakers import load_speaker

Floats = NDArray[np.float32]
RATE = 16_000


@functools.cache
def small_encoder() -> Path:
    """Weights of a speaker encoder that was never trained: one direction for everybody, nearly."""
    torch.manual_seed(0)
    config = SpeakerConfig(channels=16, squeezed=4, gathered=16)
    path = shared_folder() / "speaker-debug.safetensors"
    known = torch.nn.functional.normalize(torch.randn(5, 128), dim=1)
    metadata = {"purpose": "commercial", "threshold_eer": 0.5, "threshold_far1": 0.7, "spread": 0.2}
    files.write(path, "speaker", SpeakerEncoder(config), config, {"speakers": known}, metadata)
    return path


@pytest.fixture
def debug_speaker(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The untrained encoder in the place of the one that ships."""
    path = small_encoder()

    def load() -> speakers.Speaker:
        return load_speaker(str(path))

    monkeypatch.setattr("avsynth.pipelines.voice_target.load_speaker", load)
    monkeypatch.setattr("avsynth.provenance.voice_identity.load_speaker", load)
    monkeypatch.setattr("avsynth.weights.speakers.speaker_installed", lambda: True)
    return path


@functools.cache
def line() -> Floats:
    """The new line of the demo, at 16 kHz."""
    return np.concatenate([chunk.samples for chunk in read_audio(LINE, RATE)])


@functools.cache
def person() -> Floats:
    """What the demo person says, another voice, at 16 kHz."""
    return np.concatenate([chunk.samples for chunk in read_audio(PERSON, RATE)])


def noise(seconds: float, seed: int = 0) -> Floats:
    """A steady noise."""
    samples = np.random.default_rng(seed).standard_normal(int(seconds * RATE))
    return (0.05 * samples).astype(np.float32)


def recording(path: Path, samples: Floats) -> Path:
    """A file of 16 kHz samples."""
    soundfile.write(path, samples, RATE)
    return path


def people(count: int = 40, seed: int = 0) -> list[Voice]:
    """Voices in which embedding and spectrum go with the pitch, as people's do."""
    random = np.random.default_rng(seed)
    axes = random.standard_normal((128 + 80, 4))
    found = []
    for _ in range(count):
        latent = random.standard_normal(4)
        both = axes @ latent + 0.1 * random.standard_normal(208)
        embedding = both[:128] / np.linalg.norm(both[:128])
        found.append(
            Voice(
                embedding=embedding.astype(np.float32),
                spectrum_mean=(both[128:] - 4).astype(np.float32),
                spectrum_std=np.exp(0.1 * both[128:]).astype(np.float32),
                pitch=PitchStatistics(math.log(150) + 0.25 * latent[0], 0.2, 0.6),
                seconds=10.0, spread=0.1, synthetic=False, encoder="e" * 64,
            )
        )  # fmt: skip
    return found


@functools.cache
def small_space(threshold: float = 0.1, name: str = "space-debug") -> Path:
    """Weights of a space of those people."""
    voices = people()
    space = fit(voices, 4, 0.1)
    assert isinstance(space.config, VoiceSpaceConfig)
    path = shared_folder() / f"{name}.safetensors"
    known = torch.from_numpy(np.stack([voice.embedding for voice in voices])).half()
    metadata = {
        "purpose": "commercial", "licence": "CC-BY-4.0", "threshold": threshold,
        "measure": "Euclidean distance of debug embeddings", "pitch_thirds": [135.0, 167.0],
        "speaker": {"name": "debug", "sha256": "e" * 64},
    }  # fmt: skip
    files.write(path, "voice-space", space, space.config, {"speakers": known}, metadata)
    return path


def subject(
    references: Sequence[Path], out: Path, scopes: Sequence[Scope] = ("voice",), name: str = "Jane"
) -> Path:
    """A record of this machine in which somebody allows the use of her voice."""
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    made = consents.new_subject(name, scopes, references, ends, ["research", "commercial"])
    consents.save(consents.sign(made), out)
    return out
