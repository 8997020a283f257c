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
    "face-anomaly": "detectors.anomaly:FaceAnomaly",
    "audio": "detectors.audio:AudioDetector",
    "vocoder-discriminator": "detectors.from_discriminator:VocoderJudge",
    "voice-anomaly": "detectors.anomaly:VoiceAnomaly",
    "credentials": "detectors.credentials:CredentialsDetector",
}


#: Detectors that have weights trained on research data too.
RESEARCH: dict[str, str] = {"visual": "visual-small-research"}


def make(names: Sequence[str] = tuple(DETECTORS), research: bool = False) -> list[Detector]:
    """The detectors ``names``, ready for a file, with ``research`` weights where there are such.

    Raises:
        UsageError: an unknown name.
        WeightsError: weights are missing.
    """
    unknown = [name for name in names if name not in DETECTORS]
    if unknown:
        known = ", ".join(DETECTORS)
        raise UsageError(f"no detector is called {', '.join(unknown)}", hint=f"known: {known}")
    chosen = RESEARCH if research else {}
    return [_find(DETECTORS[name])(*([chosen[name]] if name in chosen else [])) for name in names]


def _find(path: str) -> type[Detector]:
    module, _, name = path.partition(":")
    found: type[Detector] = getattr(importlib.import_module(module), name)
    return found
