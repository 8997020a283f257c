"""avsynth convert on the command line: what it prints, and what it refuses in one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from convert_helpers import convert_command, decoded, speech, stored_voice, voice_record, wav
from dub_helpers import PERSON, Done, _private_home, command, grey, leftovers  # noqa: F401

from avsynth.provenance.credentials import read


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return wav(tmp_path / "in.wav", speech(16000)[:32000])


def refused(done: Done, code: int, words: str, folder: Path, *kept: Path) -> None:
    complaint = done.complaint
    assert (done.code, words in complaint) == (code, True), complaint
    assert leftovers(folder, *kept) == []


def test_a_few_lines_and_a_verified_file(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.opus"
    done = convert_command(source, out)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == str(out) and "by world" in done.out and "real-time factor" in done.out
    assert f"note: the credentials lie beside the file: {out.name}.c2pa" in done.out
    assert [line for line in done.err.splitlines() if line.startswith("converting")]
    verified = command("verify", out)
    assert verified.code == 0 and f"Found in     {out}.c2pa" in verified.out
    names = [out.name, f"{out.name}.c2pa", f"{out.name}.report.json"]
    assert leftovers(tmp_path, source) == names


def test_json_is_the_report_and_fits_its_schema(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    done = convert_command(source, out, "--json", "--pitch", "3", "--formant", "1")
    assert done.code == 0 and done.err == ""
    report = json.loads(done.out)
    schema = json.loads(resources.files("avsynth").joinpath("report.schema.json").read_text())
    jsonschema.validate(report, schema)
    assert report["verb"] == "convert" and report["settings"]["pitch"] == 3.0
    assert json.loads((tmp_path / "out.wav.report.json").read_text()) == report
    assert len(decoded(out, 16000)) == 32000


def test_sound_that_is_none(tmp_path: Path) -> None:
    out, random = tmp_path / "out.wav", np.random.default_rng(0)
    silent = wav(tmp_path / "silent.wav", np.zeros(48000, np.float32))
    noise = wav(tmp_path / "noise.wav", 0.1 * random.standard_normal(48000))
    empty, cut, text = (tmp_path / f"{name}.wav" for name in ("empty", "cut", "text"))
    empty.touch()
    cut.write_bytes(silent.read_bytes()[:30])
    text.write_text("words\n" * 500)
    film = grey(tmp_path / "film.mp4")
    kept = silent, noise, empty, cut, text, film
    for given, code, words in (
        (silent, 4, "nobody speaks"),
        (noise, 4, "nobody speaks"),
        (empty, 3, "the file is empty"),
        (cut, 3, ""),
        (text, 3, "not a media file"),
        (film, 3, "holds no sound"),
        (tmp_path / "none.wav", 3, "no such file"),
        (tmp_path, 3, "directory"),
    ):
        refused(convert_command(given, out), code, words, tmp_path, *kept)


def test_contradictions_and_places_that_cannot_be(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    for output, more, code, words in (
        (tmp_path / "out.xyz", (), 2, "kind is not known"),
        (source, (), 2, "overwrite an input"),
        (tmp_path / "none" / "out.wav", (), 7, "folder does not exist"),
        (tmp_path, (), 7, "is a directory"),
        (out, ("--pitch", "99"), 2, "--pitch must be"),
        (out, ("--cert", "a.pem"), 2, "--cert and --key go together"),
        (out, ("--device", "cuda", "--engine", "openvino"), 2, "excludes"),
        (out, ("--to", PERSON), 2, "a stored voice stands alone"),
        (out, ("--purpose", "politics"), 5, "not for 'politics'"),
        (out, ("--weights", "no-such-voice"), 6, "no-such-voice"),
    ):
        refused(convert_command(source, output, *more), code, words, tmp_path, source)
    film = convert_command(PERSON, tmp_path / "out.webm")
    refused(film, 2, "cannot hold h264 video", tmp_path, source)


def test_without_the_right_record(source: Path, tmp_path: Path) -> None:
    out, broken = tmp_path / "out.wav", tmp_path / "broken.json"
    broken.write_text(voice_record().read_text().replace("nobody", "somebody"))
    refused(convert_command(source, out, consent=broken), 5, "changed", tmp_path, source, broken)
    missing = tmp_path / "missing.json"
    refused(
        convert_command(source, out, consent=missing), 5, "cannot read", tmp_path, source, broken
    )
    done = command("convert", source, "--to", stored_voice(), "-o", out)
    assert done.code == 2 and "--consent" in done.err


def test_a_stored_voice_that_is_none(source: Path, tmp_path: Path) -> None:
    fake = tmp_path / "voice.safetensors"
    fake.write_bytes(b"\x80\x04K\x01.")
    done = command(
        "convert", source, "--to", fake, "--consent", voice_record(), "-o", tmp_path / "out.wav"
    )
    refused(done, 6, "voice.safetensors", tmp_path, source, fake)


def test_ctrl_c_ends_in_one_line(tmp_path: Path) -> None:
    source = wav(tmp_path / "in.wav", np.tile(speech(16000), 6))
    out = tmp_path / "out.wav"
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "avsynth", "convert", source, "--to", stored_voice(),
         "--consent", voice_record(), "-o", out, "--weights", "world"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # A shell that runs the tests in its background has them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as child:  # fmt: skip
        assert child.stderr is not None
        for line in child.stderr:
            if line.startswith("converting"):
                break
        child.send_signal(signal.SIGINT)
        printed, told = child.communicate(timeout=120)
    assert child.returncode == 130, told
    assert told.splitlines()[-1].startswith("avsynth: interrupted") and printed == ""
    assert leftovers(tmp_path, source) == []


def test_what_lies_under_the_outputs_name_stays_when_it_fails(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.wav"
    out.write_bytes(b"before")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28), str(out))

    with monkeypatch.context() as broken:
        broken.setattr("avsynth.provenance.credentials.sign", full)
        done = convert_command(source, out)
    assert done.code == 7 and "No space left" in done.complaint
    assert out.read_bytes() == b"before"
    assert leftovers(tmp_path, source, out) == [".out.wav.job"]
    assert convert_command(source, out).code == 0 and read(out).state == "trusted"
    assert leftovers(tmp_path, source, out) == ["out.wav.report.json"]
