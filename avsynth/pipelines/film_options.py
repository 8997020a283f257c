"""What all verbs that write a film are told alike: encoder, engine, and words for errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)  # fmt: skip

_PRESETS = (
    r"^(ultrafast|superfast|veryfast|faster|fast|medium|slow|slower|veryslow|placebo|\d|1[0-3])$"
)
_FACE = re.compile(r"largest|speaking|all|\d+|[\d.]+(,[\d.]+){3}", re.IGNORECASE)

# What each option takes, for those who gave something else.
_RANGES = {"strength": "0 to 2", "crf": "0 to 63", "segment_seconds": "1 to 60"}
_WORDS = {
    "codec": "h264, hevc, vp9, av1, ffv1",
    "preset": "ultrafast, superfast, veryfast, faster, fast, medium, slow, slower, veryslow, "
    "placebo, or 0 to 13 with vp9 and av1",
    "quality": "fast, best",
    "device": "auto, cpu, cuda, cuda:N",
    "engine": "auto, torch, openvino",
}


def _names_a_face(text: str) -> str:
    if not _FACE.fullmatch(text.strip()):
        raise ValueError(f"{text!r} names no face")
    return text


Face = Annotated[str, AfterValidator(_names_a_face)]


class FilmOptions(BaseModel):
    """What is common to verbs that write a film.

    Attributes:
        purpose: what the work is for; default all purposes of the consent records.
        language: that is spoken, such as "de"; checked against a subject's consent.
        quality: "best" paints by a network, "fast" by the classical renderer alone.
        strength: how far the face moves.
        codec: "h264", "hevc", "vp9", "av1", "ffv1"; default as the source's bit depth asks.
        crf: constant quality, lower is better.
        preset: the encoder's speed.
        lossless: encode without loss.
        device: "auto", "cpu", "cuda" or "cuda:N".
        engine: "auto", "torch" or "openvino".
        segment_seconds: length of what is rendered and kept at a time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: str | None = None
    language: str | None = None
    quality: Literal["fast", "best"] = "best"
    strength: Annotated[float, Field(ge=0.0, le=2.0)] = 1.0
    codec: Literal["h264", "hevc", "vp9", "av1", "ffv1"] | None = None
    crf: Annotated[int, Field(ge=0, le=63)] = 18
    preset: Annotated[str, Field(pattern=_PRESETS)] = "veryfast"
    lossless: bool = False
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    engine: Literal["auto", "torch", "openvino"] = "auto"
    segment_seconds: Annotated[float, Field(ge=1.0, le=60.0)] = 10.0

    @model_validator(mode="after")
    def _encodes(self) -> Self:
        if self.engine == "openvino" and self.device.startswith("cuda"):
            raise ValueError("--engine openvino runs on processors and excludes --device cuda")
        if self.lossless and self.codec == "av1":
            raise ValueError("--codec av1 cannot be --lossless here: use h264, hevc, vp9 or ffv1")
        if self.lossless and "crf" in self.model_fields_set:
            raise ValueError("--crf does not go with --lossless, which has no quality to choose")
        return self


def option_problem(
    error: ValidationError, fields: Mapping[str, object], ranges: Mapping[str, str],
    words: Mapping[str, str],
) -> str:  # fmt: skip
    """The first thing wrong, in words of the command line.

    ``fields`` are the options there are; ``ranges`` and ``words`` say what those that this verb
    alone has must be, or must be one of.
    """
    problem = error.errors(include_url=False)[0]
    if not problem["loc"]:
        return problem["msg"].removeprefix("Value error, ")
    name = str(problem["loc"][0])
    option = "--" + name.replace("_", "-")
    bounds, told = {**_RANGES, **ranges}, {**_WORDS, **words}
    if name in bounds:
        return f"{option} must be {bounds[name]}"
    if name in told:
        return f"{option}: {shown(problem['input'])} is none of {told[name]}"
    if name in fields:
        return f"{option}: {shown(problem['input'])} cannot be"
    return f"there is no option {option}"


def shown(given: object) -> str:
    """What was given, short enough for a line."""
    text = repr(given)
    return text if len(text) <= 60 else text[:57] + "..."
