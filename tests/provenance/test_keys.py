"""Keys appear once, complete and private, however many start at the same time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from avsynth.errors import InputError, ResourceError
from avsynth.provenance.certificates import local_signer
from avsynth.provenance.home import home
from avsynth.provenance.keys import (
    SigningKey,
    fingerprint_of,
    load_key,
    local_key,
    local_public,
    signature_holds,
)

STARTER = """
import sys
sys.stdin.read(1)
from avsynth.provenance import certificates, keys
print(keys.local_key().public, certificates.local_signer().serial)
"""


def test_the_local_key_is_made_on_first_use_and_stays() -> None:
    assert local_public() is None
    first = local_key()
    assert local_key().public == first.public == local_public()
    assert fingerprint_of(first.public) == first.fingerprint


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX file modes")
def test_keys_are_private_to_the_user() -> None:
    local_key()
    local_signer()
    files = list(home().rglob("*.pem"))
    assert len(files) == 2
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}


def test_processes_that_start_at_once_agree_on_one_key_and_one_chain(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", STARTER],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(6)
    ]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("x")
        starter.stdin.flush()
    printed = {starter.communicate()[0] for starter in starters}
    assert len(printed) == 1, printed
    assert printed.pop().split() == [local_key().public, local_signer().serial]
    assert not list(home().rglob(".*")), "left-overs"


def test_a_signature_covers_everything_but_itself() -> None:
    signed = local_key().sign({"a": 1, "b": {"c": [1.5, "é"]}})
    assert signature_holds(signed)
    other = SigningKey(Ed25519PrivateKey.generate())
    forged = [
        {**signed, "a": 2},
        {**signed, "new": None},
        {k: v for k, v in signed.items() if k != "b"},
        {**signed, "signature": {**signed["signature"], "public_key": other.public}},
        {**signed, "signature": {**signed["signature"], "algorithm": "none"}},
        {**signed, "signature": {**signed["signature"], "extra": 1}},
        {**signed, "signature": {**signed["signature"], "value": None}},
        {**signed, "signature": other.sign({})["signature"]},
        {**signed, "signature": "x"},
        {"a": 1},
    ]
    assert not any(signature_holds(f) for f in forged)


def test_order_of_keys_and_white_space_do_not_matter() -> None:
    signed = local_key().sign({"a": 1, "b": 2})
    assert signature_holds(dict(reversed(signed.items())))


def test_files_that_are_no_key_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    with pytest.raises(InputError, match="cannot read the key"):
        load_key(path)
    path.write_bytes(b"\x00garbage")
    with pytest.raises(InputError, match="not a key in PEM"):
        load_key(path)
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(InputError, match="not a private key"):
        load_key(path)
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    password = serialization.BestAvailableEncryption(b"x")
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(pem, pkcs8, password))
    with pytest.raises(InputError, match="password"):
        load_key(path)
    path.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            pem, pkcs8, serialization.NoEncryption()
        )
    )
    with pytest.raises(InputError, match="not an Ed25519 key"):
        load_key(path)


def test_a_home_that_cannot_be_written_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AVSYNTH_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(ResourceError, match="cannot write"):
        local_key()
