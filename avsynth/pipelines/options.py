"""What a dubbing job is told, checked before any work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from avsynth.errors import InputError, UsageError
from avsynth.pipelines.timeline import Fit

_PRESETS = r"^((ultra|super|very)?fast(er)?|medium|(very)?slow(er)?|placebo|1?\d)$"
_FACE = re.compile(r"largest|speaking|all|\d+|[\d.]+(,[\d.]+){3}", re.IGNORECASE)


def _names_a_face(text: str) -> str:
    if not _FACE.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is none of largest, speaking, all, a number, a box x,y,w,h")
    return text


Face = Annotated[str, AfterValidator(_names_a_face)]


class DubOptions(BaseModel):
    """Options of ``dub``; the command line's have the same names.

    Attributes:
        face: "largest", "speaking", "all", a number, or a box "x,y,w,h".
        fit: what happens when speech and picture differ in length.
        purpose: what the work is for; default all purposes of the consent record.
        language: of the new speech, such as "de"; checked against a subject's consent.
        weights: name of a motion network, or a file; default the best the consent allows.
        strength: how far the mouth moves. A network's best guess is timid (about two thirds of
            the real extent on unseen people); 1.2 gives some of it back at no cost in distance.
        codec: "h264", "hevc", "vp9", "av1", "ffv1"; default as the source's bit depth asks.
        crf: constant quality, lower is better.
        preset: the encoder's speed.
        lossless: encode without loss.
        device: "auto", "cpu", "cuda" or "cuda:N".
        engine: "auto", "torch" or "openvino".
        segment_seconds: length of what is rendered and kept at a time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    face: Face = "largest"
    fit: Fit = Fit.TRIM
    purpose: str | None = None
    language: str | None = None
    weights: str | None = None
    strength: Annotated[float, Field(ge=0.0, le=2.0)] = 1.2
    codec: Literal["h264", "hevc", "vp9", "av1", "ffv1"] | None = None
    crf: Annotated[int, Field(ge=0, le=63)] = 18
    preset: Annotated[str, Field(pattern=_PRESETS)] = "veryfast"
    lossless: bool = False
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    engine: Literal["auto", "torch", "openvino"] = "auto"
    segment_seconds: Annotated[float, Field(ge=1.0, le=60.0)] = 10.0

    @model_validator(mode="after")
    def _agree(self) -> DubOptions:
        if self.engine == "openvino" and self.device.startswith("cuda"):
            raise ValueError("the openvino engine runs on processors and excludes cuda")
        if self.lossless and self.codec == "av1":
            raise ValueError("av1 cannot be lossless here: use h264, hevc, vp9 or ffv1")
        return self


class CastMember(BaseModel):
    """One line of a cast file: which face says which audio."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    face: Face | Annotated[int, Field(strict=True, ge=0)]
    audio: str


class Cast(BaseModel):
    """A cast file: ``{"cast": [{"face": "0", "audio": "anna.wav"}, ...]}``.

    ``face`` is as for ``--face`` ("largest", "speaking", a number, a box "x,y,w,h"); paths of
    audio are relative to the cast file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cast: Annotated[list[CastMember], Field(min_length=1, max_length=64)]

    @classmethod
    def load(cls, path: Path) -> list[tuple[str, Path]]:
        """Pairs of face and audio path.

        Raises:
            InputError: the file cannot be read.
            UsageError: it is not a cast.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("cannot read the cast file", path, str(error)) from error
        try:
            cast = cls.model_validate_json(text)
        except ValidationError as error:
            raise UsageError(f"not a cast file: {first_problem(error)}", path) from error
        return [(str(member.face), path.parent / member.audio) for member in cast.cast]


def dub_options(**given: Any) -> DubOptions:
    """``DubOptions`` with errors of the family.

    Raises:
        UsageError: an unknown option or a value outside its range.
    """
    try:
        return DubOptions(**given)
    except ValidationError as error:
        raise UsageError(first_problem(error)) from error


def first_problem(error: ValidationError) -> str:
    """The first thing wrong, in one line."""
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place}: {problem['msg']}" if place else str(problem["msg"])
