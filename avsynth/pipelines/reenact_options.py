"""What a reenactment is told, checked before any work."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)  # fmt: skip

from avsynth.errors import UsageError
from avsynth.face.head_motion import PARTS
from avsynth.pipelines.options import PRESETS, Face, shown

# What each option takes, for those who gave something else.
_RANGES = {"strength": "0 to 2", "crf": "0 to 63", "segment_seconds": "1 to 60",
           "source_at": "a time in seconds, 0 or more"}  # fmt: skip
_WORDS = {
    "face": "largest, a number, or a box x,y,w,h",
    "driver_face": "largest, speaking, a number, or a box x,y,w,h",
    "parts": "mouth, eyes, head, or all",
    "audio": "keep, none",
    "codec": "h264, hevc, vp9, av1, ffv1",
    "preset": "ultrafast, superfast, veryfast, faster, fast, medium, slow, slower, veryslow, "
    "placebo, or 0 to 13 with vp9 and av1",
    "quality": "fast, best",
    "device": "auto, cpu, cuda, cuda:N",
    "engine": "auto, torch, openvino",
}


def _named(given: object) -> object:
    """Parts as the command line has them: "mouth,eyes", or "all"."""
    if not isinstance(given, str):
        return given
    words = tuple(word.strip().lower() for word in given.split(","))
    return PARTS if words == ("all",) else tuple(dict.fromkeys(words))


class ReenactOptions(BaseModel):
    """Options of ``reenact``; the command line's have the same names.

    Attributes:
        face: of the source: "largest", a number, or a box "x,y,w,h".
        driver_face: of the driver, also "speaking".
        source_at: seconds into a film that is the source; default the frame that is most like the
            driver's usual look, and sharp.
        absolute: the head takes the driver's own pose; else it moves as the driver's moved since
            the frame in which the two were most alike.
        parts: what moves: any of "mouth", "eyes", "head".
        strength: how far; 1 is as the driver moved.
        audio: "keep" gives the result the driver's sound.
        quality: "best" paints by the reenactment network, "fast" by the mesh alone.
        weights: a reenactment network, by name or file; default the best the consent allows.
        purpose: what the work is for; default all purposes of the consent records.
        language: that is spoken, such as "de"; checked against a subject's consent.
        codec, crf, preset, lossless, device, engine, segment_seconds: as for ``dub``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    face: Face = "largest"
    driver_face: Face = "largest"
    source_at: Annotated[float, Field(ge=0.0, lt=1e7)] | None = None
    absolute: bool = False
    parts: Annotated[
        tuple[Literal["mouth", "eyes", "head"], ...], Field(min_length=1), BeforeValidator(_named)
    ] = ("mouth", "eyes", "head")
    strength: Annotated[float, Field(ge=0.0, le=2.0)] = 1.0
    audio: Literal["keep", "none"] = "none"
    quality: Literal["fast", "best"] = "best"
    weights: str | None = None
    purpose: str | None = None
    language: str | None = None
    codec: Literal["h264", "hevc", "vp9", "av1", "ffv1"] | None = None
    crf: Annotated[int, Field(ge=0, le=63)] = 18
    preset: Annotated[str, Field(pattern=PRESETS)] = "veryfast"
    lossless: bool = False
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    engine: Literal["auto", "torch", "openvino"] = "auto"
    segment_seconds: Annotated[float, Field(ge=1.0, le=60.0)] = 10.0

    @model_validator(mode="after")
    def _agree(self) -> ReenactOptions:
        if self.engine == "openvino" and self.device.startswith("cuda"):
            raise ValueError("--engine openvino runs on processors and excludes --device cuda")
        for option, face, also in (
            ("--face", self.face, ("all", "speaking")),
            ("--driver-face", self.driver_face, ("all",)),
        ):
            if face.strip().lower() in also:
                raise ValueError(f"{option} {face} cannot be: one face is meant")
        if self.quality == "fast" and self.weights is not None:
            raise ValueError("--quality fast uses no --weights")
        if self.lossless and self.codec == "av1":
            raise ValueError("--codec av1 cannot be --lossless here: use h264, hevc, vp9 or ffv1")
        if self.lossless and "crf" in self.model_fields_set:
            raise ValueError("--crf does not go with --lossless, which has no quality to choose")
        return self


def reenact_options(**given: Any) -> ReenactOptions:
    """``ReenactOptions`` with errors of the family.

    Raises:
        UsageError: an unknown option or a value outside its range.
    """
    try:
        return ReenactOptions(**given)
    except ValidationError as error:
        raise UsageError(_problem(error)) from error


def _problem(error: ValidationError) -> str:
    """The first thing wrong, in words of the command line."""
    problem = error.errors(include_url=False)[0]
    if not problem["loc"]:
        return problem["msg"].removeprefix("Value error, ")
    name = str(problem["loc"][0])
    option = "--" + name.replace("_", "-")
    if name in _RANGES:
        return f"{option} must be {_RANGES[name]}"
    if name in _WORDS:
        return f"{option}: {shown(problem['input'])} is none of {_WORDS[name]}"
    if name in ReenactOptions.model_fields:
        return f"{option}: {shown(problem['input'])} cannot be"
    return f"there is no option {option}"
