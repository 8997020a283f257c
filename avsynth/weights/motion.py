"""The best motion weights that a purpose allows and this machine can run."""

from __future__ import annotations

from avsynth.errors import WeightsError
from avsynth.models.speech_to_motion import SpeechToMotion
from avsynth.speech.whisper import find_weights
from avsynth.weights.manifest import Entry, Purpose, list_weights
from avsynth.weights.registry import LoadedModel, load


def best_motion(purpose: Purpose) -> Entry:
    """The first motion weights of the manifest that ``purpose`` allows and whose front end exists.

    A commercial purpose excludes research weights; research may use any, and gets its own first.
    """
    whisper = find_weights() is not None
    usable = [
        entry
        for entry in list_weights()
        if entry.kind == "motion"
        and (whisper or entry.needs != "whisper")
        and (purpose == "research" or entry.purpose == "commercial")
    ]
    # With Whisper, any of its weights are better than any on mels (see the cards).
    usable.sort(key=lambda entry: (entry.needs != "whisper", entry.purpose != purpose))
    if not usable:
        raise WeightsError(f"no motion weights may be used for a {purpose} purpose")
    return usable[0]


def load_motion(
    name_or_path: str | None = None,
    purpose: Purpose = "commercial",
    engine: str = "auto",
    device: str = "cpu",
) -> tuple[LoadedModel, SpeechToMotion]:
    """Named weights, or the best for ``purpose``, with the predictor around them.

    WeightsError when they are missing or changed, or their front end is not installed.
    """
    loaded = load(name_or_path or best_motion(purpose).name, engine, device)
    return loaded, SpeechToMotion(loaded, device)
