"""A reenactment is killed in each of its stages; a second try ends with the very same frames."""

from __future__ import annotations

import functools
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from dub_helpers import leftovers, same_pictures, shared_folder
from reenact_helpers import covers, film, person, portrait

from avsynth.pipelines.extract_motion import extract_motion
from avsynth.pipelines.progress import Step
from avsynth.pipelines.reenact import reenact
from avsynth.pipelines.reenact_options import ReenactOptions

# Runs a reenactment and kills its own process, as hard as can be, at a given moment.
CHILD = """
import os, signal, sys
from pathlib import Path
import avsynth.pipelines.reenact as verb
from avsynth.face.track import FaceTracker
from avsynth.media import SegmentWriter
from avsynth.pipelines.reenact_options import ReenactOptions

source, driver, record, out, where = sys.argv[1:]

def count_down(owner, name, calls):
    whole, left = getattr(owner, name), [calls]
    def counted(*a, **k):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*a, **k)
    setattr(owner, name, counted)

count_down(*{
    "faces": (FaceTracker, "update", 20),
    "second segment": (SegmentWriter, "write", 28),
    "publishing": (verb.credentials, "publish", 1),
}[where])
verb.reenact(Path(source), Path(driver), Path(record), Path(out),
             ReenactOptions(quality="fast", lossless=True, segment_seconds=1.0))
"""
OPTIONS = ReenactOptions(quality="fast", lossless=True, segment_seconds=1.0)


@functools.cache
def driver() -> Path:
    """A film of two segments."""
    return film(shared_folder() / "two-seconds.mp4", list(person()[:32]))


@functools.cache
def record() -> Path:
    return covers(shared_folder() / "two-seconds.json", portrait(), driver())


@functools.cache
def uninterrupted() -> Path:
    out = shared_folder() / "uninterrupted-reenact.mp4"
    report = reenact(portrait(), driver(), record(), out, OPTIONS)
    assert not report.resumed
    return out


@pytest.mark.parametrize(
    ("where", "segments", "resumed"),
    [("faces", 0, False), ("second segment", 1, True), ("publishing", 2, True)],
)
def test_killed_and_started_again(where: str, segments: int, resumed: bool, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    child = subprocess.run(
        [sys.executable, "-c", CHILD, portrait(), driver(), record(), out, where],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert leftovers(tmp_path) == [".out.mp4.job"]
    assert len(list((tmp_path / ".out.mp4.job").glob("segment-*.json"))) == segments
    told: list[str] = []
    report = reenact(
        portrait(), driver(), record(), out, OPTIONS, progress=lambda step: told.append(step.stage)
    )
    assert ("faces" in told) is not resumed
    assert report.resumed
    assert same_pictures(out, uninterrupted())
    assert leftovers(tmp_path, out) == ["out.mp4.report.json"]


def test_stopped_by_hand_with_a_motion_file(tmp_path: Path) -> None:
    stored, out = tmp_path / "motion.safetensors", tmp_path / "out.mp4"
    extract_motion(driver(), record(), stored)
    given = [stored, tmp_path / "motion.safetensors.report.json"]

    def stop(step: Step) -> None:
        if (tmp_path / ".out.mp4.job" / "segment-000000.json").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reenact(portrait(), stored, record(), out, OPTIONS, progress=stop)
    assert leftovers(tmp_path, *given) == [".out.mp4.job"]
    report = reenact(portrait(), stored, record(), out, OPTIONS)
    assert report.resumed and same_pictures(out, uninterrupted())
    assert leftovers(tmp_path, out, *given) == ["out.mp4.report.json"]
