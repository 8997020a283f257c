"""What making a voice reports: what it is like, what it was made from, and what is doubtful."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from avsynth.models.voice_print import Voice
from avsynth.reporting import FileHash, Strict, Weights, WrittenReport


class VoiceFigures(Strict):
    """A voice in figures that can be understood."""

    pitch: float = Field(description="Hz, the median")
    pitch_spread: float = Field(description="semitones, standard deviation")
    voiced: float = Field(description="share of speech that has a pitch")
    seconds: float = Field(description="of speech heard; 0 of an imagined voice")
    spread: float = Field(description="of the embeddings of its windows; 0 of an imagined voice")
    synthetic: bool = Field(description="whether it belongs to nobody")
    encoder: str = Field(description="sha256 of the speaker encoder")


class ImaginedFigures(Strict):
    """How a voice of nobody was found.

    ``distance`` to the nearest of ``compared`` speakers must exceed ``threshold``; both as
    ``measure`` has them. ``draws`` counts the voices that were drawn, this one included,
    ``too_near`` those that were refused for their distance, the others for their pitch.
    """

    seed: int
    draws: int
    too_near: int
    distance: float
    threshold: float
    measure: str
    compared: int
    record: FileHash


class VoiceReport(WrittenReport):
    """The whole job."""

    schema_version: int = 1
    verb: str
    avsynth_version: str
    output: FileHash
    inputs: list[FileHash]
    weights: list[Weights]
    settings: dict[str, Any]
    consent: list[dict[str, Any]]
    voice: VoiceFigures
    imagined: ImaginedFigures | None = None
    seconds: float = Field(description="that it took")
    notes: list[str]


def figures(voice: Voice) -> VoiceFigures:
    """A voice's figures."""
    return VoiceFigures(
        pitch=round(math.exp(voice.pitch.mean), 1),
        pitch_spread=round(voice.pitch.std * 12 / math.log(2), 2),
        voiced=round(voice.pitch.voiced, 3),
        seconds=round(voice.seconds, 2),
        spread=round(voice.spread, 4),
        synthetic=voice.synthetic,
        encoder=voice.encoder,
    )
