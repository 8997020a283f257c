"""X.509 for Content Credentials: the local chain, made on first use, and real ones from files."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from avsynth.errors import InputError, UsageError
from avsynth.provenance.chain import make_chain
from avsynth.provenance.home import home, write_new, write_over
from avsynth.provenance.keys import read_pem

_LOCAL = "local-[0-9][0-9][0-9][0-9].pem"
_RENEW = dt.timedelta(days=30)
# Extended key usages under which C2PA lets a certificate sign: e-mail, documents, C2PA claims.
_USAGES = {
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),
    x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1"),
}
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class Signer:
    """What signs Content Credentials.

    Attributes:
        chain: PEM, the leaf first, then the certificates above it.
        key: the leaf's private key, PKCS #8 PEM.
        algorithm: as C2PA names it: es256, es384, es512, ed25519, ps256.
        name: the leaf's common name or organisation.
        serial: the leaf's serial number, decimal.
        local: True for the chain that this machine made for itself.
    """

    chain: bytes
    key: bytes
    algorithm: str
    name: str
    serial: str
    local: bool

    @property
    def anchor(self) -> str:
        """The topmost certificate of the chain, PEM."""
        return _split(self.chain)[-1]


def local_signer() -> Signer:
    """This machine's own chain (root, leaf; ES256), made on first use, mode 0600.

    The root's key is thrown away as soon as the leaf is signed: nothing else can ever be issued
    under that root. A month before the chain ends a new one is made; old roots stay anchors.

    Raises:
        InputError: the file is there but damaged.
        ResourceError: the folder cannot be written.
    """
    folder = home() / "certificates"
    now = dt.datetime.now(dt.UTC)
    newest = max(folder.glob(_LOCAL), default=None) if folder.is_dir() else None
    if newest is not None:
        signer, leaf = _parse(newest, read_pem(newest, "certificate"), None, local=True)
        if now < leaf.not_valid_after_utc - _RENEW:
            return signer
    # The name is the same for all who start in this generation, so only one of them wins.
    generation = 1 if newest is None else int(newest.stem.rpartition("-")[2]) + 1
    path = folder / f"local-{generation:04d}.pem"
    return _parse(path, write_new(path, make_chain(now)), None, local=True)[0]


def load_signer(cert: Path, key: Path) -> Signer:
    """A signer from PEM files, as a certificate authority hands them out.

    Args:
        cert: the leaf first, then every certificate above it.
        key: the leaf's private key, without a password.

    Raises:
        InputError: a file is missing, unreadable or not PEM of that kind.
        UsageError: the two do not belong together, or C2PA does not accept such a certificate
            (self-signed, expired, not yet valid, wrong usage, weak key, chain out of order).
    """
    return _parse(cert, read_pem(cert, "certificate"), (key, read_pem(key, "key")), local=False)[0]


def anchors() -> tuple[str, ...]:
    """PEM of every root that this machine trusts: its own, then ``certificates/trusted/*.pem``.

    Raises InputError when one of the files is damaged.
    """
    found = [root for root, _ in local_roots()]
    for path in sorted((home() / "certificates" / "trusted").glob("*.pem")):
        for pem in _split(read_pem(path, "certificate")):
            _certificate(pem.encode(), path)
            found.append(pem)
    return tuple(found)


def trust_root(path: Path) -> Path:
    """Trust the certificates in a PEM file as roots from now on; returns the copy's path.

    Raises InputError when the file holds no certificate, or a damaged one.
    """
    blocks = _split(read_pem(path, "certificate"))
    if not blocks:
        raise InputError("holds no certificate", path)
    for block in blocks:
        _certificate(block.encode(), path)
    pem = "".join(blocks).encode()
    copy = home() / "certificates" / "trusted" / f"{hashlib.sha256(pem).hexdigest()[:16]}.pem"
    write_over(copy, pem)
    return copy


def local_roots() -> list[tuple[str, str]]:
    """This machine's own roots, each as PEM with the serial number (decimal) of the leaf under it.

    Raises InputError when one of the files is damaged.
    """
    found = []
    for path in sorted((home() / "certificates").glob(_LOCAL)):
        chain = _split(read_pem(path, "certificate"))
        if len(chain) != 2:
            raise InputError("not a local certificate chain", path, "move it away")
        found.append((chain[1], str(_certificate(chain[0].encode(), path).serial_number)))
    return found


def _parse(
    path: Path, pem: bytes, key: tuple[Path, bytes] | None, *, local: bool
) -> tuple[Signer, x509.Certificate]:
    chain = [_certificate(part.encode(), path) for part in _split(pem)]
    if not chain:
        raise InputError("holds no certificate", path)
    key_path, key_pem = key or (path, pem)
    private = _private_key(key_path, key_pem)
    leaf = chain[0]
    if private.public_key() != _public_key(leaf, path):
        raise UsageError(
            "the key does not belong to the certificate", key_path, f"the first one in {path.name}"
        )
    algorithm = _algorithm(private, key_path)
    _check_leaf(leaf, path)
    _check_order(chain, path)
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    names += leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    signer = Signer(
        chain="".join(_split(pem)).encode(),
        key=private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        algorithm=algorithm,
        name=str(names[0].value) if names else "a signer without a name",
        serial=str(leaf.serial_number),
        local=local,
    )
    return signer, leaf


def _split(pem: bytes) -> list[str]:
    block = rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----"
    return [part.decode("ascii", "replace") + "\n" for part in re.findall(block, pem)]


def _certificate(pem: bytes, path: Path) -> x509.Certificate:
    try:
        found = x509.load_pem_x509_certificate(pem)
        _ = found.subject, found.issuer  # read when they are asked for: damage shows then
        return found
    except (ValueError, x509.InvalidVersion) as problem:
        raise InputError("not a certificate in PEM", path) from problem


def _public_key(certificate: x509.Certificate, path: Path) -> CertificatePublicKeyTypes:
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise InputError("a certificate with a key of no known kind", path) from problem


_PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def _private_key(path: Path, pem: bytes) -> _PrivateKey:
    blocks = re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [^-]+-----", pem, re.S)
    if blocks is None:
        raise InputError("holds no private key", path)
    try:
        key = serialization.load_pem_private_key(blocks[0] + b"\n", password=None)
    except TypeError as problem:
        raise InputError("the key is under a password", path, "give one without") from problem
    except (ValueError, UnsupportedAlgorithm) as problem:
        raise InputError("not a private key in PEM", path) from problem
    if not isinstance(key, _PrivateKey):
        raise UsageError("a kind of key that C2PA does not allow", path)
    return key


def _algorithm(key: _PrivateKey, path: Path) -> str:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < 2048:
            raise UsageError("an RSA key of fewer than 2048 bits", path)
        return "ps256"
    if key.curve.name not in _CURVES:
        raise UsageError(f"a curve that C2PA does not allow: {key.curve.name}", path)
    return _CURVES[key.curve.name]


def _check_leaf(leaf: x509.Certificate, path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    if now > leaf.not_valid_after_utc:
        raise UsageError(f"the certificate expired on {leaf.not_valid_after_utc:%Y-%m-%d}", path)
    if now < leaf.not_valid_before_utc:
        raise UsageError(f"the certificate starts on {leaf.not_valid_before_utc:%Y-%m-%d}", path)
    if leaf.issuer == leaf.subject:
        raise UsageError(
            "the certificate is self-signed, which C2PA refuses",
            path,
            "give one that was issued by an authority, or leave out --cert and --key",
        )
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = set(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as problem:
        raise UsageError("the certificate does not say what it may be used for", path) from problem
    if not usage.digital_signature or not purposes & _USAGES:
        raise UsageError(
            "the certificate may not sign content",
            path,
            "it needs the usages digitalSignature and emailProtection or documentSigning",
        )


def _check_order(chain: list[x509.Certificate], path: Path) -> None:
    for lower, upper in itertools.pairwise(chain):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as problem:
            raise UsageError(
                "the certificates are not a chain", path, "the leaf first, then its issuer, and up"
            ) from problem
