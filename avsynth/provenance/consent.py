"""Consent records as files: made, signed, loaded, and asked whether they allow a piece of work."""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from avsynth.errors import ConsentError, InputError
from avsynth.media import sha256_file
from avsynth.provenance import identity, revocation, trust
from avsynth.provenance.canonical import load_object, sha256_of
from avsynth.provenance.home import write_over
from avsynth.provenance.identity import IdentityEmbedder
from avsynth.provenance.keys import SigningKey, fingerprint_of, local_key, signature_holds
from avsynth.provenance.manifest import Consent
from avsynth.provenance.records import (
    COMMERCIAL,
    RESEARCH,
    SCHEMA,
    DatasetRecord,
    Nearest,
    Record,
    Scope,
    SubjectRecord,
    SyntheticRecord,
    format_time,
    parse_time,
    validate,
)
from avsynth.provenance.text import plain


@dataclass(frozen=True)
class ConsentFile:
    """A record with the JSON object it was read from (which is what is signed), and its place."""

    record: Record
    document: dict[str, Any]
    path: Path | None = None

    @property
    def sha256(self) -> str:
        """Hash of the canonical record, its signature included: what credentials cite."""
        return sha256_of(self.document)


@dataclass(frozen=True)
class Authorisation:
    """What a record allows for one media file.

    Attributes:
        label: "research" when the output must carry the visible label, else None.
        commercial: whether the work is for a commercial purpose.
        allows_research_weights: False for a commercial purpose.
        identity: "listed" (the record names this very file), "matched" (the same person as in the
            reference media), "bound" (made under this very record), "not checked".
        signer, signed_by: fingerprint of the key, and the name under which it is trusted here.
        reasons: for the report, in plain words.
    """

    record_id: str
    record_sha256: str
    kind: str
    media_sha256: str
    scope: Scope
    purposes: tuple[str, ...]
    label: str | None
    commercial: bool
    allows_research_weights: bool
    identity: str
    signer: str
    signed_by: str
    reasons: tuple[str, ...]

    @property
    def consent(self) -> Consent:
        """What goes into the Content Credentials."""
        return Consent(self.record_sha256, self.record_id, self.kind, self.label)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, for the job's report."""
        return asdict(self)


def new_subject(
    person: str,
    scopes: Sequence[Scope],
    references: Sequence[Path],
    expires: dt.datetime,
    purposes: Sequence[str],
    *,
    languages: Sequence[str] | None = None,
    valid_from: dt.datetime | None = None,
) -> ConsentFile:
    """An unsigned record in which ``person`` allows the use of face, voice or both.

    Raises ConsentError for what the schema forbids, InputError for an unreadable reference file.
    """
    extra = {} if languages is None else {"languages": list(languages)}
    return _new(
        "subject",
        {
            "person": person,
            "scopes": list(scopes),
            "references": _media(references),
            **extra,
        },
        purposes,
        valid_from,
        expires,
    )


def new_synthetic(
    name: str,
    media: Sequence[Path],
    nearest: Nearest,
    purposes: Sequence[str] = (),
    *,
    valid_from: dt.datetime | None = None,
    expires: dt.datetime | None = None,
) -> ConsentFile:
    """An unsigned record which states that the person in ``media`` does not exist."""
    return _new(
        "synthetic",
        {
            "name": name,
            "nearest": nearest.model_dump(),
            "media": _media(media),
        },
        purposes,
        valid_from,
        expires,
    )


def new_dataset(
    name: str,
    licence: str,
    media: Sequence[Path],
    purposes: Sequence[str] = (),
    *,
    valid_from: dt.datetime | None = None,
    expires: dt.datetime | None = None,
) -> ConsentFile:
    """An unsigned record which covers exactly the files ``media`` of a data set."""
    return _new(
        "dataset",
        {
            "name": name,
            "licence": licence,
            "media": _media(media),
        },
        purposes,
        valid_from,
        expires,
    )


def sign(consent: ConsentFile, key: SigningKey | None = None) -> ConsentFile:
    """The record signed with ``key`` (default: this machine's own).

    Raises ConsentError for a record that is signed: it would then say another person agreed.
    """
    if consent.record.signature is not None:
        raise ConsentError(
            "the consent record is signed already",
            consent.path,
            "its signature stays; for another one make a new record: avsynth consent new",
        )
    document = (key or local_key()).sign(consent.document)
    return ConsentFile(validate(document, consent.path), document, consent.path)


