"""The process is killed in every stage; a second try ends with the very same frames."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dub_helpers import (
    LINE,
    command,
    consent_for,
    leftovers,
    same_pictures,
    shared_folder,
    short_person,
)

from avsynth.pipelines.dub import dub
from avsynth.pipelines.options import DubOptions
from avsynth.reporting import Report

FILM_FRAMES = 75  # three segments of one second
# Lossless: the lossy encoder rounds differently from process to process.
OPTIONS = DubOptions(segment_seconds=1.0, lossless=True)

# Runs a dub and kills its own process, as hard as can be, at a given moment.
CHILD = """
import os, signal, sys
from pathlib import Path
import avsynth.pipelines.dub as verb
from avsynth.media import SegmentWriter
from avsynth.pipelines.options import DubOptions

film, audio, record, out, where = sys.argv[1:]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def count_down(owner, name, calls, after=False):
    whole, left = getattr(owner, name), [calls]
    def counted(*a, **k):
        left[0] -= 1
        if left[0] == 0 and not after:
            die()
        result = whole(*a, **k)
        if left[0] == 0:
            die()
        return result
    setattr(owner, name, counted)

def progress(step):
    if step.stage == where:
        die()

from avsynth.face.track import FaceTracker
moments = {
    "halfway through the faces": (FaceTracker, "update", 40),
    "in the second segment": (SegmentWriter, "write", 40),
    "between segments": (verb, "render_segment", 2),
    "when all segments are there": (verb, "render_segment", 3, True),
    "before signing": (verb.credentials, "sign", 1),
    "when signed": (verb.credentials, "verify_ours", 1, True),
    "before publishing": (verb.credentials, "publish", 1),
    "when published": (verb.credentials, "publish", 1, True),
}
if where in moments:
    count_down(*moments[where])
verb.dub(Path(film), [("largest", Path(audio))], Path(record), Path(out),
         DubOptions(segment_seconds=1.0, lossless=True), progress=progress)
"""


@functools.cache
def film() -> Path:
    return short_person(frames=FILM_FRAMES)


@functools.cache
def uninterrupted() -> Path:
    out = shared_folder() / "uninterrupted.mp4"
    again(out)
    return out


@functools.cache
def uninterrupted_command() -> Path:
    """The same with segments as long as the command makes them: references are chosen in each."""
    out = shared_folder() / "uninterrupted-command.mp4"
    dub(film(), [("largest", LINE)], consent_for(film()), out, DubOptions(lossless=True))
    return out


def again(out: Path) -> Report:
    return dub(film(), [("largest", LINE)], consent_for(film()), out, OPTIONS)


MOMENTS = [
    ("halfway through the faces", 0),
    ("in the second segment", 1),
    ("when all segments are there", 2),
    ("before signing", 3),
    ("before publishing", 3),
]
# The rest under `make faults`, beside random ones.
MORE = [
    ("faces", 0),
    ("speech", 0),
    ("between segments", 1),
    ("sync", 3),
    ("join and sign", 3),
    ("when signed", 3),
]


@pytest.mark.parametrize(
    ("where", "segments"),
    MOMENTS + (MORE if os.environ.get("AVSYNTH_FAULTS") == "full" else []),
)
def test_killed_and_started_again(where: str, segments: int, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    child = subprocess.run(
        [sys.executable, "-c", CHILD, film(), LINE, consent_for(film()), out, where],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert leftovers(tmp_path) == [".out.mp4.job"]
    folder = tmp_path / ".out.mp4.job"
    done = {p.with_suffix(".nut") for p in folder.glob("segment-*.json")}
    assert len(done) == segments
    analysed = folder / "frames.npy"
    assert analysed.exists() == (where != "faces" and "faces" not in where)
    # What is finished must not be made again: its files are kept aside and compared.
    aside = tmp_path / "aside"
    aside.mkdir()
    for path in (*done, *([analysed] if analysed.exists() else [])):
        os.link(path, aside / path.name)
    kept = {path.name: path.stat().st_ino for path in aside.iterdir()}
    seen: dict[str, int] = {}

    def watch(step: object) -> None:
        if getattr(step, "stage", "") == "join and sign":
            seen.update({p.name: p.stat().st_ino for p in folder.iterdir()})

    report = dub(film(), [("largest", LINE)], consent_for(film()), out, OPTIONS, progress=watch)
    assert report.resumed and kept.items() <= seen.items()
    assert report.outcomes == {"dubbed": FILM_FRAMES}
    shutil.rmtree(aside)
    assert leftovers(tmp_path) == ["out.mp4", "out.mp4.report.json"]
    assert same_pictures(out, uninterrupted())
    assert command("verify", out).code == 0


def test_killed_when_published_the_output_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    child = subprocess.run(
        [sys.executable, "-c", CHILD, film(), LINE, consent_for(film()), out, "when published"],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert command("verify", out).code == 0 and same_pictures(out, uninterrupted())
    again(out)
    assert leftovers(tmp_path) == ["out.mp4", "out.mp4.report.json"]


@contextlib.contextmanager
def start(out: Path) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own; one that does not end is not waited for."""
    child = subprocess.Popen(
        [sys.executable, "-m", "avsynth", "dub", film(), "--audio", LINE, "--consent",
         consent_for(film()), "-o", out, "--lossless"],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        # A shell that runs the tests in its background has them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    with child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def wait_for(child: subprocess.Popen[str], stage: str) -> None:
    assert child.stderr is not None
    for line in child.stderr:
        if line.startswith(stage):
            return
    raise AssertionError(f"{stage} was never told")


@pytest.mark.parametrize("stage", ["faces", "mouths"])
def test_the_real_command_killed_from_outside(stage: str, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with start(out) as child:
        wait_for(child, stage)
        child.kill()
    assert child.returncode == -signal.SIGKILL and not out.exists()
    done = command(
        "dub", film(), "--audio", LINE, "--consent", consent_for(film()), "-o", out, "--lossless"
    )
    assert done.code == 0 and same_pictures(out, uninterrupted_command())
    assert leftovers(tmp_path) == ["out.mp4", "out.mp4.report.json"]


@pytest.mark.parametrize("stage", ["networks", "faces", "mouths"])
def test_ctrl_c_ends_in_one_line(stage: str, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with start(out) as child:
        wait_for(child, stage)
        child.send_signal(signal.SIGINT)
        printed, told = child.communicate(timeout=60)
    assert child.returncode == 130, told
    lines = [line for line in told.splitlines() if not line.endswith(" ...")]
    assert lines == ["avsynth: interrupted; run the same command again to go on"]
    assert printed == "" and set(leftovers(tmp_path)) <= {".out.mp4.job"}
