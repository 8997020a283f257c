"""Options and cast files: what is refused, in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from avsynth.errors import InputError, UsageError
from avsynth.pipelines.options import Cast, DubOptions, dub_options


def test_defaults_are_those_of_the_command() -> None:
    assert dub_options() == DubOptions()
    assert dub_options(fit="ping-pong").fit.value == "ping-pong"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"fit": "stretch"}, "--fit: 'stretch' is none of trim, hold, loop, ping-pong, error"),
        ({"strength": 3}, "--strength must be 0 to 2"),
        ({"strength": float("nan")}, "--strength must be"),
        ({"crf": -1}, "--crf must be 0 to 63"),
        ({"segment_seconds": 0}, "--segment-seconds must be 1 to 60"),
        ({"device": "gpu7"}, "--device: 'gpu7' is none of auto, cpu"),
        ({"device": "cuda:-1"}, "device: "),
        ({"engine": "onnx"}, "engine: "),
        ({"quality": "good"}, "--quality: 'good' is none of fast, best"),
        ({"preset": "veryslower"}, "--preset: 'veryslower' is none of ultrafast"),
        ({"lossless": True, "crf": 18}, "--crf does not go with --lossless"),
        ({"codec": "mpeg2"}, "codec: "),
        ({"face": "bob"}, "--face: 'bob' is none of largest, speaking, all, a number, or a box"),
        ({"face": "1,2,3"}, "face"),
        ({"colour": "red"}, "there is no option --colour"),
    ],
)
def test_bad_values_are_told_in_one_line(given: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as error:
        dub_options(**given)
    assert line in str(error.value) and "\n" not in str(error.value)
    assert "Input should" not in str(error.value) and "Value error" not in str(error.value)


def test_weights_are_one_or_several() -> None:
    assert dub_options().weights == () and dub_options().quality == "best"
    assert dub_options(weights="motion-small").weights == ("motion-small",)
    assert dub_options(weights=["a", "b.safetensors"]).weights == ("a", "b.safetensors")


@pytest.mark.parametrize(
    "face", ["largest", "Speaking", "all", "0", "12", "10,20,30,40", "1.5,2,3,4"]
)
def test_every_way_to_name_a_face(face: str) -> None:
    assert dub_options(face=face).face == face


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:11"])
def test_every_way_to_name_a_device(device: str) -> None:
    assert dub_options(device=device).device == device


def test_a_cast_file_and_its_relative_paths(tmp_path: Path) -> None:
    path = tmp_path / "cast.json"
    path.write_text(json.dumps({"cast": [
        {"face": 0, "audio": "anna.wav"}, {"face": "1,2,3,4", "audio": "/abs/bob.wav"},
    ]}))  # fmt: skip
    assert Cast.load(path) == [
        ("0", tmp_path / "anna.wav"), ("1,2,3,4", Path("/abs/bob.wav")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "not a cast file"),
        ("[]", "not a cast file"),
        ('{"cast": []}', "the cast must be 1 to 64 entries"),
        ('{"cast": [{"face": "0"}]}', "cast entry 0 has no audio"),
        ('{"cast": [{"face": "0", "audoi": "a"}]}', "entry 0 has no audio; unknown key audoi"),
        ('{"cast": [{"face": "0", "audio": "a", "volume": 3}]}', "entry 0: unknown key volume"),
        ('{"cast": [{"face": "0", "audio": 7}]}', "audio 7 is not the name of a file"),
        ('{"cast": ["anna.wav"]}', "entry 0: 'anna.wav' is not a face"),
        ('{"cast": [{"face": true, "audio": "a"}]}', "face True is none of"),
        ('{"cast": [{"face": "nobody", "audio": "a"}]}', "face 'nobody' is none of"),
        ('{"cast": [{"face": "0", "audio": "a"}], "more": 1}', "unknown key 'more'"),
        ('{"cast": ' + "[" * 5000, "not a cast file"),
    ],
)
def test_what_is_no_cast(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "cast.json"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        Cast.load(path)
    assert line in str(error.value) and "\n" not in str(error.value)


def test_a_cast_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing.json", tmp_path, tmp_path / "binary.json"):
        with pytest.raises(InputError, match="cannot read the cast file"):
            Cast.load(path)
