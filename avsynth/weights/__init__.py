"""Named weights: the manifest, hash checks, cards, and networks made ready to run."""

from avsynth.weights.manifest import Entry, card, list_weights
from avsynth.weights.registry import LoadedModel, load, read

__all__ = ["Entry", "LoadedModel", "card", "list_weights", "load", "read"]
