"""The commands beside dub: help, doctor, probe, weights, bench, demo; what --json prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest
from dub_helpers import LINE, PERSON, _private_home, command, leftovers, process  # noqa: F401

import avsynth
from avsynth.weights import list_weights

HEAVY = ("torch", "torchaudio", "cv2", "mediapipe", "av", "librosa", "numba", "scipy", "numpy",
         "c2pa", "openvino", "face_alignment", "detectors")  # fmt: skip
COMMANDS = [
    "dub",
    "convert",
    "scan",
    "verify",
    "probe",
    "doctor",
    "demo",
    "consent",
    "weights",
    "bench",
]


@pytest.mark.parametrize("arguments", [["--help"], ["dub", "--help"], ["consent", "--help"]])
def test_help_is_quick_and_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['avsynth', *sys.argv[1:]]\n"
        "from avsynth.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        f"print('HEAVY', sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.rstrip().endswith("HEAVY []"), done.stdout[-300:]
    if arguments == ["--help"]:
        assert all(f" {name} " in done.stdout for name in COMMANDS)


def test_version_and_the_installed_command() -> None:
    done = process("--version")
    assert (done.code, done.out) == (0, f"avsynth {avsynth.__version__}\n")
    script = Path(sys.executable).with_name("avsynth")
    if script.exists():
        found = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
        assert found.stdout == done.out


def test_no_command_at_all_shows_the_help() -> None:
    assert "Usage" in command().out


@pytest.mark.parametrize("arguments", [["nonsense"], ["dub"], ["probe"], ["weights", "sing"]])
def test_mistakes_of_usage_are_one_line(arguments: list[str]) -> None:
    done = command(*arguments)
    assert done.code == 2 and done.complaint


def test_probe() -> None:
    found = json.loads(command("probe", PERSON, "--json").out)
    assert (found["video"]["width"], found["video"]["height"]) == (360, 288)
    assert found["video"]["average_rate"] == "25" and found["duration"] == "9"
    assert found["audio"][0]["codec"] == "aac" and found["size_bytes"] == PERSON.stat().st_size
    assert "average_rate" in command("probe", PERSON).out


def test_doctor() -> None:
    found = json.loads(command("doctor", "--json").out)
    assert set(found) >= {"avsynth", "python", "processor", "devices", "libraries", "weights"}
    assert found["devices"][0] == "cpu" and isinstance(found["processor"]["features"], list)
    assert all(found["libraries"].values())
    assert [w["name"] for w in found["weights"]] == [entry.name for entry in list_weights()]
    for entry, shown in zip(list_weights(), found["weights"], strict=True):
        assert shown["state"] == "ok"
        assert (shown["sha256"], shown["licence"]) == (entry.sha256, entry.licence)
    assert command("doctor").out.count("motion-small") >= 2


def test_weights() -> None:
    rows = json.loads(command("weights", "list", "--json").out)["weights"]
    assert rows and all({"name", "sha256", "licence", "purpose"} <= set(row) for row in rows)
    for row in rows:
        shown = json.loads(command("weights", "show", row["name"], "--json").out)
        assert shown["name"] == row["name"] and shown["card"].startswith("# ")
        assert row["name"] in command("weights", "list").out
        assert "research" not in row["name"] or row["purpose"] == "research"
    done = command("weights", "show", "no-such")
    assert done.code == 6 and "no-such" in done.complaint


def test_bench() -> None:
    home = os.environ["AVSYNTH_HOME"]
    done = command("bench", "dub", "--seconds", 2, "--scene", "360x288", "--json")
    found = json.loads(done.out)
    assert [row["quality"] for row in found["rows"]] == ["fast", "best"]
    for row in found["rows"]:
        assert row["name"].startswith("360x288") and row["frames"] == 50
        for field in ("frames_per_second", "realtime_factor", "peak_memory_mb", "startup_s"):
            assert row[field] > 0, field
        assert set(row["stages"]) >= {"faces", "speech", "mouths", "join and sign"}
    assert found["rows"][0]["renderer"] == "classical"
    [ratios] = found["best_to_fast"]
    assert ratios["frames_per_second"] > 0 and ratios["processor_s"] > 0
    ours, reference = found["generator"], found["generator"]["reference"]
    for how in ("one_thread", "as_run"):
        times = reference["ms_a_frame"][how] / ours["ms_a_frame"][how]
        assert ours["times_faster"][how] == pytest.approx(times, abs=0.06)
    assert os.environ["AVSYNTH_HOME"] == home
    done = command("bench", "dub", "--scene", "8k")
    assert done.code == 2 and "8k" in done.complaint


def test_demo(tmp_path: Path) -> None:
    done = process("demo", "--out", tmp_path / "out", "--json")
    found = json.loads(done.out)
    assert done.code == 0 and done.err == ""
    assert found["report"]["outcomes"] == {"dubbed": 225}
    assert found["report"]["consent"]["kind"] == "synthetic"
    assert found["credentials"]["state"] == "trusted"
    dub, original = found["scans"]
    assert dub["verdict"] == "synthetic" and dub["score"] > original["score"]
    reported = ("dubbed.mp4", "nobody.safetensors", "nobody.wav")
    pages = {"scan-of-dub.html", "scan-of-original.html"}
    names = {"before-after.png", "consent.json", "nobody.json", *pages, *reported}
    assert set(leftovers(tmp_path / "out")) == names | {f"{name}.report.json" for name in reported}
    assert command("verify", tmp_path / "out" / "nobody.wav").code == 0
    assert cv2.imread(str(tmp_path / "out" / "before-after.png")) is not None


def test_demo_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = command("demo", "--out", tmp_path / "file")
    assert done.code == 7 and "cannot make the folder" in done.complaint


def test_a_failure_tells_no_trace_unless_asked() -> None:
    assert "Traceback" not in process("probe", "/no/such").err
    assert "Traceback" in process("--debug", "probe", "/no/such").err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["probe", "/no/such.mp4"], 3),
        (["dub", "/no/such.mp4", "--crf", "99"], 2),
        (["dub", "f.mp4", "--audio", "a", "-o", "o.avi", "--consent", "c"], 2),
        (["verify", "/no/such.mp4"], 3),
        (["weights", "show", "no-such"], 6),
        (["bench", "dub", "--scene", "8k"], 2),
    ],
)
def test_a_failure_as_json(arguments: list[str], code: int) -> None:
    done = command(*arguments, "--json")
    told = json.loads(done.out)["error"]
    assert set(told) == {"what", "path", "hint", "exit_code"}
    assert done.code == told["exit_code"] == code
    assert done.err.startswith("avsynth: ") and " ".join(told["what"].split()) in done.err


def test_an_unforeseen_error_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(path: object) -> None:
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr("avsynth.media.probe", failing)
    done = command("probe", LINE)
    assert done.code == 1 and "internal error: ZeroDivisionError: a b" in done.complaint


@pytest.mark.parametrize(
    "error",
    [MemoryError(), OSError(28, "No space left on device", "x"), OSError(27, "File too large"),
     OSError(12, "Cannot allocate memory"), RuntimeError("can't start new thread"),
     RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
     ImportError("libx.so: failed to map segment from shared object"),
     ImportError("libx.so: cannot allocate memory in static TLS block")],
)  # fmt: skip
def test_what_is_short_is_told_as_such(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(path: object) -> None:
        raise error

    monkeypatch.setattr("avsynth.media.probe", failing)
    done = command("probe", LINE)
    assert done.code == 7 and done.complaint


def test_the_reader_of_a_pipe_may_leave() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "avsynth", "probe", str(PERSON)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None and child.stderr is not None
    child.stdout.close()
    told = child.stderr.read()
    child.wait()
    assert "Traceback" not in told and "internal error" not in told


def test_start_up_stays_short() -> None:
    """Not a speed figure: a guard against an import that takes seconds."""
    process("--help")
    started = time.monotonic()
    process("--help")
    assert time.monotonic() - started < 5
