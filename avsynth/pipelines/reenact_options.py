"""What a reenactment is told, checked before any work."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    model_validator,
)  # fmt: skip

from avsynth.errors import UsageError
from avsynth.face.head_motion import PARTS
from avsynth.pipelines.film_options import Face, FilmOptions, option_problem

# What those options take that reenactment alone has, for those who gave something else.
_RANGES = {"source_at": "a time in seconds, 0 or more"}
_WORDS = {
    "face": "largest, a number, or a box x,y,w,h",
    "driver_face": "largest, speaking, a number, or a box x,y,w,h",
    "parts": "mouth, eyes, head, or all",
    "audio": "keep, none",
}


def _named(given: object) -> object:
    """Parts as the command line has them: "mouth,eyes", or "all"."""
    if not isinstance(given, str):
        return given
    words = tuple(word.strip().lower() for word in given.split(","))
    return PARTS if words == ("all",) else tuple(dict.fromkeys(words))


class ReenactOptions(FilmOptions):
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
        codec, crf, preset, lossless, device, engine, segment_seconds: see ``FilmOptions``.
    """

    face: Face = "largest"
    driver_face: Face = "largest"
    source_at: Annotated[float, Field(ge=0.0, lt=1e7)] | None = None
    absolute: bool = False
    parts: Annotated[
        tuple[Literal["mouth", "eyes", "head"], ...], Field(min_length=1), BeforeValidator(_named)
    ] = ("mouth", "eyes", "head")
    audio: Literal["keep", "none"] = "none"
    weights: str | None = None

    @model_validator(mode="after")
    def _agree(self) -> ReenactOptions:
        for option, face, also in (
            ("--face", self.face, ("all", "speaking")),
            ("--driver-face", self.driver_face, ("all",)),
        ):
            if face.strip().lower() in also:
                raise ValueError(f"{option} {face} cannot be: one face is meant")
        if self.quality == "fast" and self.weights is not None:
            raise ValueError("--quality fast uses no --weights")
        return self


def reenact_options(**given: Any) -> ReenactOptions:
    """``ReenactOptions`` with errors of the family.

    Raises:
        UsageError: an unknown option or a value outside its range.
    """
    try:
        return ReenactOptions(**given)
    except ValidationError as error:
        raise UsageError(
            option_problem(error, ReenactOptions.model_fields, _RANGES, _WORDS)
        ) from error
