"""avsynth verify: plain words, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from avsynth.cli.verify import verify
from avsynth.errors import AvsynthError, InputError
from avsynth.provenance.credentials import Action, Consent, Model, Source, sign

app = typer.Typer()
app.command()(verify)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), noise)
    return path


def dub(source: Path, name: str) -> Path:
    target = source.with_name(name)
    sign(
        source,
        target,
        title=name,
        parent=Source(source),
        actions=[Action("c2pa.dubbed")],
        models=[Model("motion-small", "ef" * 32)],
        consent=Consent("ab" * 32, "cd" * 16, "dataset", "research"),
    )
    return target


def test_a_signed_file_is_described_in_plain_words(picture: Path) -> None:
    result = run(dub(picture, "b.png"))
    assert result.exit_code == 0
    for words in (
        "signed by this machine",
        "a model made all or part of it",
        "no time stamp",
        "dubbed: speech was replaced",
        "a.png (the original)",
        "motion-small",
        "dataset record " + "ab" * 32,
        "avsynth on this machine",
    ):
        assert words in result.output, words


def test_json_says_the_same(picture: Path) -> None:
    result = run(dub(picture, "b.png"), "--json")
    report = json.loads(result.output)
    assert report["state"] == "trusted" and report["ours"] and report["synthetic"]
    assert report["signed_by"] == report["claimed_by"] == "avsynth on this machine"
    assert report["exit_code"] == result.exit_code == 0
    assert report["consent"]["record_sha256"] == "ab" * 32


def test_no_credentials(picture: Path) -> None:
    result = run(picture)
    assert result.exit_code == 13 and "No Content Credentials" in result.output
    result = run(picture, "--json")
    assert result.exit_code == 13 and json.loads(result.output)["state"] == "none"


def test_changed_content_and_changed_ingredients(picture: Path) -> None:
    parent = dub(picture, "parent.png")
    data = bytearray(parent.read_bytes())
    data[-40] ^= 1
    parent.write_bytes(data)
    result = run(parent)
    assert result.exit_code == 14
    assert "INVALID" in result.output and "content was changed after signing" in result.output
    assert "not proven; it says avsynth on this machine" in result.output
    report = json.loads(run(parent, "--json").output)
    assert report["state"] == "invalid" and not report["ours"]
    assert report["claimed_by"] == "avsynth on this machine"
    assert [report[k] for k in ("signed_by", "issuer", "serial", "signed_at")] == [None] * 4
    result = run(dub(parent, "child.png"))
    assert result.exit_code == 14
    assert "INGREDIENT" in result.output and "parent.png" in result.output
    report = json.loads(run(picture.with_name("child.png"), "--json").output)
    assert report["signed_by"] and report["ingredients"][0]["signed_by"] is None


def test_an_unknown_signer_is_not_called_trusted(
    picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = dub(picture, "b.png")
    monkeypatch.setenv("AVSYNTH_HOME", str(picture.parent / "elsewhere"))
    result = run(signed)
    assert result.exit_code == 0 and "not known here" in result.output


def test_unreadable_files_raise_the_error_that_main_prints(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    for path in (tmp_path / "missing.mp4", tmp_path / "empty.mp4", tmp_path):
        result = run(path)
        assert isinstance(result.exception, InputError)
        assert isinstance(result.exception, AvsynthError) and result.exception.exit_code == 3


def test_console_markup_and_escapes_from_a_file_are_printed_as_text(picture: Path) -> None:
    name = "[red]b\x1b[31m.png"
    result = run(dub(picture, name))
    assert result.exit_code == 0
    assert "[red]b [31m.png" in result.output and "\x1b" not in result.output
