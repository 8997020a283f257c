"""Consent that was taken back: signed lists, always looked at, and a broken one refuses all."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from avsynth.errors import ConsentError
from avsynth.provenance import trust
from avsynth.provenance.canonical import canonical, load_object
from avsynth.provenance.home import exists, home, locked, write_over
from avsynth.provenance.keys import (
    SigningKey,
    fingerprint_of,
    local_key,
    signature_holds,
)
from avsynth.provenance.records import Sha256, Signature, Time, format_time
from avsynth.provenance.text import plain

SCHEMA = "avsynth.revocations/1"


class Entry(BaseModel):
    """One record that is void from ``revoked`` on: by its id, and by its hash where it is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    sha256: Sha256 | None = None
    revoked: Time
    reason: Annotated[str, Field(max_length=500)] = ""


class RevocationList(BaseModel):
    """A signed list: whose record it takes back was settled when the entry was made."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_: Literal["avsynth.revocations/1"] = Field(alias="schema")
    updated: Time
    entries: tuple[Entry, ...]
    signature: Signature


@dataclass(frozen=True)
class Revocations:
    """All lists that count here, read and verified."""

    lists: tuple[RevocationList, ...]

    def find(self, record_id: str, sha256: str) -> Entry | None:
        """The entry that voids a record, if there is one, by the record's id or its hash.

        Whose key signed the file in hand makes no difference: a copy that somebody else has
        signed anew stays revoked.
        """
        for revocations in self.lists:
            for entry in revocations.entries:
                if entry.id == record_id or entry.sha256 == sha256:
                    return entry
        return None


def load(extra: Sequence[Path] = ()) -> Revocations:
    """Read every list in the avsynth folder and those given.

    Raises:
        ConsentError: one of them is missing, damaged, or signed by a key that is not trusted.
            Nothing is authorised until that is mended.
    """
    found = sorted(_folder().glob("*.json")) if _folder().is_dir() else []
    return Revocations(tuple(read(path) for path in [*found, *extra]))


def read(path: Path) -> RevocationList:
    """Read one list and verify it; ConsentError as for ``load``."""
    hint = "nothing is authorised until this list is mended"
    document = load_object(path, what="revocation list", error=ConsentError)
    if not signature_holds(document):
        raise ConsentError("the revocation list was changed, or is not signed", path, hint)
    try:
        revocations = RevocationList.model_validate_json(canonical(document), strict=True)
    except ValidationError as problem:
        raise ConsentError("the revocation list is damaged", path, hint) from problem
    if trust.name_of(revocations.signature.public_key) is None:
        raise ConsentError("the revocation list is signed by a key not trusted here", path, hint)
    return revocations


def revoke(
    record_id: str,
    sha256: str | None,
    reason: str = "",
    *,
    key: SigningKey | None = None,
    path: Path | None = None,
    signed_with: str | None = None,
) -> Path:
    """Add a record to a list and sign it anew.

    Args:
        record_id: of the record; sha256: its hash, when the record is at hand.
        reason: shown to whoever tries to use it.
        key: default this machine's own.
        path: default this machine's list, which is always looked at; another one is for handing
            out to those who hold the record, and takes only what the same key signed.
        signed_with: public key that signed the record, when the record is at hand.

    Returns the list's path.

    Raises:
        ConsentError: the list is damaged or another key's; or the record is, and the list is for
            handing out.
    """
    key = key or local_key()
    if path is not None and signed_with not in (None, key.public):
        raise ConsentError(
            "a list to hand out takes back only what its own key signed",
            path,
            "leave out --list to refuse the record on this machine",
        )
    path = path or _folder() / "own.json"
    now = format_time(dt.datetime.now(dt.UTC))
    entry = Entry(id=record_id, sha256=sha256, revoked=now, reason=plain(reason, 500))
    with locked(path):
        entries = _own_entries(path, key) if exists(path) else []
        if not any(e.id == entry.id and e.sha256 == entry.sha256 for e in entries):
            entries.append(entry)
        document = {
            "schema": SCHEMA,
            "updated": now,
            "entries": [e.model_dump() for e in entries],
        }
        text = json.dumps(key.sign(document), indent=2, ensure_ascii=False)
        write_over(path, text.encode())
    return path


def subscribe(path: Path) -> Path:
    """Copy somebody's list into the avsynth folder, so that it is always looked at.

    Returns where it lies. A newer list of the same signer replaces the older one.
    """
    revocations = read(path)
    name = fingerprint_of(revocations.signature.public_key)[:16]
    target = _folder() / f"{name}.json"
    with locked(target):
        if target.exists() and read(target).updated > revocations.updated:
            raise ConsentError("older than the list of the same signer that is here already", path)
        text = json.dumps(revocations.model_dump(by_alias=True), indent=2, ensure_ascii=False)
        write_over(target, text.encode())
    return target


def _own_entries(path: Path, key: SigningKey) -> list[Entry]:
    document = load_object(path, what="revocation list", error=ConsentError)
    if not signature_holds(document) or document["signature"]["public_key"] != key.public:
        raise ConsentError("the revocation list was changed, or is another key's", path)
    try:
        return list(RevocationList.model_validate_json(canonical(document)).entries)
    except ValidationError as problem:
        raise ConsentError("the revocation list is damaged", path) from problem


def _folder() -> Path:
    return home() / "revocations"
