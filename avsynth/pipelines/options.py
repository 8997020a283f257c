"""What a dubbing job is told, checked before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)  # fmt: skip

from avsynth.cluster.storage import is_url
from avsynth.errors import InputError, UsageError
from avsynth.pipelines.film_options import Face, FilmOptions, option_problem, shown
from avsynth.pipelines.timeline import Fit

#: The voice that is heard in the film itself.
ORIGINAL = "original"

# What those options take that dubbing alone has, for those who gave something else.
_WORDS = {"face": "largest, speaking, all, a number, or a box x,y,w,h", "fit": ", ".join(Fit)}


def _several(given: object) -> object:
    return (given,) if isinstance(given, str) else given


class DubOptions(FilmOptions):
    """Options of ``dub``; the command line's have the same names.

    Attributes:
        face: "largest", "speaking", "all", a number, or a box "x,y,w,h".
        fit: what happens when speech and picture differ in length.
        purpose: what the work is for; default all purposes of the consent record.
        language: of the new speech, such as "de"; checked against a subject's consent.
        quality: "best" paints mouths by the lip-sync network, "fast" by the classical renderer
            alone.
        weights: names of networks, or files: of motion, of lip-sync, or a subject's both; one may
            be given without a list. Default: the best the consent allows.
        strength: how far the mouth moves. A network's best guess is timid (about two thirds of
            the real extent on unseen people); 1.2 gives some of it back at no cost in distance.
        voice_from: the new speech is given this voice first: "original", that of the film, or a
            file: a recording, or a stored voice (.safetensors). Default: it is heard as it is.
        voice_consent: path of the record that covers that voice, where it is not the film's.
        voice_weights: what converts it: "world", or voice weights by name or file.
        codec, crf, preset, lossless, device, engine, segment_seconds: see ``FilmOptions``.
    """

    face: Face = "largest"
    fit: Fit = Fit.TRIM
    weights: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    strength: Annotated[float, Field(ge=0.0, le=2.0)] = 1.2
    voice_from: Annotated[str, Field(min_length=1)] | None = None
    voice_consent: str | None = None
    voice_weights: str | None = None

    @model_validator(mode="after")
    def _agree(self) -> DubOptions:
        for option in ("voice_consent", "voice_weights"):
            if getattr(self, option) is not None and self.voice_from is None:
                given = "--" + option.replace("_", "-")
                raise ValueError(f"{given} goes with --voice-from, which names the voice")
        if self.voice_from == ORIGINAL and self.voice_consent is not None:
            raise ValueError("--voice-consent does not go with --voice-from original")
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
    def load(cls, path: Path, find: Callable[[str], Path] = Path) -> list[tuple[str, Path]]:
        """Pairs of face and audio path; ``find`` makes a path of a name that may be a URL.

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
            raise UsageError(f"not a cast file: {_cast_problem(error)}", path) from error
        return [
            (str(each.face), find(each.audio) if is_url(each.audio) else path.parent / each.audio)
            for each in cast.cast
        ]


def dub_options(**given: Any) -> DubOptions:
    """``DubOptions`` with errors of the family.

    Raises:
        UsageError: an unknown option or a value outside its range.
    """
    try:
        return DubOptions(**given)
    except ValidationError as error:
        raise UsageError(option_problem(error, DubOptions.model_fields, {}, _WORDS)) from error


def _cast_problem(error: ValidationError) -> str:
    """What is wrong with a cast file: all that is wrong with its first wrong entry."""
    problems = error.errors(include_url=False)
    place, kind = problems[0]["loc"], problems[0]["type"]
    if kind == "json_invalid":
        return "it is no JSON"
    if not place:
        return 'it must be {"cast": [{"face": "0", "audio": "anna.wav"}]}'
    if place[0] != "cast":
        return f"unknown key {shown(place[0])}"
    if len(place) == 1:
        return "it has no cast" if kind == "missing" else "the cast must be 1 to 64 entries"
    found: dict[str, None] = {}  # a set that keeps its order
    for problem in problems:
        if problem["loc"][:2] == place[:2]:
            found[_entry_problem(problem["loc"][2:], problem["type"], problem["input"])] = None
    text = "; ".join(sorted(found, key=lambda words: not words.startswith("has no ")))
    return f"cast entry {place[1]}{'' if text.startswith('has no ') else ':'} {text}"


def _entry_problem(place: tuple[int | str, ...], kind: str, given: Any) -> str:
    if not place:
        return f"{shown(given)} is not a face and its audio"
    if kind == "missing":
        return f"has no {place[0]}"
    if kind == "extra_forbidden":
        return f"unknown key {place[0]}"
    if place[0] == "face":
        return f"face {shown(given)} is none of {_WORDS['face']}"
    return f"{place[0]} {shown(given)} is not the name of a file"
