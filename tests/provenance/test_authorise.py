"""A record allows what it names, and nothing else, each refusal in one line."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from avsynth.errors import ConsentError, InputError, UsageError
from avsynth.media import sha256_file
from avsynth.provenance import consent, records, revocation, trust
from avsynth.provenance.consent import ConsentFile, authorise
from avsynth.provenance.home import home
from avsynth.provenance.keys import SigningKey, local_key
from avsynth.provenance.records import Nearest, Scope

MakeMedia = Callable[..., Path]
NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
NEAREST = Nearest(distance=0.8, threshold=0.5, measure="dlib face", compared=9)


def stranger() -> SigningKey:
    return SigningKey(Ed25519PrivateKey.generate())


@pytest.fixture
def clip(make_media: MakeMedia) -> Path:
    return make_media("clip.png")


@pytest.fixture
def dataset(clip: Path, tmp_path: Path) -> ConsentFile:
    made = consent.sign(consent.new_dataset("GRID", "CC-BY-4.0", [clip]))
    return consent.save(made, tmp_path / "c.json")


def subject(clip: Path, **changes: Any) -> ConsentFile:
    arguments: dict[str, Any] = {
        "scopes": ["face"],
        "purposes": ["research", "commercial"],
        "languages": ["de", "en-GB"],
        "expires": NOW + DAY,
        **changes,
    }
    return consent.sign(consent.new_subject("Jane", references=[clip], **arguments))


def signed_anew(made: ConsentFile, key: SigningKey) -> ConsentFile:
    """What somebody gets who takes the signature out by hand and signs the rest."""
    document = {k: v for k, v in made.document.items() if k != "signature"}
    return consent.sign(ConsentFile(records.validate(document), document, made.path), key)


def refused(*arguments: Any, **more: Any) -> str:
    with pytest.raises(ConsentError) as caught:
        authorise(*arguments, **more)
    line = str(caught.value)
    assert line.isprintable() and caught.value.exit_code == 5
    return line


def test_a_dataset_record_covers_its_files_and_labels_the_output(
    dataset: ConsentFile, clip: Path
) -> None:
    assert dataset.path is not None
    allowed = authorise(dataset.path, clip, "face")
    assert allowed.label == "research" and allowed.identity == "listed"
    assert allowed.allows_research_weights and not allowed.commercial
    assert allowed.record_sha256 == dataset.sha256 == allowed.consent.record_sha256
    assert allowed.media_sha256 == sha256_file(clip)
    assert authorise(dataset, sha256_file(clip), "voice").label == "research"
    json.dumps(allowed.as_dict())


def test_a_file_that_is_not_listed_is_refused(dataset: ConsentFile, make_media: MakeMedia) -> None:
    assert "does not cover this file" in refused(dataset, make_media("other.png", seed=1), "face")
    assert "does not cover this file" in refused(dataset, "0" * 64, "face")
    with pytest.raises(InputError, match="no such file"):
        authorise(dataset, Path("missing.mp4"), "face")
    with pytest.raises(InputError, match="not a SHA-256"):
        authorise(dataset, "missing.mp4", "face")


def test_one_changed_bit_of_the_media_is_another_file(dataset: ConsentFile, clip: Path) -> None:
    data = bytearray(clip.read_bytes())
    data[-1] ^= 1
    clip.write_bytes(data)
    assert "does not cover this file" in refused(dataset, clip, "face")


def test_a_synthetic_person_needs_no_label(clip: Path) -> None:
    made = consent.sign(consent.new_synthetic("Nobody", [clip], NEAREST, ["commercial"]))
    allowed = authorise(made, clip, "face")
    assert allowed.label is None and allowed.commercial and not allowed.allows_research_weights


def test_unsigned_and_tampered_records_are_refused(
    dataset: ConsentFile, clip: Path, tmp_path: Path
) -> None:
    unsigned = consent.new_dataset("GRID", "CC-BY-4.0", [clip])
    assert "is not signed" in refused(unsigned, clip, "face")
    path = tmp_path / "c.json"
    for old, new in (("GRID", "GRUD"), ("research", "other"), (dataset.record.id, "0" * 32)):
        path.write_text(json.dumps({**dataset.document}).replace(old, new))
        assert "changed after it was signed" in refused(path, clip, "face")
    path.write_text('{"kind": "dataset", ' + json.dumps(dataset.document)[1:])
    assert "a key occurs twice" in refused(path, clip, "face")


def test_reformatting_a_record_does_not_break_it(
    dataset: ConsentFile, clip: Path, tmp_path: Path
) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(dict(sorted(dataset.document.items())), separators=(",", ":")))
    assert authorise(path, clip, "face").record_sha256 == dataset.sha256


def test_dates(clip: Path) -> None:
    made = subject(clip, valid_from=NOW - DAY, languages=None)
    authorise(made, clip, "face", now=NOW)
    assert "expired on" in refused(made, clip, "face", now=NOW + DAY)
    assert "not valid before" in refused(made, clip, "face", now=NOW - 2 * DAY)


def test_scope_purpose_and_language(clip: Path) -> None:
    made = subject(clip)
    assert "not the voice" in refused(made, clip, "voice")
    assert "not for 'advertising'" in refused(made, clip, "face", "advertising")
    assert "not for 'fr'" in refused(made, clip, "face", language="fr")
    assert "not for 'en'" in refused(made, clip, "face", language="en")
    assert "not for 'deu'" in refused(made, clip, "face", language="deu")
    line = refused(made, clip, "face")
    assert "consent for de, en-GB only" in line and "pass --language" in line
    for language in ("de", "de-AT", "en-GB"):
        authorise(made, clip, "face", language=language)
    anything = subject(clip, languages=None)
    authorise(anything, clip, "face")
    assert authorise(anything, clip, "face", language="fr").identity == "listed"


@pytest.mark.parametrize(
    ("purpose", "commercial"), [(None, True), ("commercial", True), ("research", False)]
)
def test_a_commercial_purpose_excludes_research_weights(
    clip: Path, purpose: str | None, commercial: bool
) -> None:
    allowed = authorise(subject(clip), clip, "face", purpose, language="de")
    assert allowed.commercial is commercial
    assert allowed.allows_research_weights is not commercial


def test_a_strangers_signature_counts_only_after_it_was_trusted(clip: Path) -> None:
    key = stranger()
    made = consent.sign(consent.new_dataset("GRID", "CC-BY-4.0", [clip]), key)
    line = refused(made, clip, "face")
    assert "not trusted here" in line and key.fingerprint[:16] in line
    trust.add(key.public, "Jane")
    assert authorise(made, clip, "face").signed_by == "Jane"
    trust.remove(key.fingerprint[:8])
    assert "not trusted here" in refused(made, clip, "face")


def test_the_operators_own_word_is_called_that(dataset: ConsentFile, clip: Path) -> None:
    allowed = authorise(dataset, clip, "face")
    assert allowed.signed_by == "this machine"
    assert any("operator's word" in reason for reason in allowed.reasons)


def test_a_trust_list_that_this_machine_did_not_write_is_refused(
    dataset: ConsentFile, clip: Path
) -> None:
    trust.add(stranger().public, "Jane")
    made = signed_anew(dataset, stranger())
    path = home() / "trust.json"
    good = json.loads(path.read_text())
    forged = stranger().sign({k: v for k, v in good.items() if k != "signature"})
    for bad in (json.dumps(forged), json.dumps({**good, "keys": []}), "{", ""):
        path.write_text(bad)
        assert "trust list" in refused(made, clip, "face")


def test_trust_refuses_what_is_no_key_or_has_no_name() -> None:
    for public, name in (
        ("x", "Jane"),
        (local_key().public[:-4] + "AAAA=", "Jane"),
        (stranger().public, " \n"),
        (stranger().public, "this machine"),
    ):
        with pytest.raises(UsageError):
            trust.add(public, name)


def test_revocation_is_always_looked_at(dataset: ConsentFile, clip: Path) -> None:
    authorise(dataset, clip, "face")
    revocation.revoke(dataset.record.id, dataset.sha256, "she asked\x1b[31m\nus to")
    line = refused(dataset, clip, "face")
    assert "was revoked on" in line and "she asked [31m us to" in line
    again = signed_anew(dataset, local_key())  # keeps the id, so the revocation holds
    assert "was revoked on" in refused(again, clip, "face")


def test_a_damaged_or_foreign_revocation_list_refuses_everything(
    dataset: ConsentFile, clip: Path, tmp_path: Path
) -> None:
    path = revocation.revoke("0" * 32, None, "another record")
    authorise(dataset, clip, "face")
    good = path.read_text()
    document = json.loads(good)
    for bad in (
        "",
        "{}",
        good[:-20],
        good.replace("another", "anither"),
        json.dumps(stranger().sign({**document})),
        json.dumps(local_key().sign({**document, "entries": [{"id": "x"}]})),
        json.dumps(local_key().sign({**document, "more": 1})),
    ):
        path.write_text(bad)
        assert "revocation list" in refused(dataset, clip, "face")
    path.write_text(good)
    authorise(dataset, clip, "face")
    assert "revocation list" in refused(
        dataset, clip, "face", revocations=[tmp_path / "missing.json"]
    )


def test_a_signed_record_is_not_signed_again(dataset: ConsentFile) -> None:
    with pytest.raises(ConsentError, match=r"signed already.*make a new record"):
        consent.sign(dataset, stranger())


def test_a_subjects_own_list_counts_for_what_the_subject_signed(clip: Path, tmp_path: Path) -> None:
    jane, other = stranger(), stranger()
    trust.add(jane.public, "Jane")
    trust.add(other.public, "Other")
    hers = consent.sign(consent.new_dataset("Hers", "CC-BY-4.0", [clip]), jane)
    published, foreign = tmp_path / "jane.json", tmp_path / "other.json"
    with pytest.raises(ConsentError, match="only what its own key signed"):
        revocation.revoke(
            hers.record.id, hers.sha256, key=other, path=foreign, signed_with=jane.public
        )
    assert not foreign.exists()
    revocation.revoke(hers.record.id, hers.sha256, key=jane, path=published)
    assert "was revoked" in refused(hers, clip, "face", revocations=[published])
    authorise(hers, clip, "face")
    revocation.subscribe(published)
    assert "was revoked" in refused(hers, clip, "face")
    for key in (local_key(), other):  # a copy that somebody else signed is no way round it
        assert "was revoked" in refused(signed_anew(hers, key), clip, "face")
    assert [p for p in tmp_path.iterdir() if p.name.startswith(".")] == [], "left-overs"


def test_an_older_list_does_not_replace_a_newer_one(tmp_path: Path) -> None:
    jane = stranger()
    trust.add(jane.public, "Jane")
    new, old = tmp_path / "new.json", tmp_path / "old.json"
    body = {"schema": "avsynth.revocations/1", "entries": []}
    new.write_text(json.dumps(jane.sign({**body, "updated": "2026-02-01T00:00:00Z"})))
    old.write_text(json.dumps(jane.sign({**body, "updated": "2026-01-01T00:00:00Z"})))
    revocation.subscribe(new)
    with pytest.raises(ConsentError, match="older"):
        revocation.subscribe(old)


def test_many_revocations_at_once_are_all_kept() -> None:
    from concurrent.futures import ThreadPoolExecutor

    ids = [f"{n:032x}" for n in range(16)]
    local_key()
    with ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda i: revocation.revoke(i, None), ids))
    assert {e.id for e in revocation.read(paths.pop()).entries} == set(ids)


@pytest.mark.parametrize("scope", ["face", "voice"])
def test_records_written_by_hand_are_loaded_as_strictly(tmp_path: Path, scope: Scope) -> None:
    for content in ("", "null", "[]", "{}", '{"kind": "dataset"}', "\x00", "[" * 5000):
        path = tmp_path / "c.json"
        path.write_text(content)
        refused(path, "0" * 64, scope)
    refused(tmp_path, "0" * 64, scope)
    refused(tmp_path / "missing.json", "0" * 64, scope)
