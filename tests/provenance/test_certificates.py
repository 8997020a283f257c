"""The local chain works and renews itself; unfit certificates are refused before any work."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from avsynth.errors import InputError, UsageError
from avsynth.provenance import certificates
from avsynth.provenance.certificates import anchors, load_signer, local_roots, local_signer
from avsynth.provenance.credentials import Action, read, sign, verify_ours

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A Studio"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def issue(
    key: Key,
    common: str,
    issuer: str,
    issuer_key: Key,
    *,
    authority: bool = False,
    start: dt.datetime = NOW - DAY,
    end: dt.datetime = NOW + 90 * DAY,
    email: bool = True,
) -> bytes:
    usage = x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    purpose = ExtendedKeyUsageOID.EMAIL_PROTECTION if email else ExtendedKeyUsageOID.SERVER_AUTH
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
        )
        .add_extension(usage, critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    digest = None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(issuer_key, digest).public_bytes(serialization.Encoding.PEM)


def pem(key: Key, password: bytes | None = None) -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


ROOT_KEY, LEAF_KEY = new_key(), new_key()
ROOT = issue(ROOT_KEY, "Studio root", "Studio root", ROOT_KEY, authority=True)
LEAF = issue(LEAF_KEY, "Studio signer", "Studio root", ROOT_KEY)


def write(folder: Path, cert: bytes, key: bytes) -> tuple[Path, Path]:
    (folder / "cert.pem").write_bytes(cert)
    (folder / "key.pem").write_bytes(key)
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.parametrize(
    ("make_key", "algorithm"),
    [
        (new_key, "es256"),
        (lambda: ec.generate_private_key(ec.SECP384R1()), "es384"),
        (ed25519.Ed25519PrivateKey.generate, "ed25519"),
        (lambda: rsa.generate_private_key(65537, 2048), "ps256"),
    ],
)
def test_a_real_certificate_signs_and_is_untrusted_until_its_root_is_trusted(
    tmp_path: Path, make_media: Callable[..., Path], make_key: Callable[[], Key], algorithm: str
) -> None:
    key = make_key()
    leaf = issue(key, "Studio signer", "Studio root", ROOT_KEY)
    signer = load_signer(*write(tmp_path, leaf + ROOT, pem(key)))
    assert (signer.algorithm, signer.name, signer.local) == (algorithm, "Studio signer", False)
    source, target = make_media("a.png"), tmp_path / "b.png"
    signed = sign(source, target, actions=[Action("c2pa.edited")], title="b.png", signer=signer)
    report = verify_ours(signed)
    assert report.signed_by == "Studio signer" and not report.ours
    assert read(target).state == "untrusted"
    (tmp_path / "root.pem").write_bytes(ROOT)
    certificates.trust_root(tmp_path / "root.pem")
    assert read(target).state == "trusted" and not read(target).ours


def test_intermediate_certificates_and_a_leaf_alone(
    tmp_path: Path, make_media: Callable[..., Path]
) -> None:
    middle_key = new_key()
    middle = issue(middle_key, "Studio office", "Studio root", ROOT_KEY, authority=True)
    leaf = issue(LEAF_KEY, "Studio signer", "Studio office", middle_key)
    for chain in (leaf, leaf + middle, leaf + middle + ROOT):
        signer = load_signer(*write(tmp_path, chain, pem(LEAF_KEY)))
        target = tmp_path / "b.png"
        signed = sign(make_media("a.png"), target, actions=[], title="b.png", signer=signer)
        assert verify_ours(signed).signed_by == "Studio signer"


def test_only_the_local_chain_is_ours_even_when_other_roots_are_trusted(
    tmp_path: Path, make_media: Callable[..., Path]
) -> None:
    signed = sign(make_media("a.png"), tmp_path / "b.png", actions=[], title="b.png")
    (tmp_path / "root.pem").write_bytes(ROOT)
    certificates.trust_root(tmp_path / "root.pem")
    assert read(signed.path).ours


@pytest.mark.parametrize(
    ("cert", "key", "error", "line"),
    [
        (LEAF + ROOT, pem(new_key()), UsageError, "does not belong"),
        (ROOT + LEAF, pem(ROOT_KEY), UsageError, "self-signed"),
        (issue(LEAF_KEY, "Me", "Me", LEAF_KEY), pem(LEAF_KEY), UsageError, "self-signed"),
        (
            issue(LEAF_KEY, "L", "Studio root", ROOT_KEY, end=NOW - DAY, start=NOW - 9 * DAY)
            + ROOT,
            pem(LEAF_KEY),
            UsageError,
            "expired on",
        ),
        (
            issue(LEAF_KEY, "L", "Studio root", ROOT_KEY, start=NOW + DAY) + ROOT,
            pem(LEAF_KEY),
            UsageError,
            "starts on",
        ),
        (
            issue(LEAF_KEY, "L", "Studio root", ROOT_KEY, email=False) + ROOT,
            pem(LEAF_KEY),
            UsageError,
            "may not sign content",
        ),
        (
            LEAF + issue(new_key(), "Other", "Other", ROOT_KEY, authority=True),
            pem(LEAF_KEY),
            UsageError,
            "not a chain",
        ),
        (b"garbage", pem(LEAF_KEY), InputError, "not a certificate in PEM"),
        (pem(LEAF_KEY), pem(LEAF_KEY), InputError, "holds no certificate"),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            pem(LEAF_KEY),
            InputError,
            "not a certificate",
        ),
        (LEAF + ROOT, b"garbage", InputError, "not a key in PEM"),
        (LEAF + ROOT, LEAF, InputError, "holds no private key"),
        (LEAF + ROOT, pem(LEAF_KEY, b"secret"), InputError, "under a password"),
        (
            issue(k := rsa.generate_private_key(65537, 1024), "L", "Studio root", ROOT_KEY) + ROOT,
            pem(k),
            UsageError,
            "fewer than 2048 bits",
        ),
    ],
    ids=[
        "wrong pair",
        "root first",
        "self-signed",
        "expired",
        "future",
        "wrong usage",
        "not a chain",
        "garbage",
        "no certificate",
        "broken certificate",
        "garbage key",
        "no key",
        "password",
        "short RSA",
    ],
)
def test_unfit_certificates_are_refused_in_one_line(
    tmp_path: Path, cert: bytes, key: bytes, error: type[Exception], line: str
) -> None:
    with pytest.raises(error, match=line) as caught:
        load_signer(*write(tmp_path, cert, key))
    assert "\n" not in str(caught.value)


def test_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the certificate"):
        load_signer(tmp_path / "no.pem", tmp_path / "no.pem")


def test_the_local_chain_renews_itself_and_the_old_root_stays_an_anchor(
    tmp_path: Path, make_media: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = local_signer()
    signed = sign(make_media("a.png"), tmp_path / "b.png", actions=[], title="b.png")
    monkeypatch.setattr(certificates, "_RENEW", dt.timedelta(days=365 * 11))
    new = local_signer()
    assert new.serial != old.serial
    assert len(anchors()) == len(local_roots()) == 2
    assert read(signed.path).ours


def test_the_key_of_the_local_root_is_kept_nowhere() -> None:
    signer = local_signer()
    text = "".join(p.read_text() for p in certificates.home().rglob("*.pem"))
    assert text.count("PRIVATE KEY-----") == 2, "one key, the leaf's"
    assert signer.key.decode() in text
