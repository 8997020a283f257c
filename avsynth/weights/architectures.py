"""Which module a weights file holds: kind -> config class, network class."""

from __future__ import annotations

import importlib
from typing import Any

from pydantic import BaseModel
from torch import Tensor, nn

from avsynth.errors import WeightsError
from avsynth.models.discriminator_kinds import KINDS

#: Named by path, so that only what is loaded is imported: the config's class, the network's, and
#: a function from a config to a batch of typical size.
ARCHITECTURES: dict[str, tuple[str, str, str]] = {
    "anomaly": (
        "avsynth.models.anomaly:AnomalyConfig",
        "avsynth.models.anomaly:AnomalyVae",
        "avsynth.models.anomaly:example_batch",
    ),
    "motion": (
        "avsynth.models.motion:MotionConfig",
        "avsynth.models.motion:MotionNetwork",
        "avsynth.models.motion:example_batch",
    ),
    "frame-detector": (
        "avsynth.models.frame_detector:FrameDetectorConfig",
        "avsynth.models.frame_detector:FrameDetector",
        "avsynth.models.frame_detector:example_batch",
    ),
    "faces": (
        "avsynth.models.face_vae:FacesConfig",
        "avsynth.models.face_vae:FaceVae",
        "avsynth.models.face_vae:example_batch",
    ),
    "lipsync": (
        "avsynth.models.lipsync:LipsyncConfig",
        "avsynth.models.lipsync:LipsyncNetwork",
        "avsynth.models.lipsync:example_batch",
    ),
    "reenact": (
        "avsynth.models.reenact:ReenactConfig",
        "avsynth.models.reenact:ReenactNetwork",
        "avsynth.models.reenact:example_batch",
    ),
    "sound-detector": (
        "avsynth.models.sound_detector:SoundDetectorConfig",
        "avsynth.models.sound_detector:SoundDetector",
        "avsynth.models.sound_detector:example_batch",
    ),
    "speaker": (
        "avsynth.models.speaker:SpeakerConfig",
        "avsynth.models.speaker:SpeakerEncoder",
        "avsynth.models.speaker:example_batch",
    ),
    "subject": (
        "avsynth.models.subject:SubjectConfig",
        "avsynth.models.subject:SubjectNetwork",
        "avsynth.models.subject:example_batch",
    ),
    "voice": (
        "avsynth.models.voice:VoiceConfig",
        "avsynth.models.voice:VoiceNetwork",
        "avsynth.models.voice:example_batch",
    ),
    "vocoder": (
        "avsynth.models.vocoder:VocoderConfig",
        "avsynth.models.vocoder:Vocoder",
        "avsynth.models.vocoder:example_batch",
    ),
    "judge": (
        "avsynth.models.judge:JudgeConfig",
        "avsynth.models.judge:Judge",
        "avsynth.models.judge:example_batch",
    ),
    "voice-space": (
        "avsynth.models.voice_space:VoiceSpaceConfig",
        "avsynth.models.voice_space:VoiceSpace",
        "avsynth.models.voice_space:example_batch",
    ),
}

#: Kinds that answer with a ``Judgement``: read as modules, not made ready for an engine.
DISCRIMINATORS = frozenset(KINDS)
ARCHITECTURES |= KINDS


def build(kind: str, config: dict[str, Any]) -> tuple[BaseModel, nn.Module]:
    """Config and untrained network of ``kind``; WeightsError when either does not fit."""
    try:
        config_path, network_path, _ = ARCHITECTURES[kind]
    except KeyError:
        known = ", ".join(sorted(ARCHITECTURES))
        raise WeightsError(f"no architecture is called {kind!r}", hint=f"known: {known}") from None
    try:
        settings: BaseModel = _find(config_path).model_validate(config)
    except ValueError as error:
        raise WeightsError(f"the config is not one of {kind!r}: {error}") from error
    return settings, _find(network_path)(settings)


def example_batch(kind: str, config: BaseModel) -> dict[str, Tensor]:
    """A batch of typical size for a network of ``kind`` with ``config``."""
    batch: dict[str, Tensor] = _find(ARCHITECTURES[kind][2])(config)
    return batch


def _find(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