def save(consent: ConsentFile, path: Path) -> ConsentFile:
    """Write the record as readable JSON, in one step; ResourceError where that is not possible."""
    text = json.dumps(consent.document, indent=2, ensure_ascii=False) + "\n"
    write_over(path, text.encode())
    return ConsentFile(consent.record, consent.document, path)


def load(path: Path) -> ConsentFile:
    """Read a record. Its signature is not looked at yet (``authorise`` and ``check`` do).

    Raises ConsentError: missing, hostile or malformed JSON, unknown kind, unknown or missing keys.
    """
    document = load_object(path, what="consent record", error=ConsentError)
    return ConsentFile(validate(document, path), document, path)


def verify_signature(consent: ConsentFile) -> str:
    """Check that the record is signed and unchanged; returns the public key that did it.

    Raises ConsentError: unsigned, or changed after it was signed.
    """
    signature = consent.record.signature
    if signature is None:
        raise ConsentError("the consent record is not signed", consent.path, "avsynth consent sign")
    if not signature_holds(consent.document):
        raise ConsentError("the consent record was changed after it was signed", consent.path)
    return signature.public_key


def check(
    consent: ConsentFile, *, now: dt.datetime | None = None, revocations: Sequence[Path] = ()
) -> str:
    """Check all that does not depend on the work; returns the name under which the key is trusted.

    Args:
        consent: the record.
        now: aware; default the clock's time.
        revocations: lists to look at beside those in the avsynth folder.

    Raises ConsentError: unsigned, changed, signed by a key not trusted here, revoked, expired,
    not yet valid; or a list (of trust, of revocations) is damaged.
    """
    record, path = consent.record, consent.path
    key = verify_signature(consent)
    signed_by = trust.name_of(key)
    if signed_by is None:
        raise ConsentError(
            f"signed with a key that is not trusted here: {fingerprint_of(key)[:16]}",
            path,
            "confirm the fingerprint with the signer, then: avsynth consent trust add",
        )
    entry = revocation.load(revocations).find(record.id, consent.sha256)
    if entry is not None:
        why = f": {entry.reason}" if entry.reason else ""
        raise ConsentError(f"this consent was revoked on {entry.revoked[:10]}{plain(why)}", path)
    moment = now or dt.datetime.now(dt.UTC)
    if record.expires is not None and moment >= parse_time(record.expires):
        raise ConsentError(f"this consent expired on {record.expires}", path)
    if moment < parse_time(record.valid_from):
        raise ConsentError(f"this consent is not valid before {record.valid_from}", path)
    return signed_by


def authorise(
    consent: ConsentFile | Path,
    media: Path | str,
    scope: Scope,
    purpose: str | None = None,
    *,
    language: str | None = None,
    now: dt.datetime | None = None,
    revocations: Sequence[Path] = (),
    references: Sequence[Path] = (),
    embedders: Sequence[IdentityEmbedder] | None = None,
    made_under: str | None = None,
) -> Authorisation:
    """Ask a record whether it allows to make a face or a voice from a media file.

    Args:
        consent: the record or its path.
        media: the file, or its SHA-256 when that is known already (then the identity under a
            subject's record cannot be compared).
        scope: "face" or "voice".
        purpose: what the work is for; default all purposes of the record.
        language: of the new speech, such as "de"; needed where a subject's record limits
            languages.
        now: as for ``check``.
        revocations: as for ``check``.
        references: the subject's reference media; those of the right hash beside the record are
            found without.
        embedders: what compares identities; default those that are installed.
        made_under: hash of the consent record under which the file says it was made, as a stored
            voice does: then that very record covers it, and no other.

    Raises:
        ConsentError: it does not, for the reason in the message.
        InputError: the media file cannot be read.
    """
    consent = load(consent) if isinstance(consent, Path) else consent
    signed_by = check(consent, now=now, revocations=revocations)
    record, path = consent.record, consent.path
    purposes = _purposes(record, purpose, path)
    sha256 = media if isinstance(media, str) else sha256_file(media)
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise InputError(f"not a SHA-256: {plain(sha256, 80)!r}")
    if isinstance(record, SubjectRecord):
        _subject_allows(record, scope, language, path)
    place = None if isinstance(media, str) else media
    if made_under is not None:
        found, reason = "bound", _bound(consent, made_under, place)
    elif isinstance(record, SubjectRecord):
        found, reason = identity.compare(
            record,
            sha256,
            place,
            scope,
            beside=path,
            references=references,
            embedders=embedders,
        )
    else:
        found, reason = "listed", _listed(record, sha256, place)
    commercial = COMMERCIAL in purposes
    assert record.signature is not None  # check() has seen to it
    return Authorisation(
        record_id=record.id,
        record_sha256=consent.sha256,
        kind=record.kind,
        media_sha256=sha256,
        scope=scope,
        purposes=purposes,
        label=RESEARCH if record.kind == "dataset" else None,
        commercial=commercial,
        allows_research_weights=not commercial,
        identity=found,
        signer=fingerprint_of(record.signature.public_key),
        signed_by=signed_by,
        reasons=(reason, *_remarks(record, signed_by, commercial)),
    )


