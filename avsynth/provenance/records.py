"""The consent record: three kinds, one published schema, one line for each way to be wrong."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from avsynth.errors import ConsentError
from avsynth.provenance.canonical import canonical
from avsynth.provenance.text import plain

SCHEMA = "avsynth.consent/1"
SCHEMA_FILE = Path(__file__).with_name("consent.schema.json")
RESEARCH, COMMERCIAL = "research", "commercial"

Scope = Literal["face", "voice"]


def _is_time(value: str) -> str:
    try:
        parse_time(value)
    except ValueError as problem:
        raise ValueError("not a time in UTC such as 2026-01-31T00:00:00Z") from problem
    return value


def parse_time(value: str) -> dt.datetime:
    """The moment that a record's time names; ValueError when there is no such moment."""
    return dt.datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)


def format_time(moment: dt.datetime) -> str:
    """A moment as records write it: UTC, whole seconds."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("the same value twice")
    return values


Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"), AfterValidator(_is_time)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Purpose = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Purposes = Annotated[
    tuple[Purpose, ...], Field(min_length=1, max_length=20), AfterValidator(_unique)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Media(_Strict):
    """One file, by its content. The name helps people and finds reference media; no proof."""

    sha256: Sha256
    name: Name | None = None


MediaList = Annotated[tuple[Media, ...], Field(min_length=1)]


class Signature(_Strict):
    """An Ed25519 signature over the canonical record without ``value``; both fields base64."""

    algorithm: Literal["Ed25519"]
    public_key: Annotated[str, Field(min_length=44, max_length=44)]
    value: Annotated[str, Field(min_length=88, max_length=88)]


class _Record(_Strict):
    """What all kinds have."""

    schema_: Literal["avsynth.consent/1"] = Field(alias="schema")
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    created: Time
    valid_from: Time
    expires: Time | None = None
    purposes: Purposes = (RESEARCH,)
    signature: Signature | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> _Record:
        if self.expires is not None and self.expires <= self.valid_from:
            raise ValueError("it expires before it starts")
        return self


class SubjectRecord(_Record):
    """A person allows the use of their face, their voice, or both, until a day that they name."""

    kind: Literal["subject"]
    person: Name
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=2), AfterValidator(_unique)]
    purposes: Purposes
    languages: Annotated[tuple[Language, ...], Field(min_length=1)] | None = None
    expires: Time
    references: MediaList


class Nearest(_Strict):
    """How far the synthetic person is from the nearest of the real ones that were compared.

    ``distance`` must exceed ``threshold``, below which ``measure`` calls two pictures one person.
    """

    distance: Annotated[float, Field(ge=0)]
    threshold: Annotated[float, Field(gt=0)]
    measure: Name
    compared: Annotated[int, Field(ge=1)]


class SyntheticRecord(_Record):
    """The person in the listed media does not exist."""

    kind: Literal["synthetic"]
    name: Name
    nearest: Nearest
    media: MediaList

    @model_validator(mode="after")
    def _is_nobody(self) -> SyntheticRecord:
        if self.nearest.distance <= self.nearest.threshold:
            raise ValueError("the nearest real person is within the threshold: this is somebody")
        return self


class DatasetRecord(_Record):
    """The listed media belong to a data set whose licence allows the purposes."""

    kind: Literal["dataset"]
    name: Name
    licence: Name
    media: MediaList

    @model_validator(mode="after")
    def _licence_allows(self) -> DatasetRecord:
        words = re.split(r"[^a-z]+", self.licence.lower())
        if COMMERCIAL in self.purposes and ("nc" in words or "noncommercial" in words):
            raise ValueError("a non-commercial licence does not allow the purpose commercial")
        return self


Record = SubjectRecord | SyntheticRecord | DatasetRecord
_ADAPTER: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])


def validate(document: dict[str, Any], path: Path | None = None) -> Record:
    """The typed record in a JSON object.

    Raises:
        ConsentError: the first thing that is wrong with it, in one line.
    """
    try:
        # Through JSON, because strictness has other rules for Python values than for JSON ones.
        return _ADAPTER.validate_json(canonical(document), strict=True)
    except ValidationError as problem:
        raise ConsentError(_first(problem, document), path) from problem
    except ValueError as problem:
        raise ConsentError(f"not a consent record: {problem}", path) from problem


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that the models imply."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':').replace('.', ':')}",
        "title": "avsynth consent record",
        **_ADAPTER.json_schema(),
    }


def published_schema() -> str:
    """The schema file as it is shipped."""
    return SCHEMA_FILE.read_text(encoding="utf-8")


def schema_text() -> str:
    """The text that the shipped file must have."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _first(problem: ValidationError, document: dict[str, Any]) -> str:
    error = problem.errors(include_url=False, include_input=False)[0]
    kind = plain(document.get("kind"), 40)
    # The first step of the place is the kind itself, by which the union was decided.
    place = ".".join(plain(part, 40) for part in error["loc"][1:])
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return f"unknown kind of consent record: {kind!r} (subject, synthetic or dataset)"
    if error["type"] == "extra_forbidden":
        return f"unknown key {place!r} in a {kind} record"
    if error["type"] == "missing":
        return f"a {kind} record needs {place!r}"
    message = plain(error["msg"].removeprefix("Value error, "))
    return f"{place}: {message}" if place else message
