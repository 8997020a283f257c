"""avsynth voice enroll and show: what a file says, what it needs later, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dub_helpers import LINE, PERSON, command, grey, leftovers, write_consent
from scipy.signal import resample_poly
from voice_helpers import RATE, debug_speaker, line, noise, person, recording, subject  # noqa: F401

from avsynth.errors import ConsentError, UsageError
from avsynth.pipelines.enroll import enroll
from avsynth.pipelines.voice_target import find_target
from avsynth.provenance import consent as consents
from avsynth.weights.voices import read_voice

pytestmark = pytest.mark.usefixtures("debug_speaker")


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """Jane's, whose reference medium is the demo's line."""
    return subject([LINE], tmp_path / "jane.json")


@pytest.fixture
def stored(record: Path, tmp_path: Path) -> Path:
    out = tmp_path / "jane.safetensors"
    enroll([LINE], record, out)
    return out


def refused(code: int, words: str, folder: Path, *arguments: object) -> None:
    before = {path.name for path in folder.iterdir()}
    done = command("voice", *arguments)
    assert done.code == code, done.err
    assert words in done.complaint
    assert {path.name for path in folder.iterdir()} == before


def test_from_recordings_to_a_voice(record: Path, tmp_path: Path) -> None:
    out = tmp_path / "jane.safetensors"
    done = command("voice", "enroll", LINE, "--consent", record, "-o", out)
    assert done.code == 0, done.err
    assert "Hz" in done.out and "of speech" in done.out and str(out) in done.out
    voice, metadata = read_voice(out)
    assert metadata["consent"]["record_sha256"] == consents.load(record).sha256
    assert metadata["references"] == [consents.sha256_file(LINE)]
    assert not voice.synthetic and voice.seconds > 1
    report = json.loads((tmp_path / "jane.safetensors.report.json").read_text())
    assert report["verb"] == "voice enroll" and report["consent"][0]["scope"] == "voice"
    assert report["voice"]["seconds"] == pytest.approx(voice.seconds, abs=0.01)
    assert report["weights"][0]["sha256"] == voice.encoder
    assert leftovers(tmp_path, out, record, tmp_path / "jane.safetensors.report.json") == []


def test_equal_recordings_give_equal_files(record: Path, stored: Path, tmp_path: Path) -> None:
    again = tmp_path / "jane-again" / stored.name
    again.parent.mkdir()
    command("voice", "enroll", LINE, "--consent", record, "-o", again)
    assert again.read_bytes() == stored.read_bytes()


def test_a_film_and_a_cut_recording_are_recordings(tmp_path: Path) -> None:
    film, short = tmp_path / "film.mp4", recording(tmp_path / "short.wav", line()[: 2 * RATE])
    shutil.copyfile(PERSON, film)
    record = subject([film, short], tmp_path / "c.json")
    done = command(
        "voice", "enroll", film, short, "--consent", record, "-o", tmp_path / "v.safetensors",
        "--json",
    )  # fmt: skip
    report = json.loads(done.out)
    assert [each["identity"] for each in report["consent"]] == ["listed", "listed"]
    assert len(report["inputs"]) == 2


def test_show(stored: Path, record: Path) -> None:
    done = command("voice", "show", stored)
    assert done.code == 0 and consents.load(record).sha256 in done.out
    told = json.loads(command("voice", "show", stored, "--json").out)
    assert told["metadata"]["name"] == "jane" and told["voice"]["synthetic"] is False


def test_later_it_needs_that_very_record(stored: Path, record: Path, tmp_path: Path) -> None:
    found = find_target([stored], record)
    assert found.allowed[0].identity == "bound" and found.allowed[0].scope == "voice"
    assert list(found.files) == [stored]
    same_person = subject([LINE], tmp_path / "renewed.json")
    with pytest.raises(ConsentError, match="another consent record"):
        find_target([stored], same_person)
    nobody = write_consent(stored, tmp_path / "nobody.json")
    with pytest.raises(ConsentError, match="another consent record"):
        find_target([stored], nobody)
    with pytest.raises(ConsentError, match="not for 'war'"):
        find_target([stored], record, "war")
    assert command("consent", "revoke", record).code == 0
    with pytest.raises(ConsentError, match="revoked"):
        find_target([stored], record)


def test_a_stored_voice_stands_alone(stored: Path, record: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="stands alone"):
        find_target([stored, LINE], record)
    with pytest.raises(UsageError, match="no voice was given"):
        find_target([], record)
    again = tmp_path / "again.safetensors"
    refused(
        2, "is an enrolled voice already", tmp_path,
        "enroll", stored, "--consent", record, "-o", again,
    )  # fmt: skip


def test_what_is_doubtful_is_told_with_figures(tmp_path: Path) -> None:
    def notes(name: str, samples: np.ndarray) -> str:
        wav = recording(tmp_path / f"{name}.wav", samples)
        found = subject([wav], tmp_path / f"{name}.json")
        return " ".join(enroll([wav], found, tmp_path / f"{name}.safetensors").notes)

    assert notes("fine", np.tile(line(), 2)) == ""
    short = notes("short", line()[: 2 * RATE])
    assert "s of speech" in short and "3 s describe" in short
    sounded = notes("noise", noise(5.0))
    assert "noise" in sounded and "spread 0." in sounded
    gusts = np.repeat(np.tile([0.02, 1.0], 8), RATE // 2).astype(np.float32)
    breath = notes("breath", noise(8.0) * gusts)
    assert "is voiced: it is whispered, or a noise (spread 0." in breath


def test_several_speakers_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from avsynth.pipelines import voice_target

    one = voice_target.load_speaker()
    spread = find_target([LINE], subject([LINE], tmp_path / "one.json")).voice.spread
    limited = one._replace(spread=spread * 1.01)
    monkeypatch.setattr(voice_target, "load_speaker", lambda: limited)
    both = recording(tmp_path / "both.wav", np.concatenate([line(), person()]))
    found = find_target([both], subject([both], tmp_path / "both.json"))
    assert found.voice.spread > limited.spread
    words = "several people seem to speak in the reference, or a noise does (spread"
    assert f"{words} {found.voice.spread:.3f}" in found.notes[0]
    assert find_target([LINE], subject([LINE], tmp_path / "again.json")).notes == ()


@pytest.mark.parametrize("kind", ["8 kHz", "192 kHz", "NaN", "offset", "quiet", "clipped"])
def test_the_same_voice_however_it_was_recorded(kind: str, record: Path, tmp_path: Path) -> None:
    plain = find_target([LINE], record).voice
    samples, rate = line().astype(np.float64), RATE
    if kind.endswith("kHz"):
        rate = int(kind.split()[0]) * 1000
        samples = resample_poly(samples, rate // 1000, RATE // 1000)
    samples = {"offset": samples + 0.3, "quiet": 0.01 * samples, "clipped": 6 * samples}.get(
        kind, samples
    )
    if kind == "NaN":
        samples[1000:1200], samples[5000], samples[5001] = np.nan, np.inf, -np.inf
    else:
        samples = np.clip(samples, -1, 1)
    path = tmp_path / "v.wav"
    soundfile.write(path, samples.astype(np.float32), rate, subtype="FLOAT")
    voice = find_target([path], subject([path], tmp_path / "v.json")).voice
    assert voice.pitch.mean == pytest.approx(plain.pitch.mean, abs=0.03)
    assert voice.seconds == pytest.approx(plain.seconds, abs=0.7)
    bands = slice(0, 40 if kind == "8 kHz" else 80)
    apart = np.abs(voice.spectrum_mean - plain.spectrum_mean)[bands].mean()
    assert apart < (1.0 if kind == "clipped" else 0.25)


def test_a_moment_is_a_voice_with_a_note(tmp_path: Path) -> None:
    moment = recording(tmp_path / "m.wav", line()[8000:9600])
    found = find_target([moment], subject([moment], tmp_path / "m.json"))
    assert "s of speech in the reference" in found.notes[0]
    assert np.isfinite(found.voice.embedding).all() and np.isfinite(found.voice.spectrum_std).all()


def test_silence_and_what_is_no_sound(record: Path, tmp_path: Path) -> None:
    out = tmp_path / "v.safetensors"
    silent = recording(tmp_path / "silent.wav", np.zeros(5 * RATE, np.float32))
    mute = subject([silent], tmp_path / "silent.json")
    refused(
        4,
        "no sound that could be a voice",
        tmp_path,
        "enroll",
        silent,
        "--consent",
        mute,
        "-o",
        out,
    )
    text = tmp_path / "notes.wav"
    text.write_text("no sound")
    refused(3, "notes.wav", tmp_path, "enroll", text, "--consent", record, "-o", out)
    missing = tmp_path / "none.wav"
    refused(3, "none.wav", tmp_path, "enroll", missing, "--consent", record, "-o", out)
    film = grey(tmp_path / "mute.mp4")
    refused(3, "holds no sound", tmp_path, "enroll", film, "--consent", record, "-o", out)


def test_consent_that_does_not_do(record: Path, tmp_path: Path) -> None:
    out = tmp_path / "v.safetensors"
    given = "enroll", LINE, "-o", out, "--consent"
    refused(5, "none.json", tmp_path, *given, tmp_path / "none.json")
    face = subject([LINE], tmp_path / "face.json", ["face"])
    refused(5, "consent for the face, not the voice", tmp_path, *given, face)
    other = write_consent(PERSON, tmp_path / "other.json")
    refused(5, "does not cover this file", tmp_path, *given, other)
    refused(5, "not for 'war'", tmp_path, *given, record, "--purpose", "war")


def test_outputs_that_cannot_be(record: Path, tmp_path: Path) -> None:
    given = "enroll", LINE, "--consent", record, "-o"
    refused(2, "voice file", tmp_path, *given, tmp_path / "v.wav")
    refused(7, "folder does not exist", tmp_path, *given, tmp_path / "no" / "v.safetensors")
    own = tmp_path / "own.safetensors"
    shutil.copyfile(record, own)
    refused(2, "overwrite an input", tmp_path, "enroll", LINE, "--consent", own, "-o", own)
