"""Conversion as a whole, by WORLD: time, level, channels, credentials, report, interruption."""

from __future__ import annotations

import functools
import math
import shutil
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from convert_helpers import (
    Floats,
    decoded,
    nobody,
    packets,
    speech,
    stored_voice,
    voice_record,
    wav,
)
from dub_helpers import LINE, _private_home, leftovers, shared_folder, short_person  # noqa: F401
from voice_helpers import debug_speaker, noise, recording, subject  # noqa: F401

from avsynth.errors import ConsentError, NothingToDoError, UsageError
from avsynth.media import Writer, read_frames
from avsynth.media.writer import video_like
from avsynth.models.listening import listen
from avsynth.models.voice_engine import Shifts, SourceVoice
from avsynth.models.world_engine import WorldEngine
from avsynth.pipelines.convert import convert
from avsynth.pipelines.convert_finish import measure
from avsynth.pipelines.convert_inputs import ConvertOptions, convert_options
from avsynth.pipelines.progress import Step
from avsynth.provenance import consent as consents
from avsynth.provenance.credentials import read
from avsynth.reporting import Report
from avsynth.speech.loudness import decibels
from avsynth.weights.voice_engines import ConversionModels

WORLD = ConvertOptions(weights="world")


class Same:
    """An engine that changes nothing, so that all that is around it can be seen."""

    name, rate = "same", 16000

    def listen(self, chunks: Iterable[Floats]) -> SourceVoice:
        return listen(chunks)

    def pieces(self, chunks: Iterable[Floats], source: SourceVoice) -> Iterator[Floats]:
        return iter(chunks)

    def remake(self, piece: Floats, source: SourceVoice, target: Any, shifts: Shifts) -> Floats:
        return piece

    def join(self, made: Iterable[Floats], source: SourceVoice) -> Iterator[Floats]:
        return iter(made)


@pytest.fixture
def same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "avsynth.pipelines.convert.load_voice_engine", lambda *_: ConversionModels(Same())
    )


def done(source: Path, out: Path, options: ConvertOptions = WORLD, **more: Any) -> Report:
    return convert(source, [stored_voice()], voice_record(), out, options, **more)


@functools.cache
def line_converted() -> tuple[Path, Report, list[Step]]:
    out = shared_folder() / "line-converted.flac"
    told: list[Step] = []
    return out, done(LINE, out, progress=told.append), told


def test_a_line_in_another_voice() -> None:
    out, report, _ = line_converted()
    before, after = decoded(LINE, 22050), decoded(out, 22050)
    assert after.shape == before.shape
    sound = report.sound
    assert sound is not None and sound.samples == len(before)
    heard = listen([decoded(out, 16000)[:, 0]])
    assert heard.pitch.mean == pytest.approx(nobody().pitch.mean, abs=0.08)
    assert math.exp(heard.pitch.mean) > 1.7 * sound.pitch_before
    told, found = measure(LINE, 22050, 1), measure(out, 22050, 1)
    assert found.loudness == pytest.approx(told.loudness, abs=0.5)
    assert sound.loudness_after == pytest.approx(found.loudness, abs=0.01)
    assert decibels(found.peak) <= -1.0


def test_the_credentials_say_what_was_done_and_from_what() -> None:
    out, report, _ = line_converted()
    found = read(out)
    assert found.state == "trusted" and found.ours and found.where == "embedded"
    assert [action.action for action in found.actions] == ["c2pa.opened", "c2pa.edited"]
    assert "by world" in (found.actions[1].description or "") and found.synthetic
    assert [i.title for i in found.ingredients] == [LINE.name, stored_voice().name]
    assert found.consent is not None
    assert found.consent["record_sha256"] == consents.load(voice_record()).sha256
    assert report.output.sha256 == consents.sha256_file(out)
    assert {i.path for i in report.inputs} == {str(LINE), str(stored_voice())}


def test_the_report_and_what_is_told_on_the_way() -> None:
    out, report, told = line_converted()
    text = out.with_name(out.name + ".report.json").read_text()
    assert Report.model_validate_json(text).model_dump_json() == report.model_dump_json()
    sound = report.sound
    assert sound is not None
    assert (sound.engine, sound.codec, sound.rate, sound.channels) == ("world", "flac", 22050, 1)
    assert sound.bandwidth_hz == 8000 and sound.realtime_factor > 0
    assert "the new voice reaches up to 8000 Hz" in report.notes
    stages = list(dict.fromkeys(step.stage for step in told))
    assert stages[:6] == ["checks", "networks", "listening", "converting", "writing", "measuring"]
    ends = {step.stage: step for step in told}
    assert ends["converting"].done == pytest.approx(6.9, abs=0.05)
    assert (ends["converting"].unit, ends["converting"].total) == ("s", 7)


