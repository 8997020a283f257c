"""Every detector by name; only what is asked for is imported."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from avsynth.errors import UsageError
from detectors.base import Detector

#: Name -> "module:class". A class is built without arguments and loads its weights by name.
DETECTORS: dict[str, str] = {
    "visual": "detectors.visual:VisualDetector",
    "motion": "detectors.temporal:MotionDetector",
    "sync": "detectors.sync:SyncDetector",
    "lipsync-discriminator": "detectors.from_discriminator:LipsyncJudge",
    "reenact-discriminator": "detectors.reenact_judge:ReenactJudge",
    "face-anomaly": "detectors.anomaly:FaceAnomaly",
    "audio": "detectors.audio:AudioDetector",
    "vocoder-discriminator": "detectors.from_discriminator:VocoderJudge",
    "voice-anomaly": "detectors.anomaly:VoiceAnomaly",
    "credentials": "detectors.credentials:CredentialsDetector",
}


def make(names: Sequence[str] = tuple(DETECTORS)) -> list[Detector]:
    """The detectors ``names``, ready for a file.

    Raises:
        UsageError: an unknown name.
        WeightsError: weights are missing.
    """
    unknown = [name for name in names if name not in DETECTORS]
    if unknown:
        known = ", ".join(DETECTORS)
        raise UsageError(f"no detector is called {', '.join(unknown)}", hint=f"known: {known}")
    return [_find(DETECTORS[name])() for name in names]


def _find(path: str) -> type[Detector]:
    module, _, name = path.partition(":")
    found: type[Detector] = getattr(importlib.import_module(module), name)
    return found
