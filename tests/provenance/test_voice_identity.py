"""A subject's record of scope voice covers media in which that person speaks."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from dub_helpers import LINE, PERSON
from numpy.typing import NDArray
from voice_helpers import RATE, debug_speaker, line, recording, subject  # noqa: F401

from avsynth.errors import ConsentError, InputError
from avsynth.media.excerpts import sound_excerpts
from avsynth.provenance import identity
from avsynth.provenance.consent import authorise, load
from avsynth.provenance.records import Scope
from avsynth.provenance.voice_identity import VoiceIdentity


class ByLength:
    """An embedder for which recordings of less than four seconds are one person's."""

    name = "by length"
    scope: Scope = "voice"
    threshold = 0.5

    def embed(self, path: Path) -> NDArray[np.float32]:
        seconds = sum(map(len, sound_excerpts(path, RATE, 60))) / RATE
        return np.array([[float(seconds > 4)]], np.float32)


@pytest.fixture
def jane(tmp_path: Path) -> Path:
    reference = recording(tmp_path / "jane.wav", line()[: 2 * RATE])
    return subject([reference], tmp_path / "jane.json")


def test_the_same_voice_matches_and_another_is_refused(jane: Path, tmp_path: Path) -> None:
    same = recording(tmp_path / "same.wav", line()[: 3 * RATE])
    allowed = authorise(jane, same, "voice", embedders=[ByLength()])
    assert allowed.identity == "matched" and "by length distance 0.00" in allowed.reasons[0]
    other = recording(tmp_path / "other.wav", np.tile(line(), 3))
    with pytest.raises(ConsentError, match=r"not Jane, who consented \(by length distance 1.00"):
        authorise(jane, other, "voice", embedders=[ByLength()])
    with pytest.raises(ConsentError, match="consent for the voice, not the face"):
        authorise(jane, same, "face", embedders=[ByLength()])


def test_without_reference_media_a_voice_is_not_taken_on_trust(jane: Path, tmp_path: Path) -> None:
    same = recording(tmp_path / "same.wav", line()[: 3 * RATE])
    moved = (tmp_path / "jane.wav").rename(tmp_path / "elsewhere.wav")
    with pytest.raises(ConsentError, match="no reference voice to compare with"):
        authorise(jane, same, "voice", embedders=[ByLength()])
    allowed = authorise(jane, same, "voice", embedders=[ByLength()], references=[moved])
    assert allowed.identity == "matched"


def test_without_an_encoder_the_result_says_so(
    jane: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avsynth.weights.speakers.speaker_installed", lambda: False)
    assert identity.find_embedders("voice") == ()
    same = recording(tmp_path / "same.wav", line()[: 3 * RATE])
    allowed = authorise(jane, same, "voice")
    assert allowed.identity == "not checked"
    assert "the voice is that of the person of the record was not checked" in allowed.reasons[0]


def test_a_file_made_under_a_record_needs_that_very_record(jane: Path, tmp_path: Path) -> None:
    stored = tmp_path / "stored.safetensors"
    stored.write_bytes(b"x")
    allowed = authorise(jane, stored, "voice", made_under=load(jane).sha256)
    assert allowed.identity == "bound" and "under this very record" in allowed.reasons[0]
    with pytest.raises(ConsentError, match="made under another consent record"):
        authorise(jane, stored, "voice", made_under="ab" * 32)
    with pytest.raises(ConsentError, match="not the face"):
        authorise(jane, stored, "face", made_under=load(jane).sha256)


@pytest.mark.usefixtures("debug_speaker")
def test_the_encoder_hears_films_and_recordings(tmp_path: Path) -> None:
    heard = VoiceIdentity()
    points = [heard.embed(path) for path in (LINE, PERSON, LINE)]
    assert [each.shape for each in points] == [(1, 128)] * 3
    assert np.allclose(np.linalg.norm(points[0]), 1.0, atol=1e-5)
    assert np.array_equal(points[0], points[2]) and not np.array_equal(points[0], points[1])
    assert heard.threshold == pytest.approx(1.0)  # a cosine of 0.5
    silent = recording(tmp_path / "silent.wav", np.zeros(3 * RATE, np.float32))
    assert heard.embed(silent).shape == (0, 128)
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    with pytest.raises(InputError):
        heard.embed(text)


@pytest.mark.usefixtures("debug_speaker")
def test_it_is_asked_without_being_named(jane: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.flac"
    shutil.copyfile(LINE, again)
    assert authorise(jane, again, "voice").identity == "matched"
    silent = recording(tmp_path / "silent.wav", np.zeros(3 * RATE, np.float32))
    with pytest.raises(ConsentError, match="no voice was found"):
        authorise(jane, silent, "voice")


def test_excerpts_of_a_long_sound_are_spread_over_it(tmp_path: Path) -> None:
    ramp = np.linspace(-0.9, 0.9, 60 * RATE).astype(np.float32)
    path = recording(tmp_path / "ramp.flac", ramp)
    whole = sound_excerpts(path, RATE, 60)
    assert len(whole) == 1 and len(whole[0]) == len(ramp)
    pieces = sound_excerpts(path, RATE, 8)
    assert [len(piece) for piece in pieces] == [RATE] * 8
    starts = [float((piece[0] + 0.9) / 1.8 * 60) for piece in pieces]
    np.testing.assert_allclose(starts, np.linspace(0, 59, 8), atol=0.01)
    assert sum(map(len, sound_excerpts(PERSON, RATE, 2))) == pytest.approx(2 * RATE, abs=8)