@pytest.mark.usefixtures("same")
@pytest.mark.parametrize(
    ("rate", "suffix"), [(8000, ".wav"), (11025, ".flac"), (44100, ".wav"), (192000, ".flac")]
)
def test_every_rate_keeps_its_samples_in_place(rate: int, suffix: str, tmp_path: Path) -> None:
    samples = speech(rate)[: 3 * rate + 17] * np.float32(0.5)
    source, out = wav(tmp_path / "in.wav", samples, rate), tmp_path / f"out{suffix}"
    report = done(source, out)
    made = decoded(out, rate)[:, 0]
    assert len(made) == len(samples)
    assert report.sound is not None
    assert report.sound.bandwidth_hz == min(8000, rate // 2)
    # Nothing but the band was changed: sample by sample the same up to 3 kHz.
    apart = np.fft.rfft(made - samples)[: int(3000 * len(samples) / rate)]
    whole = np.fft.rfft(samples)[: int(3000 * len(samples) / rate)]
    assert np.linalg.norm(apart) < 0.1 * np.linalg.norm(whole)


@pytest.mark.usefixtures("same")
def test_two_channels_keep_their_places(tmp_path: Path) -> None:
    voice = speech(16000) * np.float32(0.5)
    left, right = voice * np.float32(0.8), voice * np.float32(0.2)
    left, right = left.copy(), right.copy()
    right[48000:] = voice[48000:]  # now it is on the right
    left[48000:] = 0
    source = wav(tmp_path / "in.wav", np.stack([left, right], axis=1))
    done(source, tmp_path / "out.wav")
    made = decoded(tmp_path / "out.wav", 16000)
    assert made.shape == (len(voice), 2)

    def level(samples: Floats, part: slice) -> float:
        return float(np.sqrt((samples[part] ** 2).mean()))

    first, second = slice(0, 43000), slice(53000, None)
    for channel, before in ((0, left), (1, right)):
        assert level(made[:, channel], first) == pytest.approx(level(before, first), rel=0.15)
    assert level(made[:, 1], second) == pytest.approx(level(right, second), rel=0.15)
    assert not made[second, 0].any()


@pytest.mark.usefixtures("same")
def test_channels_that_cancel_each_other_are_heard_all_the_same(tmp_path: Path) -> None:
    voice = speech(16000)[:48000] * np.float32(0.5)
    source = wav(tmp_path / "in.wav", np.stack([voice, -voice], axis=1))
    report = done(source, tmp_path / "out.wav")
    made = decoded(tmp_path / "out.wav", 16000)
    assert report.sound is not None and report.sound.speech_seconds > 1
    assert float(np.corrcoef(np.abs(made[:, 0]), np.abs(voice))[0, 1]) > 0.98


@pytest.mark.usefixtures("same")
def test_peaks_stay_down_and_what_that_costs_is_told(tmp_path: Path) -> None:
    loud = wav(tmp_path / "loud.wav", 30 * speech(16000), subtype="FLOAT")
    for suffix in (".wav", ".m4a", ".mp3"):
        out = tmp_path / f"out{suffix}"
        report = done(loud, out)
        assert decibels(measure(out, 16000, 1).peak) <= -1.0
        assert any("LU from the source's loudness" in note for note in report.notes)
    clipped = wav(tmp_path / "clipped.wav", np.clip(2 * speech(16000), -1, 1))
    report = done(clipped, tmp_path / "out.flac")
    assert decibels(measure(tmp_path / "out.flac", 16000, 1).peak) <= -1.0
    assert report.sound is not None
    assert report.sound.loudness_after == pytest.approx(report.sound.loudness_before or 0, abs=0.5)


@pytest.mark.usefixtures("same")
def test_an_offset_goes_and_what_is_no_number_is_silence(tmp_path: Path) -> None:
    voice = speech(16000)[:64000] * np.float32(0.3)
    source = wav(tmp_path / "offset.wav", voice + np.float32(0.5), subtype="FLOAT")
    done(source, tmp_path / "out.wav")
    made = decoded(tmp_path / "out.wav", 16000)[:, 0]
    assert abs(float(made.mean())) < 1e-3 and np.abs(made).max() < 0.4
    broken = voice.copy()
    broken[16000:24000], broken[30000] = np.nan, np.inf
    done(wav(tmp_path / "broken.wav", broken, subtype="FLOAT"), tmp_path / "out2.wav")
    made = decoded(tmp_path / "out2.wav", 16000)[:, 0]
    assert np.isfinite(made).all() and np.abs(made[17600:22400]).max() < 1e-6


@pytest.mark.parametrize(
    ("suffix", "where"),
    [(".mp3", "embedded"), (".m4a", "embedded"), (".opus", "sidecar"), (".ogg", "sidecar"),
     (".mka", "sidecar")],
)  # fmt: skip
@pytest.mark.usefixtures("same")
def test_credentials_of_every_container(suffix: str, where: str, tmp_path: Path) -> None:
    source, out = wav(tmp_path / "in.wav", speech(16000)[:32000]), tmp_path / f"out{suffix}"
    report = done(source, out)
    found = read(out)
    assert (found.state, found.where) == ("trusted", where)
    assert report.sound is not None
    assert abs(len(decoded(out, report.sound.rate)) - report.sound.samples) < 1152
    beside = tmp_path / f"out{suffix}.c2pa"
    assert beside.exists() == (where == "sidecar")
    if where == "sidecar":
        assert f"the credentials lie beside the file: out{suffix}.c2pa" in report.notes
        out.write_bytes(out.read_bytes()[:-100] + bytes(100))
        assert read(out).state == "invalid"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_picture_of_a_film_is_not_touched(suffix: str, tmp_path: Path) -> None:
    film, out = short_person(), tmp_path / f"out{suffix}"
    report = done(film, out)
    before, after = packets(film, "video"), packets(out, "video")
    assert [p[-1] for p in after[0]] == [p[-1] for p in before[0]]
    with read_frames(film) as old, read_frames(out) as new:
        assert [float(f.time) for f in new] == pytest.approx([float(f.time) for f in old], abs=1e-3)
    assert packets(out, "audio") != packets(film, "audio")
    assert read(out).state == "trusted" and read(out).ingredients[0].title == film.name
    assert report.frames == 0 and report.seconds == pytest.approx(2.0, abs=0.05)


def test_research_is_said_where_no_label_can_be_seen(tmp_path: Path) -> None:
    out, record = tmp_path / "out.wav", voice_record("dataset")
    source = wav(tmp_path / "in.wav", speech(16000)[:32000])
    report = convert(source, [stored_voice()], record, out, WORLD)
    assert any(note.startswith("research output") for note in report.notes)
    found = read(out)
    assert found.consent is not None and found.consent["label"] == "research"
    assert "research output" in (found.actions[1].description or "")


@pytest.mark.usefixtures("debug_speaker", "same")
def test_recordings_of_the_target(tmp_path: Path) -> None:
    source = wav(tmp_path / "in.wav", speech(16000)[:32000])
    first, second = (recording(tmp_path / f"{n}.wav", speech(16000)[n * 9000 :]) for n in (1, 2))
    record = subject([first, second], tmp_path / "jane.json")
    report = convert(source, [first, second], record, tmp_path / "out.wav", WORLD)
    assert report.consent["scope"] == "voice" and len(report.consent["files"]) == 2
    assert [i.title for i in read(tmp_path / "out.wav").ingredients] == ["in.wav", "1.wav", "2.wav"]
    assert report.sound is not None and report.sound.target_seconds > 3
    hiss = recording(tmp_path / "hiss.wav", noise(4))
    record = subject([hiss], tmp_path / "hiss.json")
    report = convert(source, [hiss], record, tmp_path / "out2.wav", WORLD)
    assert any("spread" in note for note in report.notes)


@pytest.mark.usefixtures("debug_speaker")
def test_a_record_that_does_not_allow_the_voice(tmp_path: Path) -> None:
    source = wav(tmp_path / "in.wav", speech(16000)[:32000])
    reference = recording(tmp_path / "jane.wav", speech(16000))
    face = subject([reference], tmp_path / "face.json", ["face"])
    out = tmp_path / "out.wav"
    for references, record, words in (
        ([reference], face, "consent for the face, not the voice"),
        ([reference], voice_record(), "does not cover"),
        ([stored_voice()], face, "nobody"),
        ([stored_voice()], tmp_path / "none.json", "cannot read"),
    ):
        with pytest.raises(ConsentError, match=words):
            convert(source, references, record, out, WORLD)
    with pytest.raises(ConsentError, match="not for 'politics'"):
        done(source, out, ConvertOptions(weights="world", purpose="politics"))
    assert leftovers(tmp_path, source, reference, face) == []


def test_a_source_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "in.flac"
    shutil.copyfile(line_converted()[0], source)
    data = bytearray(source.read_bytes())
    data[-2000] ^= 1
    source.write_bytes(bytes(data))
    from avsynth.errors import InvalidCredentialsError

    with pytest.raises(InvalidCredentialsError):
        done(source, tmp_path / "out.wav")


def test_what_was_converted_is_not_converted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = wav(tmp_path / "in.wav", speech(16000)[:32000]), tmp_path / "out.wav"
    calls: list[int] = []
    whole = WorldEngine.join

    def counted(self: WorldEngine, *given: Any) -> Iterator[Floats]:
        calls.append(1)
        return whole(self, *given)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(WorldEngine, "join", counted)
    with monkeypatch.context() as broken:
        broken.setattr("avsynth.pipelines.convert.finish", full)
        with pytest.raises(OSError):
            done(source, out)
    assert leftovers(tmp_path, source) == [".out.wav.job"]
    first = done(source, out)
    assert first.resumed and len(calls) == 1
    assert not done(source, out).resumed and len(calls) == 2
    assert leftovers(tmp_path, source) == ["out.wav", "out.wav.report.json"]


@pytest.mark.parametrize("stage", ["listening", "converting", "writing"])
def test_ctrl_c_leaves_nothing_under_the_outputs_name(stage: str, tmp_path: Path) -> None:
    source, out = wav(tmp_path / "in.wav", speech(16000)[:32000]), tmp_path / "out.wav"

    def stop(step: Step) -> None:
        if step.stage == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        done(source, out, progress=stop)
    assert leftovers(tmp_path, source) == ([] if stage != "writing" else [".out.wav.job"])


def test_nobody_speaks(tmp_path: Path) -> None:
    silent = wav(tmp_path / "silent.wav", np.zeros(48000, np.float32))
    with pytest.raises(NothingToDoError, match="nobody speaks"):
        done(silent, tmp_path / "out.wav")
    assert leftovers(tmp_path, silent) == []


def test_an_engine_that_loses_samples_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Short(Same):
        def join(self, made: Iterable[Floats], source: SourceVoice) -> Iterator[Floats]:
            yield np.concatenate(list(made))[:-500]

    monkeypatch.setattr(
        "avsynth.pipelines.convert.load_voice_engine", lambda *_: ConversionModels(Short())
    )
    source = wav(tmp_path / "in.wav", speech(16000)[:32000])
    with pytest.raises(RuntimeError, match="31500 samples of 32000"):
        done(source, tmp_path / "out.wav")
    assert leftovers(tmp_path, source) == []


def test_options_out_of_range_are_named() -> None:
    for given, words in (
        ({"pitch": 30.0}, "--pitch must be -24 to 24"),
        ({"formant": -13.0}, "--formant must be -12 to 12"),
        ({"device": "tpu"}, "--device must be"),
        ({"engine": "openvino", "device": "cuda"}, "excludes --device cuda"),
        ({"speed": 2}, "no option --speed"),
    ):
        with pytest.raises(UsageError, match=words):
            convert_options(**given)


def test_a_film_that_starts_late_keeps_its_sound_in_place(tmp_path: Path) -> None:
    film, out = tmp_path / "film.mkv", tmp_path / "out.mkv"
    with Writer(film, video_like(64, 48, 25), audio_rate=16000, audio_codec="flac") as writer:
        writer.write_audio(speech(16000)[:32000], time=Fraction(1, 2))
        for _ in range(60):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    done(film, out)
    from avsynth.media import probe

    assert probe(out).audio[0].start == probe(film).audio[0].start == Fraction(1, 2)
    assert len(decoded(out, 16000)) == 32000
