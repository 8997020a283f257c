"""Ed25519 keys: who signed a consent record, a trust list or a revocation list."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from avsynth.errors import InputError
from avsynth.provenance.canonical import canonical
from avsynth.provenance.home import exists, home, write_new

ALGORITHM = "Ed25519"
_MAX_PEM = 64 * 2**10


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 private key, with the public half as it is written into records."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> str:
        """The public key: 32 bytes, base64."""
        return base64.b64encode(self.private.public_key().public_bytes_raw()).decode()

    @property
    def fingerprint(self) -> str:
        """The public key's fingerprint, see ``fingerprint_of``."""
        return fingerprint_of(self.public)

    def sign(self, document: dict[str, Any]) -> dict[str, Any]:
        """A copy of ``document`` with the member ``signature`` set.

        The signature covers the canonical form of everything but its own value: the public key
        and the algorithm are covered too.
        """
        signature = {"algorithm": ALGORITHM, "public_key": self.public}
        unsigned = {**document, "signature": signature}
        value = base64.b64encode(self.private.sign(canonical(unsigned))).decode()
        return {**document, "signature": {**signature, "value": value}}

    def pem(self) -> bytes:
        """The private key as unencrypted PKCS #8 PEM."""
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def local_key() -> SigningKey:
    """This machine's (the operator's) key, made on first use in the avsynth folder, mode 0600.

    Raises:
        InputError: the file is there but is not a key.
        ResourceError: the folder cannot be written.
    """
    path = _local_path()
    if not exists(path):
        write_new(path, SigningKey(Ed25519PrivateKey.generate()).pem())
    return load_key(path)


def local_public() -> str | None:
    """The public half of this machine's key (base64); None, and nothing made, before first use."""
    path = _local_path()
    return load_key(path).public if exists(path) else None


def _local_path() -> Path:
    return home() / "consent-key.pem"


def load_key(path: Path) -> SigningKey:
    """Read an Ed25519 private key in PEM.

    Raises:
        InputError: missing, unreadable, not a private key, under a password, another algorithm.
    """
    pem = read_pem(path, "key")
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError as problem:
        raise InputError("the key is under a password", path, "give one without") from problem
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise InputError("not a private key in PEM", path) from problem
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError("not an Ed25519 key", path, "openssl genpkey -algorithm ed25519 makes one")
    return SigningKey(key)


def read_pem(path: Path, what: str) -> bytes:
    """The bytes of a small PEM file; InputError when it cannot be read or is no such file."""
    try:
        with path.open("rb") as file:
            pem = file.read(_MAX_PEM + 1)
    except OSError as problem:
        raise InputError(f"cannot read the {what}: {problem.strerror}", path) from problem
    if len(pem) > _MAX_PEM or b"-----BEGIN" not in pem:
        raise InputError(f"not a {what} in PEM", path)
    return pem


def fingerprint_of(public_key: str) -> str:
    """SHA-256 of the 32 key bytes, 64 hexadecimal digits: what two people read to each other.

    Raises ValueError unless ``public_key`` is 32 bytes in base64.
    """
    return hashlib.sha256(_decode(public_key, 32)).hexdigest()


def signature_holds(document: dict[str, Any]) -> bool:
    """Whether ``document["signature"]`` was made by its own public key over the rest.

    False for a missing, malformed or wrong signature. Says nothing about whose key it is.
    """
    signature = document.get("signature")
    if not isinstance(signature, dict) or signature.get("algorithm") != ALGORITHM:
        return False
    unsigned = {
        **document,
        "signature": {k: v for k, v in signature.items() if k != "value"},
    }
    try:
        key = Ed25519PublicKey.from_public_bytes(_decode(signature.get("public_key"), 32))
        key.verify(_decode(signature.get("value"), 64), canonical(unsigned))
    except (InvalidSignature, ValueError):
        return False
    return True


def _decode(text: Any, length: int) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as problem:
        raise ValueError("not base64") from problem
    if len(data) != length or base64.b64encode(data).decode() != text:
        raise ValueError(f"not {length} bytes in base64")
    return data
