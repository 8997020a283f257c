"""Voice engines by the name of their weights; WORLD needs none."""

from __future__ import annotations

from dataclasses import dataclass

from avsynth.errors import WeightsError
from avsynth.models.voice_engine import VoiceEngine
from avsynth.models.world_engine import WorldEngine
from avsynth.speech.whisper import find_weights
from avsynth.weights.manifest import Entry, Purpose, list_weights
from avsynth.weights.registry import LoadedModel, load

WORLD = WorldEngine.name
VOCODER = "vocoder-small"


@dataclass(frozen=True)
class ConversionModels:
    """A voice engine, and the networks that it runs: none for WORLD."""

    voice: VoiceEngine
    loaded: tuple[LoadedModel, ...] = ()


def best_voice(purpose: Purpose) -> Entry | None:
    """The first voice weights that ``purpose`` allows and whose front end exists; None without any.

    A commercial purpose excludes research weights. Those on Whisper come first.
    """
    whisper = find_weights() is not None
    usable = [
        entry
        for entry in list_weights()
        if entry.kind == "voice"
        and (whisper or entry.needs != "whisper")
        and (purpose == "research" or entry.purpose == "commercial")
    ]
    return min(usable, key=lambda entry: entry.needs != "whisper", default=None)


def load_voice_engine(
    weights: str | None,
    purpose: Purpose,
    engine: str = "auto",
    device: str = "cpu",
    vocoder: str = VOCODER,
) -> ConversionModels:
    """The voice engine of ``weights``.

    Args:
        weights: "world", or the name or file of voice weights; None: the best for ``purpose``.
        purpose: what the weights must allow where none are named.
        engine: "auto", "torch" or "openvino".
        device: "cpu", "cuda" or "cuda:N".
        vocoder: name or file of the vocoder's weights.

    Raises:
        WeightsError: missing, changed, or of another kind; a front end that is not installed.
    """
    if weights == WORLD:
        return ConversionModels(WorldEngine())
    if weights is None:
        chosen = best_voice(purpose)
        if chosen is None:
            return ConversionModels(WorldEngine())
        weights = chosen.name
    from avsynth.models.vocoder import VocoderConfig
    from avsynth.models.voice import VoiceConfig

    voice, sounding = load(weights, engine, device), load(vocoder, engine, device)
    if not isinstance(voice.config, VoiceConfig):
        raise WeightsError(f"weights of kind {voice.kind!r}, not of a voice", weights)
    if not isinstance(sounding.config, VocoderConfig):
        raise WeightsError(f"weights of kind {sounding.kind!r}, not of a vocoder", vocoder)
    if sounding.config.spectrum != voice.config.spectrum:
        raise WeightsError(f"the vocoder {sounding.name} speaks another spectrum", weights)
    return ConversionModels(voice_engine(voice, sounding, device=device), (voice, sounding))


def voice_engine(*networks: LoadedModel, device: str = "cpu") -> VoiceEngine:
    """The engine that runs ``networks``: a voice and its vocoder; none of them: WORLD.

    Raises:
        WeightsError: the front end of the voice is not installed.
    """
    if not networks:
        return WorldEngine()
    from avsynth.models.neural_engine import NeuralEngine
    from avsynth.models.voice import VoiceConfig
    from avsynth.speech import content

    voice, vocoder = networks
    assert isinstance(voice.config, VoiceConfig)
    front_end = content.make(voice.config.front_end, device)
    return NeuralEngine(voice.name, voice, vocoder, front_end)
