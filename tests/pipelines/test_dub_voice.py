"""dub --voice-from: the new speech in the voice of the film, of a recording, of nobody."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from dub_helpers import (
    LINE,
    PERSON,
    command,
    consent_for,
    grey,
    leftovers,
    same_pictures,
    shared_folder,
    short_person,
    write_consent,
)
from voice_helpers import RATE, debug_speaker, line, recording, small_space, subject  # noqa: F401

from avsynth.errors import UsageError
from avsynth.media import probe, read_audio
from avsynth.models.listening import listen
from avsynth.models.voice_engine import SourceVoice
from avsynth.models.world_engine import WorldEngine
from avsynth.pipelines.enroll import enroll
from avsynth.pipelines.imagine_voice import imagine
from avsynth.pipelines.options import dub_options
from avsynth.provenance import consent as consents
from avsynth.provenance import credentials

pytestmark = pytest.mark.usefixtures("debug_speaker")
# Lossless, because an encoder's own rounding may change when another library was loaded before.
FAST = "--quality", "fast", "--lossless"
WORLD = "--voice-weights", "world", *FAST


def heard(path: Path) -> SourceVoice:
    return listen(chunk.samples for chunk in read_audio(path, RATE))


@functools.cache
def high() -> Path:
    """The demo's line played faster: another, higher voice."""
    places = np.arange(0, len(line()) - 1, 1.3)
    faster = np.interp(places, np.arange(len(line())), line())
    return recording(shared_folder() / "high.wav", faster.astype(np.float32))


def dubbed(out: Path, *more: object) -> dict[str, Any]:
    """The film with that line in the film's own voice; the report."""
    film = short_person()
    done = command(
        "dub", film, "--audio", high(), "--consent", consent_for(film), "-o", out, "--json",
        *WORLD, "--voice-from", "original", *more,
    )  # fmt: skip
    assert done.code == 0, done.err
    report: dict[str, Any] = json.loads(done.out)
    return report


@functools.cache
def plain() -> Path:
    """The film dubbed as ever."""
    out, film = shared_folder() / "plain.mp4", short_person()
    done = command(
        "dub", film, "--audio", high(), "--consent", consent_for(film), "-o", out,
        *FAST,
    )  # fmt: skip
    assert done.code == 0, done.err
    return out


