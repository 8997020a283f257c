"""Whose signatures this machine believes: its own, and keys that its user has confirmed."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from avsynth.errors import ConsentError, UsageError
from avsynth.provenance.canonical import load_object
from avsynth.provenance.home import exists, home, locked, write_over
from avsynth.provenance.keys import fingerprint_of, local_key, local_public, signature_holds
from avsynth.provenance.records import format_time
from avsynth.provenance.text import plain

SCHEMA = "avsynth.trust/1"
THIS_MACHINE = "this machine"


@dataclass(frozen=True)
class TrustedKey:
    """A public key (base64) that the user has confirmed, under the name that they gave it."""

    public_key: str
    name: str
    added: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the key, 64 hexadecimal digits."""
        return fingerprint_of(self.public_key)


def trusted() -> tuple[TrustedKey, ...]:
    """The keys on the trust list, this machine's own not among them.

    Raises ConsentError when the list is damaged, or was not written by this machine.
    """
    path = _path()
    if not exists(path):
        return ()
    document = load_object(path, what="trust list", error=ConsentError)
    return tuple(_keys(document, path))


def name_of(public_key: str) -> str | None:
    """By what name this machine trusts a key: "this machine", a given name, or None: not at all."""
    if public_key == local_public():
        return THIS_MACHINE
    return next((k.name for k in trusted() if k.public_key == public_key), None)


def add(public_key: str, name: str) -> TrustedKey:
    """Put a key on the trust list, after its owner has confirmed the fingerprint.

    Raises UsageError for what is no key or no name; ConsentError for a damaged list.
    """
    try:
        fingerprint_of(public_key)
    except ValueError as problem:
        raise UsageError(f"not a public key: {problem}") from problem
    if plain(name) in ("", THIS_MACHINE):
        raise UsageError("a trusted key needs a name of its own")
    key = TrustedKey(public_key, plain(name), format_time(dt.datetime.now(dt.UTC)))
    with locked(_path()):
        _write([*(k for k in trusted() if k.public_key != public_key), key])
    return key


def remove(fingerprint: str) -> TrustedKey:
    """Take a key off the list, by the beginning of its fingerprint (8 digits at least).

    Raises UsageError unless exactly one key matches.
    """
    with locked(_path()):
        keys = trusted()
        found = [k for k in keys if k.fingerprint.startswith(fingerprint.lower())]
        if len(fingerprint) < 8 or len(found) != 1:
            raise UsageError(f"{len(found)} trusted keys begin with {plain(fingerprint)!r}")
        _write([k for k in keys if k != found[0]])
    return found[0]


def _path() -> Path:
    return home() / "trust.json"


def _write(keys: list[TrustedKey]) -> None:
    document = {"schema": SCHEMA, "keys": [asdict(k) for k in keys]}
    text = json.dumps(local_key().sign(document), indent=2, ensure_ascii=False)
    write_over(_path(), text.encode(), private=True)


def _keys(document: dict[str, Any], path: Path) -> list[TrustedKey]:
    hint = "move it away and confirm the keys again"
    if not signature_holds(document) or document["signature"]["public_key"] != local_public():
        raise ConsentError("the trust list was not written by this machine", path, hint)
    try:
        if document["schema"] != SCHEMA:
            raise ValueError("another schema")
        keys = [TrustedKey(**entry) for entry in document["keys"]]
        if not all(key.fingerprint and isinstance(key.name, str) for key in keys):
            raise ValueError("a key without a name")
        return keys
    except (KeyError, TypeError, ValueError) as problem:
        raise ConsentError("the trust list is damaged", path, hint) from problem
