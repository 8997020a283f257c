"""A dub whose segments are rendered on a cluster has the very frames of one that is not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cluster_helpers import killing_one
from dub_helpers import (
    LINE,
    command,
    consent_for,
    leftovers,
    same_pictures,
    shared_folder,
    short_person,
)

from avsynth.cluster.connection import Cluster
from avsynth.cluster.files import File
from avsynth.media import read_audio
from avsynth.pipelines.dub import dub
from avsynth.pipelines.options import DubOptions
from avsynth.pipelines.progress import Step
from avsynth.reporting import Report

FRAMES = 75  # three segments of one second
OPTIONS = DubOptions(segment_seconds=1.0, lossless=True)


@functools.cache
def film() -> Path:
    return short_person(frames=FRAMES)


@functools.cache
def alone() -> Path:
    """The same in this process."""
    out = shared_folder() / "alone.mp4"
    again(out)
    return out


def again(out: Path, cluster: Cluster | None = None, **more: object) -> Report:
    return dub(
        film(), [("largest", LINE)], consent_for(film()), out, OPTIONS, cluster=cluster, **more
    )  # type: ignore[arg-type]


def same_sound(first: Path, second: Path) -> bool:
    one, other = (
        np.concatenate([chunk.samples for chunk in read_audio(path, 22050)])
        for path in (first, second)
    )
    return np.array_equal(one, other)


class Stop(Exception):
    """Ends a job from its progress."""


def stop_at(frames: int) -> Callable[[Step], None]:
    def look(step: Step) -> None:
        if step.stage == "mouths" and step.done >= frames:
            raise Stop

    return look


def finished(folder: Path) -> dict[Path, int]:
    """The finished segments of a job, and that they are the very files."""
    done = {path.with_suffix(".nut") for path in folder.glob("segment-*.json")}
    return {path: path.stat().st_ino for path in done}


def test_a_worker_killed_and_the_job_ended_without_the_cluster(
    two_workers: Cluster, tmp_path: Path
) -> None:
    out, folder = tmp_path / "out.mp4", tmp_path / ".out.mp4.job"
    with killing_one() as killed, pytest.raises(Stop):
        again(out, two_workers, progress=stop_at(50))
    assert killed and leftovers(tmp_path) == [folder.name]
    done = finished(folder)
    assert len(done) == 2
    kept: list[bool] = []

    def look(step: Step) -> None:
        if step.stage == "sync":
            kept.append(done.items() <= finished(folder).items())

    report = again(out, progress=look)
    assert report.resumed and kept and all(kept)
    assert report.outcomes == {"dubbed": FRAMES}
    assert same_pictures(out, alone()) and same_sound(out, alone())
    assert leftovers(tmp_path) == ["out.mp4", "out.mp4.report.json"]


def test_begun_without_and_ended_by_workers_that_do_not_see_the_files(
    two_workers: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here all files seem to have changed a moment later than workers find; in small pieces."""
    out, folder = tmp_path / "out.mp4", tmp_path / ".out.mp4.job"
    with pytest.raises(Stop):
        again(out, progress=stop_at(26))
    assert len(finished(folder)) == 1
    seen = File.of

    def otherwise(path: Path) -> File:
        return replace(seen(path), changed=seen(path).changed + 1)

    monkeypatch.setattr(File, "of", otherwise)
    monkeypatch.setattr("avsynth.cluster.files._PIECE", 10_000)
    report = again(out, two_workers)
    assert report.resumed and same_pictures(out, alone())
    assert command("verify", out).code == 0


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--jobs", 2), 2, "--jobs goes with --cluster"),
        (("--cluster", "local", "--jobs", 0), 2, "--jobs 0: at least 1"),
        (("--cluster", "local", "--device", "cuda"), 2, "--cluster runs on processors"),
    ],
)
def test_what_cannot_be(more: tuple[object, ...], code: int, said: str, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    done = command(
        "dub", film(), "--audio", LINE, "--consent", consent_for(film()), "-o", out, *more
    )
    assert (done.code, leftovers(tmp_path)) == (code, []) and said in done.complaint
