"""The speaker encoder that ships, and the limits that were measured with it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

from avsynth.errors import WeightsError
from avsynth.weights.manifest import list_weights
from avsynth.weights.registry import load

if TYPE_CHECKING:
    from avsynth.models.speaker_embedder import SpeakerEmbedder

NAME = "speaker-small"


class Speaker(NamedTuple):
    """An embedder of voices and what its distances mean.

    Attributes:
        embedder: sound to unit vectors.
        threshold: Euclidean distance of two files' vectors above which two people speak.
        spread: largest ``SpeakerEmbedder.spread`` that a recording of one person has.
    """

    embedder: SpeakerEmbedder
    threshold: float
    spread: float


def speaker_installed() -> bool:
    """Whether the weights are there; loads nothing."""
    return any(entry.name == NAME for entry in list_weights())


@functools.cache
def load_speaker(name: str = NAME) -> Speaker:
    """The encoder called ``name``, loaded once.

    WeightsError: missing, changed, of another kind, or without its limits.
    """
    from avsynth.models.speaker_embedder import SpeakerEmbedder

    model = load(name, "torch")
    if model.kind != "speaker":
        raise WeightsError(f"weights of kind {model.kind!r}, not of a speaker encoder", name)
    try:
        limits = float(model.metadata["threshold"]), float(model.metadata["spread"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError("a speaker encoder without its limits", name) from error
    return Speaker(SpeakerEmbedder(model), *limits)