def test_the_films_own_voice_is_heard_and_the_mouth_follows_the_speech(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    report = dubbed(out)
    before, after, film = heard(plain()), heard(out), heard(short_person())
    apart = abs(before.pitch.mean - film.pitch.mean)
    assert apart > 0.1  # the line is spoken by another voice
    assert abs(after.pitch.mean - film.pitch.mean) < 0.4 * apart
    assert after.active_seconds == pytest.approx(before.active_seconds, abs=0.3)
    assert after.level == pytest.approx(before.level, rel=0.3)
    assert same_pictures(plain(), out)
    assert probe(out).audio[0].duration == probe(plain()).audio[0].duration
    assert report["voice"]["source"] == "original" and report["voice"]["engine"] == "world"
    assert report["voice"]["pitch"] == pytest.approx(math.exp(film.pitch.mean), rel=0.1)
    assert report["voice"]["consent"]["scope"] == "voice"
    assert report["consent"]["scope"] == "face"
    found = credentials.read(out)
    told = json.dumps(found.as_dict())
    assert "the voice of the film's own speaker by world" in told
    assert leftovers(tmp_path, out, tmp_path / "out.mp4.report.json") == []


def test_a_recording_and_a_stored_voice(tmp_path: Path) -> None:
    film, reference, stored = short_person(), high(), tmp_path / "high.safetensors"
    record = subject([film, reference], tmp_path / "both.json", ("face", "voice"))
    enroll([reference], record, stored)
    given = "dub", film, "--audio", LINE, "--consent", record, *WORLD, "--voice-from"
    for voice in (reference, stored):
        out = tmp_path / f"{voice.suffix[1:]}.mp4"
        done = command(*given, voice, "-o", out)
        assert done.code == 0, done.err
        assert f"voice: {voice}" in done.out
        assert heard(out).pitch.mean > heard(LINE).pitch.mean + 0.15
        report = json.loads(out.with_name(out.name + ".report.json").read_text())
        assert {"path": str(voice), "sha256": consents.sha256_file(voice)} in report["inputs"]
        assert report["voice"]["consent"]["identity"] == ("bound" if voice is stored else "listed")


def test_a_voice_of_nobody_has_a_record_of_its_own(tmp_path: Path) -> None:
    film, voice, out = short_person(), tmp_path / "nobody.safetensors", tmp_path / "o.mp4"
    imagine(voice, 1, space=str(small_space()))
    given = (
        "dub", film, "--audio", LINE, *WORLD, "--voice-from", voice, "-o", out,
        "--consent",
    )  # fmt: skip
    alone = command(*given, consent_for(film))
    assert alone.code == 5 and "does not cover this file" in alone.complaint
    jane = subject([film], tmp_path / "jane.json", ("face", "voice"))
    hers = command(*given, jane)
    assert hers.code == 5 and "does not cover a voice of nobody" in hers.complaint
    record = tmp_path / "nobody.safetensors.consent.json"
    done = command(*given, jane, "--voice-consent", record)
    assert done.code == 0, done.err
    assert "voice: of nobody" in done.out
    told = json.dumps(credentials.read(out).as_dict())
    assert consents.load(jane).sha256 in told
    report = json.loads((tmp_path / "o.mp4.report.json").read_text())
    assert report["consent"]["record_sha256"] == consents.load(jane).sha256
    assert report["voice"]["consent"]["record_sha256"] == consents.load(record).sha256
    own = command(*given, jane, "--voice-consent", record, "-o", record)
    assert own.code == 2


def test_interrupted_it_goes_on_without_converting_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.mp4"
    calls = []
    join = WorldEngine.join

    def counted(self, *given):  # type: ignore[no-untyped-def]
        calls.append(given)
        return join(self, *given)

    monkeypatch.setattr(WorldEngine, "join", counted)

    def full(*_: object) -> None:
        raise OSError(28, "no space left")

    with monkeypatch.context() as broken:
        broken.setattr("avsynth.pipelines.dub.render_segment", full)
        film = short_person()
        done = command(
            "dub", film, "--audio", high(), "--consent", consent_for(film), "-o", out, *WORLD,
            "--voice-from", "original",
        )  # fmt: skip
    assert done.code == 7, done.err
    assert len(calls) == 1 and not out.exists()
    assert dubbed(out)["resumed"]
    assert len(calls) == 1


def test_new_sound_without_a_voice_is_heard_as_it_was(tmp_path: Path) -> None:
    film, silence = short_person(), recording(tmp_path / "s.wav", np.zeros(RATE, np.float32))
    done = command(
        "dub", film, "--audio", silence, "--consent", consent_for(film), "-o", tmp_path / "o.mp4",
        *WORLD, "--voice-from", "original",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "it is heard as it was" in done.out


def test_what_is_refused(tmp_path: Path) -> None:
    film, out = short_person(), tmp_path / "out.mp4"

    def refused(code: int, words: str, *given: object, audio: bool = True) -> None:
        before = {path.name for path in tmp_path.iterdir()}
        sound = ("--audio", LINE) if audio else ()
        done = command("dub", film, *sound, "-o", out, *WORLD, *given)
        assert done.code == code, done.err
        assert words in done.complaint
        assert {path.name for path in tmp_path.iterdir()} == before

    record = consent_for(film)
    own = "--voice-from", "original", "--consent"
    face = subject([film], tmp_path / "face.json", ["face"])
    refused(5, "consent for the face, not the voice", *own, face)
    voice = subject([film], tmp_path / "voice.json", ["voice"])
    refused(5, "consent for the voice, not the face", *own, voice)
    refused(5, "does not cover", "--voice-from", PERSON, "--consent", record)
    refused(3, "none.wav", "--voice-from", tmp_path / "none.wav", "--consent", record)
    refused(6, "no such voice", "--voice-from", tmp_path / "no.safetensors", "--consent", record)
    cast = tmp_path / "cast.json"
    cast.write_text(
        json.dumps({"cast": [{"face": n, "audio": str(LINE)} for n in (0, 1)]}), "utf-8"
    )
    refused(2, "one face", *own, record, "--cast", cast, audio=False)
    refused(2, "one face", *own, record, "--face", "all")
    mute = grey(tmp_path / "mute.mp4")
    done = command(
        "dub", mute, "--audio", LINE, *own, write_consent(mute, tmp_path / "m.json"), "-o", out,
        *WORLD,
    )  # fmt: skip
    assert done.code == 2 and "has no sound from which a voice" in done.complaint
    target = tmp_path / "target.mp4"
    target.write_bytes(PERSON.read_bytes())
    done = command(
        "dub", film, "--audio", LINE, "--consent", record, "-o", target, "--voice-from", target
    )
    assert done.code == 2 and "overwrite an input" in done.complaint
    for option, value in (("voice_weights", "world"), ("voice_consent", "c.json")):
        with pytest.raises(UsageError, match=f"--{option.replace('_', '-')} goes with"):
            dub_options(**{option: value})
    with pytest.raises(UsageError, match="does not go with --voice-from original"):
        dub_options(voice_from="original", voice_consent="c.json")


def test_the_soundtrack_is_as_long_and_as_wide_as_the_new_sound(tmp_path: Path) -> None:
    wide = tmp_path / "wide.wav"
    soundfile.write(wide, np.stack([line(), 0.5 * line()], axis=1), RATE)
    film, out = short_person(), tmp_path / "out.mp4"
    done = command(
        "dub", film, "--audio", wide, "--consent", consent_for(film), "-o", out, *WORLD,
        "--voice-from", "original",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert probe(out).audio[0].channels == 2
    sound = np.concatenate([c.samples for c in read_audio(out, RATE, mono=False)])
    left, right = np.sqrt((sound.astype(np.float64) ** 2).mean(axis=0))
    assert right / left == pytest.approx(0.5, abs=0.1)
