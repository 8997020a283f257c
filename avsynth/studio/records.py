"""The third tab's work: consent records made, signed and read, as the command line does it."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from avsynth.errors import AvsynthError, ConsentError, UsageError
from avsynth.provenance import consent as consents
from avsynth.provenance import keys, trust
from avsynth.provenance.records import (
    DatasetRecord,
    Nearest,
    Scope,
    SubjectRecord,
    SyntheticRecord,
    validate,
)
from avsynth.provenance.text import plain
from avsynth.studio.files import LARGEST_RECORD
from avsynth.studio.store import Store, Upload
from avsynth.studio.told import told
from detectors.report.visible import visible


class NewRecord(BaseModel):
    """What ``consent new`` asks for; days are UTC. ``media`` are uploads."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["subject", "synthetic", "dataset"]
    name: str
    media: list[str]
    purposes: list[str] = []
    scopes: list[Scope] = []
    languages: list[str] = []
    licence: str | None = None
    distance: float | None = None
    threshold: float | None = None
    measure: str | None = None
    compared: int | None = None
    valid_from: dt.date | None = None
    expires: dt.date | None = None


def make(asked: NewRecord, store: Store) -> Upload:
    """An unsigned record, kept among the uploads.

    Raises:
        UsageError, ConsentError: what is missing, or cannot be.
    """
    media = [store.get(each) for each in asked.media]
    if not media:
        raise UsageError("no media: name the files that it covers")
    made = _made(asked, media)
    # The names on the disk are ours; people look for theirs. Equal files are named once.
    listed = {each.sha256: {"sha256": each.sha256, "name": plain(each.name)} for each in media}
    member = "references" if asked.kind == "subject" else "media"
    document = {**made.document, member: list(listed.values())}
    made = consents.ConsentFile(validate(document), document)
    return _keep(made, f"consent-{made.record.id[:8]}.json", store)


def _made(asked: NewRecord, media: list[Upload]) -> consents.ConsentFile:
    paths = [each.path for each in media]
    begins, ends = _midnight(asked.valid_from), _midnight(asked.expires)
    if asked.kind == "subject":
        if ends is None:
            raise UsageError("a person's record needs the day on which it expires")
        return consents.new_subject(
            asked.name, asked.scopes, paths, ends, _needed(asked.purposes, "purposes"),
            languages=asked.languages or None, valid_from=begins,
        )  # fmt: skip
    if asked.kind == "synthetic":
        nearest = Nearest.model_construct(
            **{
                each: _needed(getattr(asked, each), each)
                for each in ("distance", "threshold", "measure", "compared")
            }
        )
        return consents.new_synthetic(
            asked.name, paths, nearest, asked.purposes, valid_from=begins, expires=ends
        )
    licence = _needed(asked.licence, "licence")
    return consents.new_dataset(
        asked.name, licence, paths, asked.purposes, valid_from=begins, expires=ends
    )


def sign(record: Upload, store: Store) -> Upload:
    """The record signed with this machine's own key, beside the unsigned one.

    Raises:
        ConsentError: it is no record, or signed already.
    """
    return _keep(consents.sign(_load(record)), record.name, store)


def read(record: Upload) -> dict[str, Any]:
    """What a record says and whether it holds here, JSON-ready.

    ``line`` says who signed it and that it is valid, or why it is not; ``state`` is "valid",
    "unsigned" or "refused".
    """
    loaded = _load(record)
    found = loaded.record
    signature = found.signature
    state, line, signed_by = "valid", "", None
    try:
        signed_by = consents.check(loaded)
        line = f"Valid, signed by {plain(signed_by)}"
    except AvsynthError as error:
        state, line = "refused" if signature else "unsigned", told(error, {})
    ours = signature is not None and signature.public_key == keys.local_public()
    return {
        "upload": record.as_dict(), "state": state, "line": line,
        "signer": signature and keys.fingerprint_of(signature.public_key),
        "trusted_as": signed_by if signed_by else signature and _trusted_as(signature.public_key),
        "ours": ours, "id": found.id, "kind": found.kind, "record_sha256": loaded.sha256,
        "purposes": found.purposes, "created": found.created, "valid_from": found.valid_from,
        "expires": found.expires, **_particular(found),
    }  # fmt: skip


def own_key() -> str | None:
    """Fingerprint of this machine's key; None before it was first needed."""
    public = keys.local_public()
    return None if public is None else keys.fingerprint_of(public)


def _particular(record: Any) -> dict[str, Any]:
    """What only one kind of record has, under common names."""
    media = record.references if isinstance(record, SubjectRecord) else record.media
    more: dict[str, Any] = {}
    if isinstance(record, SubjectRecord):
        more = {"about": record.person, "scopes": record.scopes, "languages": record.languages}
    elif isinstance(record, DatasetRecord):
        more = {"about": record.name, "licence": visible(record.licence)}
    elif isinstance(record, SyntheticRecord):
        near = record.nearest
        more = {
            "about": record.name,
            "nearest": f"{near.distance:g}, limit {near.threshold:g}, by {visible(near.measure)}, "
            f"{near.compared} people compared",
        }
    names = [visible(each.name or each.sha256[:16]) for each in media]
    return {**more, "about": visible(more["about"]), "media": names[:50], "listed": len(names)}


def _trusted_as(public_key: str) -> str | None:
    try:
        return trust.name_of(public_key)
    except AvsynthError:  # a damaged list; the line says so
        return None


def _load(record: Upload) -> consents.ConsentFile:
    if record.size > LARGEST_RECORD:
        raise UsageError("too large for a consent record", record.name)
    try:
        return consents.load(record.path)
    except ConsentError as error:
        raise ConsentError(error.what, record.name, error.hint) from error


def _keep(made: consents.ConsentFile, name: str, store: Store) -> Upload:
    text = json.dumps(made.document, indent=2, ensure_ascii=False) + "\n"
    return store.put(name, text.encode())


def _midnight(day: dt.date | None) -> dt.datetime | None:
    return None if day is None else dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def _needed(value: Any, what: str) -> Any:
    if value is None or value in ("", []):
        raise UsageError(f"this kind of record needs: {what}")
    return value
