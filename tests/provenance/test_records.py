"""The record's schema: what is in it, what is refused, and that the published file matches."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avsynth.errors import ConsentError
from avsynth.provenance import consent
from avsynth.provenance.records import (
    DatasetRecord,
    Nearest,
    published_schema,
    schema_text,
    validate,
)

MakeMedia = Callable[..., Path]
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=30)
NEAREST = Nearest(distance=0.8, threshold=0.5, measure="dlib face", compared=9)


def documents(make_media: MakeMedia) -> dict[str, dict[str, Any]]:
    media = [make_media("a.png")]
    return {
        "subject": consent.new_subject("Jane", ["face"], media, LATER, ["commercial"]).document,
        "synthetic": consent.new_synthetic("Nobody", media, NEAREST).document,
        "dataset": consent.new_dataset("GRID", "CC-BY-4.0", media).document,
    }


def test_the_published_schema_is_that_of_the_models() -> None:
    assert published_schema() == schema_text()


def test_the_schema_forbids_unknown_keys_everywhere() -> None:
    schema = json.loads(published_schema())
    objects = [d for d in schema["$defs"].values() if d["type"] == "object"]
    assert len(objects) >= 6
    assert all(d["additionalProperties"] is False for d in objects)


def test_purposes_are_research_when_none_is_given(make_media: MakeMedia) -> None:
    made = documents(make_media)
    assert made["dataset"]["purposes"] == ["research"]
    without = {k: v for k, v in made["dataset"].items() if k != "purposes"}
    record = validate(without)
    assert isinstance(record, DatasetRecord) and record.purposes == ("research",)
    with pytest.raises(ConsentError, match="needs 'purposes'"):
        validate({k: v for k, v in made["subject"].items() if k != "purposes"})


@pytest.mark.parametrize(
    ("kind", "change", "line"),
    [
        ("dataset", {"kind": "carte blanche"}, "unknown kind of consent record: 'carte blanche'"),
        ("dataset", {"kind": None}, "unknown kind"),
        ("dataset", {"allow_all": True}, "unknown key 'allow_all'"),
        ("dataset", {"media": []}, "media: "),
        ("dataset", {"media": [{"sha256": "00", "name": "a"}]}, "media.0.sha256"),
        ("dataset", {"media": [{"sha256": "A" * 64}]}, "media.0.sha256"),
        ("dataset", {"media": [{"sha256": "0" * 64, "any": 1}]}, "unknown key 'media.0.any'"),
        ("dataset", {"schema": "avsynth.consent/2"}, "schema"),
        ("dataset", {"purposes": ["Research"]}, "purposes.0"),
        ("dataset", {"purposes": []}, "purposes"),
        ("dataset", {"purposes": ["a", "a"]}, "same value twice"),
        ("dataset", {"purposes": "research"}, "purposes"),
        ("dataset", {"expires": "tomorrow"}, "expires"),
        ("dataset", {"expires": "2026-02-30T00:00:00Z"}, "not a time in UTC"),
        ("dataset", {"expires": 4102444800}, "expires"),
        ("dataset", {"expires": "2020-01-01T00:00:00Z"}, "expires before it starts"),
        ("dataset", {"licence": "CC BY-NC 4.0", "purposes": ["commercial"]}, "non-commercial"),
        ("dataset", {"id": "1"}, "id"),
        ("dataset", {"name": ""}, "name"),
        ("subject", {"scopes": ["soul"]}, "scopes.0"),
        ("subject", {"scopes": []}, "scopes"),
        ("subject", {"references": []}, "references"),
        ("subject", {"expires": None}, "expires"),
        ("subject", {"languages": ["English please"]}, "languages.0"),
        ("synthetic", {"nearest": {**NEAREST.model_dump(), "distance": 0.4}}, "this is somebody"),
        ("synthetic", {"nearest": {**NEAREST.model_dump(), "distance": "0.9"}}, "distance"),
        ("synthetic", {"nearest": {**NEAREST.model_dump(), "compared": 0}}, "compared"),
        ("synthetic", {"signature": {"algorithm": "none"}}, "signature"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    make_media: MakeMedia, kind: str, change: dict[str, Any], line: str
) -> None:
    document = {**documents(make_media)[kind], **change}
    with pytest.raises(ConsentError) as caught:
        validate(document)
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_hostile_text_in_a_record_is_not_echoed_raw(make_media: MakeMedia) -> None:
    document = {**documents(make_media)["dataset"], "kind": "\x1b[31m\n" + "x" * 10_000}
    with pytest.raises(ConsentError) as caught:
        validate(document)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 200