def _purposes(record: Record, purpose: str | None, path: Path | None) -> tuple[str, ...]:
    if purpose is None:
        return record.purposes
    if purpose not in record.purposes:
        allowed = ", ".join(record.purposes)
        raise ConsentError(f"consent for {allowed}, not for {plain(purpose, 40)!r}", path)
    return (purpose,)


def _bound(consent: ConsentFile, made_under: str, media: Path | None) -> str:
    if made_under != consent.sha256:
        raise ConsentError(
            f"was made under another consent record ({plain(made_under, 12)}...)",
            media,
            "use it under that record, or make it again under this one",
        )
    return "it was made under this very record"


def _listed(record: SyntheticRecord | DatasetRecord, sha256: str, media: Path | None) -> str:
    if sha256 not in {m.sha256 for m in record.media}:
        raise ConsentError(
            "the consent record does not cover this file",
            media,
            f"{record.kind} record {plain(record.name, 60)!r}",
        )
    return f"the {record.kind} record {plain(record.name, 60)!r} lists this file"


def _subject_allows(
    record: SubjectRecord, scope: Scope, language: str | None, path: Path | None
) -> None:
    if scope not in record.scopes:
        raise ConsentError(f"consent for the {' and '.join(record.scopes)}, not the {scope}", path)
    if record.languages is None:
        return
    allowed = ", ".join(record.languages)
    if language is None:
        raise ConsentError(
            f"consent for {allowed} only, and the language of the new speech is not given",
            path,
            f"pass --language, such as --language {record.languages[0]}",
        )
    # "de" allows "de-AT"; "de-AT" does not allow "de".
    if not any(f"{language}-".startswith(f"{allow}-") for allow in record.languages):
        raise ConsentError(f"consent for {allowed}, not for {plain(language, 40)!r}", path)


def _remarks(record: Record, signed_by: str, commercial: bool) -> list[str]:
    remarks = [f"signed by {plain(signed_by)}"]
    if signed_by == trust.THIS_MACHINE:
        remarks = ["signed with this machine's own key: it is the operator's word"]
    if record.kind == "dataset":
        remarks.append("output under a dataset record carries the visible research label")
    if commercial:
        remarks.append("a commercial purpose excludes research-only weights")
    return remarks


def _new(
    kind: str,
    content: dict[str, Any],
    purposes: Sequence[str],
    valid_from: dt.datetime | None,
    expires: dt.datetime | None,
) -> ConsentFile:
    now = dt.datetime.now(dt.UTC)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "id": secrets.token_hex(16),
        "kind": kind,
        "created": format_time(now),
        "valid_from": format_time(valid_from or now),
        **({} if expires is None else {"expires": format_time(expires)}),
        "purposes": list(purposes) or [RESEARCH],
        **content,
    }
    return ConsentFile(validate(document), document)


def _media(paths: Sequence[Path]) -> list[dict[str, str]]:
    return [{"sha256": sha256_file(p), "name": plain(p.name)} for p in paths]
