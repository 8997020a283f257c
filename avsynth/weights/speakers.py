"""The speaker encoder that ships, and the limits that were measured with it."""

from __future__ import annotations

import functools
import math
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
        threshold: Euclidean distance of two vectors above which two people speak: that of the
            equal error rate on the speakers that the weights were validated with.
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
    embedder = SpeakerEmbedder(model)
    try:
        spread = float(model.metadata["spread"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError("a speaker encoder without the spread of its speakers", name) from error
    # Of unit vectors: the square of the distance is 2 - 2 cosine.
    return Speaker(embedder, math.sqrt(2 - 2 * embedder.threshold_eer), spread)
