"""avsynth consent: the commands a user types, from making a record to taking it back."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from avsynth.cli.consent import app
from avsynth.errors import AvsynthError, ConsentError, InputError, UsageError
from avsynth.provenance.consent import load
from avsynth.provenance.keys import local_key
from avsynth.provenance.records import published_schema


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.exception
    return result.output


def fails(error: type[AvsynthError], line: str, *arguments: object) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, error), result.output
    assert line in str(result.exception)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{n} clip.png" for n in range(3)]
    for n, path in enumerate(paths):
        assert cv2.imwrite(str(path), np.full((8, 8, 3), n, np.uint8))
    return paths


def dataset(files: list[Path], out: Path, *more: object) -> str:
    return done(
        "new",
        "--kind",
        "dataset",
        "--name",
        "GRID",
        "--licence",
        "CC-BY-4.0",
        "--media",
        *files,
        "-o",
        out,
        *more,
    )


def test_the_command_of_the_readme_covers_exactly_those_files(
    files: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "c.json"
    printed = dataset(files[:2], out)
    assert "dataset: GRID" in printed and local_key().fingerprint in printed
    for path in files[:2]:
        assert "visible label     research" in done("check", out, "--media", path)
    fails(ConsentError, "does not cover this file", "check", out, "--media", files[2])
    allowed = json.loads(done("check", out, "--media", files[0], "--json"))
    assert allowed["label"] == "research" and allowed["allows_research_weights"]


def test_media_can_be_named_one_option_each(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "c.json"
    done(
        "new",
        "--kind",
        "dataset",
        "--name",
        "X",
        "--licence",
        "CC0-1.0",
        "--media",
        files[0],
        "--media",
        files[1],
        "--out",
        out,
    )
    assert len(load(out).document["media"]) == 2


def test_a_subject_signs_with_their_own_key_and_is_then_trusted(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "jane.json"
    done(
        "new",
        "--kind",
        "subject",
        "--name",
        "Jane",
        "--scope",
        "face",
        "--scope",
        "voice",
        "--purpose",
        "commercial",
        "--language",
        "de",
        "--expires",
        "90d",
        "--media",
        files[0],
        "-o",
        out,
        "--unsigned",
    )
    fails(ConsentError, "is not signed", "check", out)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("AVSYNTH_HOME", str(tmp_path / "janes-home"))
        done("sign", out)
        fingerprint = local_key().fingerprint
    fails(ConsentError, "not trusted here", "check", out)
    fails(UsageError, "fingerprint", "trust", "add", out, "--name", "Jane")
    fails(
        ConsentError,
        "another one",
        "trust",
        "add",
        out,
        "--name",
        "Jane",
        "--fingerprint",
        "0" * 16,
    )
    done("trust", "add", out, "--name", "Jane", "--fingerprint", fingerprint[:16])
    printed = done("check", out)
    assert "signed by Jane" in printed and "identity  not checked" in printed
    fails(ConsentError, "signed already", "sign", out)
    fails(ConsentError, "its own key signed", "revoke", out, "--list", tmp_path / "mine.json")
    fails(ConsentError, "pass --language", "check", out, "--media", files[0])
    allowed = json.loads(done("check", out, "--media", files[0], "--language", "de-AT", "--json"))
    assert allowed["commercial"] and not allowed["allows_research_weights"]
    fails(ConsentError, "not for 'fr'", "check", out, "--media", files[0], "--language", "fr")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("AVSYNTH_HOME", str(tmp_path / "janes-home"))
        done("revoke", out, "--list", tmp_path / "list.json", "--reason", "no more")
    fails(ConsentError, "no more", "check", out, "--revocations", tmp_path / "list.json")
    done("subscribe", tmp_path / "list.json")
    fails(ConsentError, "was revoked", "check", out)
    assert "Jane" in done("trust", "show")
    done("trust", "remove", fingerprint[:16])
    assert "Jane" not in done("trust", "show")


def test_a_synthetic_person(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "nobody.json"
    options = [
        "new",
        "--kind",
        "synthetic",
        "--name",
        "Nobody",
        "--media",
        files[0],
        "-o",
        out,
        "--threshold",
        0.5,
        "--measure",
        "dlib face",
        "--compared",
        9,
    ]
    fails(ConsentError, "this is somebody", *options, "--distance", 0.4)
    assert not out.exists()
    done(*options, "--distance", 0.8)
    assert "visible label     none" in done("check", out, "--media", files[0])


def test_revoking_by_id_and_by_file(files: list[Path], tmp_path: Path) -> None:
    for how in ("file", "id"):
        out = tmp_path / f"{how}.json"
        dataset(files, out)
        assert "Valid" in done("check", out)
        done("revoke", out if how == "file" else load(out).record.id)
        fails(ConsentError, "was revoked", "check", out)


def test_the_schema_is_printed_as_published() -> None:
    assert done("schema") == published_schema()


@pytest.mark.parametrize(
    ("options", "error", "line"),
    [
        (["--kind", "dataset"], UsageError, "needs --licence"),
        (["--kind", "subject", "--scope", "face", "--purpose", "x"], UsageError, "--expires"),
        (["--kind", "subject", "--purpose", "x", "--expires", "1d"], UsageError, "--scope"),
        (["--kind", "subject", "--scope", "face", "--expires", "1d"], UsageError, "--purpose"),
        (["--kind", "subject", "--licence", "MIT"], UsageError, "does not belong"),
        (["--kind", "synthetic", "--distance", "1"], UsageError, "needs --threshold"),
        (["--kind", "dataset", "--licence", "MIT", "--expires", "soon"], UsageError, "not a day"),
        (
            ["--kind", "dataset", "--licence", "MIT", "--expires", "2020-01-01"],
            ConsentError,
            "expires before it starts",
        ),
        (
            ["--kind", "dataset", "--licence", "CC-BY-NC-4.0", "--purpose", "commercial"],
            ConsentError,
            "non-commercial",
        ),
        (
            ["--kind", "dataset", "--licence", "MIT", "--key", "k", "--unsigned"],
            UsageError,
            "--key signs",
        ),
        (["--kind", "dataset", "--licence", "MIT", "--key", "missing.pem"], InputError, "the key"),
    ],
)
def test_contradictions_and_mistakes_write_nothing(
    files: list[Path], tmp_path: Path, options: list[str], error: type[AvsynthError], line: str
) -> None:
    out = tmp_path / "c.json"
    fails(error, line, "new", "--name", "X", "--media", files[0], "-o", out, *options)
    assert not out.exists()


def test_media_that_are_missing_or_would_be_overwritten(files: list[Path], tmp_path: Path) -> None:
    base = ["new", "--kind", "dataset", "--name", "X", "--licence", "MIT"]
    fails(UsageError, "no media", *base, "-o", tmp_path / "c.json")
    missing = tmp_path / "missing.mp4"
    fails(InputError, "no such file", *base, "--media", missing, "-o", tmp_path / "c.json")
    before = files[0].read_bytes()
    fails(UsageError, "overwrite", *base, "--media", files[0], "-o", files[0])
    assert files[0].read_bytes() == before


def test_an_existing_file_is_never_overwritten(files: list[Path], tmp_path: Path) -> None:
    out, other = tmp_path / "c.json", tmp_path / "other.json"
    dataset(files[:1], out, "--unsigned")
    before = out.read_bytes()
    options = ["new", "--kind", "dataset", "--name", "X", "--licence", "MIT", "--media", files[0]]
    fails(UsageError, "overwrite an existing file", *options, "-o", out)
    other.write_text("mine")
    fails(UsageError, "overwrite an existing file", "sign", out, "-o", other)
    assert out.read_bytes() == before and other.read_text() == "mine"
    done("sign", out, "-o", tmp_path / "signed.json")
    assert out.read_bytes() == before
    done("sign", out, "-o", out)
    assert "signature" in load(out).document


def test_a_check_says_that_nobody_compared_the_person(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "jane.json"
    options = ["--scope", "face", "--purpose", "x", "--expires", "9d", "--media", files[0]]
    done("new", "--kind", "subject", "--name", "Jane", *options, "-o", out)
    monkeypatch.setattr("avsynth.provenance.identity.find_embedders", lambda scope: ())
    printed = done("check", out, "--media", files[1])
    assert "identity          not checked" in printed
    assert "the person of the record was not checked: install the extra 'metrics'" in printed


def test_markup_and_escapes_in_a_name_are_printed_as_text(
    files: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "c.json"
    printed = done(
        "new",
        "--kind",
        "dataset",
        "--name",
        "[red]\x1b[31mX\u202e",
        "--licence",
        "MIT",
        "--media",
        files[0],
        "-o",
        out,
    )
    assert "[red] [31mX" in printed and "\x1b" not in printed and "\u202e" not in printed
