"""avsynth scan from the command line: what is printed and written, exit codes, Ctrl-C, resuming."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dub_helpers import PERSON, _private_home, command, process  # noqa: F401

QUICK = ("--detectors", "credentials")


def sound(path: Path, seconds: float = 0.5) -> Path:
    soundfile.write(path, np.zeros(round(16000 * seconds), np.float32), 16000)
    return path


def test_a_file_in_words_and_as_json() -> None:
    done = command("scan", PERSON, *QUICK)
    assert done.code == 11 and str(PERSON) in done.out and "INCONCLUSIVE" in done.out
    assert "1 file: 0 synthetic, 1 inconclusive" in done.err
    done = command("scan", PERSON, *QUICK, "--max-duration", 2)
    assert "Note: only the first 2 s of video were looked at" in done.out
    done = command("scan", PERSON, *QUICK, "--json")
    (line,) = done.out.splitlines()
    found = json.loads(line)
    assert found["kind"] == "video" and found["settings"]["detectors"] == ["credentials"]
    assert found["properties"]["video"]["width"] == 360 and len(found["sha256"]) == 64


def test_what_cannot_be_read_is_said_and_not_an_error_of_usage(tmp_path: Path) -> None:
    broken = tmp_path / "broken\n.mp4"
    broken.write_bytes(b"no film")
    done = command("scan", broken, tmp_path / "gone.wav", *QUICK, "--jobs", 1, "--json")
    assert done.code == 12 and "2 unreadable" in done.err
    errors = {json.loads(line)["path"]: json.loads(line)["error"] for line in done.out.splitlines()}
    assert errors == {str(broken): "not a media file, or damaged beyond reading",
                      str(tmp_path / "gone.wav"): "no such file"}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--detectors", "visual,nonesuch"), "no detector is called nonesuch"),
        (("--operating-point", "2"), "operating-point: input should be less than 1"),
        (("--period", "0"), "period: input should be greater than or equal to 0.1"),
        (("--resume",), "--resume needs --out or --report"),
    ],
)
def test_mistakes_are_one_line(more: tuple[str, ...], words: str) -> None:
    done = command("scan", PERSON, *more)
    assert done.code == 2 and words in done.complaint


def test_a_folder_needs_r(tmp_path: Path) -> None:
    done = command("scan", tmp_path, *QUICK)
    assert done.code == 2 and "-r looks through folders" in done.complaint
    done = command("scan", "-r", tmp_path, *QUICK)
    assert done.code == 4 and "no media to look at" in done.complaint


def test_a_folder_with_a_report(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        sound(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    done = command("scan", "-r", tmp_path, *QUICK, "--report", tmp_path / "pages", "--jobs", 2)
    assert done.code == 11 and "passed over: 1 no media by their names" in done.err
    assert f"report: {tmp_path / 'pages' / 'index.html'}" in done.err
    assert len((tmp_path / "pages" / "scan.jsonl").read_text().splitlines()) == 2
    assert len(list((tmp_path / "pages").glob("*.html"))) == 3


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_batch_is_gone_on_with(tmp_path: Path, how: signal.Signals) -> None:
    files = [sound(tmp_path / f"{number:03}.wav", 2.0) for number in range(60)]
    out = tmp_path / "out.jsonl"
    arguments = ["scan", "-r", tmp_path, *QUICK, "--out", out, "--jobs", 1]
    running = subprocess.Popen(
        [sys.executable, "-m", "avsynth", *map(str, arguments)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        # A shell's background jobs ignore Ctrl-C, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    until = time.monotonic() + 120
    while time.monotonic() < until and not (out.exists() and out.read_bytes().count(b"\n") > 2):
        time.sleep(0.02)
    running.send_signal(how)
    _, complaint = running.communicate(timeout=60)
    if how == signal.SIGINT:
        assert running.returncode == 130 and b"interrupted" in complaint
    before = [json.loads(line)["path"] for line in out.read_text().splitlines(keepends=True)
              if line.endswith("\n")]  # fmt: skip
    assert 2 < len(before) < len(files)
    done = process(*map(str, arguments), "--resume")
    after = [json.loads(line)["path"] for line in out.read_text().splitlines()]
    assert done.code == 11 and f"{len(before)} of them from earlier" in done.err
    assert after[: len(before)] == before and sorted(after) == [str(path) for path in files]


def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path / "odd-") + b"\xff.wav"))
    try:
        sound(tmp_path / "plain.wav").rename(path)
    except OSError:
        pytest.skip("this file system has text names only")
    done = process("scan", path, *QUICK, "--json")
    assert done.code == 11 and json.loads(done.out)["path"].endswith("odd-\\xff.wav")
