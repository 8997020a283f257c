"""Credentials as evidence: what is signed counts as far as the signature goes, a gap never."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from avsynth.media import probe
from avsynth.provenance import reading
from avsynth.provenance.credentials import Action, Consent, Source, sign
from avsynth.provenance.report import ActionSeen, CredentialReport, IngredientSeen
from avsynth.provenance.vocabulary import IPTC, TRAINED
from detectors.credentials import (
    CLAIMED_SYNTHETIC,
    SIGNED_CAPTURE,
    SIGNED_SYNTHETIC,
    CredentialsDetector,
    judge,
)

MakeMedia = Callable[..., Path]
CONSENT = Consent("ab" * 32, "cd" * 16, "dataset", "research")


def found(path: Path) -> CredentialsDetector:
    detector = CredentialsDetector()
    detector.start(probe(path))
    return detector


def dubbed(make_media: MakeMedia, tmp_path: Path) -> Path:
    source, target = make_media("a.mp4"), tmp_path / "b.mp4"
    action = Action("c2pa.dubbed", "speech replaced", parameters={"language": "de"})
    sign(source, target, actions=[action], title="b", parent=Source(source), consent=CONSENT)
    return target


def test_a_file_without_credentials_gets_no_score(make_media: MakeMedia) -> None:
    evidence = found(make_media("a.mp4")).finish()
    assert evidence.score is None and "neither for nor against" in (evidence.abstained or "")


def test_our_own_dub_says_what_it_is(make_media: MakeMedia, tmp_path: Path) -> None:
    evidence = found(dubbed(make_media, tmp_path)).finish()
    assert evidence.score == SIGNED_SYNTHETIC > 9
    assert any("made from 'a.mp4', without credentials" in note for note in evidence.notes)


def test_tampering_is_told_of_but_proves_nothing(make_media: MakeMedia, tmp_path: Path) -> None:
    path = dubbed(make_media, tmp_path)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"mdat") + 40] ^= 0x40
    path.write_bytes(data)
    evidence = found(path).finish()
    assert evidence.score is None and "changed after signing" in (evidence.abstained or "")


def action(kind: str) -> ActionSeen:
    return ActionSeen("c2pa.created", "created", True, kind, None, True, None, None, None)


@pytest.mark.parametrize(
    ("state", "kind", "score"),
    [
        ("trusted", TRAINED, SIGNED_SYNTHETIC),
        ("untrusted", TRAINED, CLAIMED_SYNTHETIC),
        ("trusted", IPTC + "digitalCapture", SIGNED_CAPTURE),
        ("untrusted", IPTC + "digitalCapture", None),  # anyone can write that
        ("trusted", IPTC + "humanEdits", None),
    ],
)
def test_a_statement_counts_as_far_as_its_signer(
    state: reading.State, kind: str, score: float | None
) -> None:
    report = CredentialReport("a.mp4", state, signed_by="X", actions=(action(kind),))
    assert judge(report).score == score


def test_a_tampered_ingredient_takes_a_capture_claim_away() -> None:
    below = IngredientSeen("c.mp4", "parentOf", "invalid", ("changed",), None, False, ())
    capture = action(IPTC + "digitalCapture")
    report = CredentialReport(
        "a.mp4", "trusted", signed_by="X", actions=(capture,), ingredients=(below,)
    )
    evidence = judge(report)
    assert evidence.score is None and "with invalid credentials (changed)" in evidence.notes[0]


def test_a_synthetic_ingredient_counts_for_the_whole() -> None:
    below = IngredientSeen("c.mp4", "parentOf", "trusted", (), "Y", True, ())
    report = CredentialReport("a.mp4", "trusted", signed_by="X", ingredients=(below,))
    assert judge(report).score == SIGNED_SYNTHETIC
