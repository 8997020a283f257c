"""Output appears whole or not at all."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_clips import picture

from avsynth.errors import ResourceError
from avsynth.media import (
    Box,
    Orientation,
    Writer,
    atomic_output,
    remove_left_over,
    same_file,
    video_like,
)
from avsynth.media.timing import decoding_times, reorder_depth


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    final = tmp_path / "a 'b'\nü.mp4"
    final.write_text("old")
    with atomic_output(final) as temporary:
        assert temporary.parent == final.parent and temporary.suffix == ".mp4"
        temporary.write_text("new")
        assert final.read_text() == "old"
    assert final.read_text() == "new"
    assert list(tmp_path.iterdir()) == [final]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_what_was_there(error: type[BaseException], tmp_path: Path) -> None:
    final = tmp_path / "a.mp4"
    final.write_text("old")
    with pytest.raises(error), atomic_output(final) as temporary:
        temporary.write_text("new")
        raise error
    assert final.read_text() == "old"
    assert list(tmp_path.iterdir()) == [final]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    for name, reason in (("no/a.mp4", "folder does not exist"), ("folder.mp4", "is a directory"),
                         ("file/a.mp4", "not a folder")):  # fmt: skip
        with pytest.raises(ResourceError, match=reason), atomic_output(tmp_path / name):
            raise AssertionError("the body must not run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(ResourceError, match="permission"), atomic_output(tmp_path / "a.mp4"):
        pass


def test_a_full_disk(tmp_path: Path) -> None:
    # A limit on the size of files fails writes in the same place as a disk without room.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        for suffix in ("mp4", "mkv", "nut"):
            with pytest.raises(ResourceError, match="too large"), \
                    Writer(tmp_path / f"a.{suffix}", video_like(128, 96)) as writer:  # fmt: skip
                for index in range(200):
                    writer.write(picture(128, 96, index))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    final = tmp_path / ("x" * 250 + ".mp4")
    with Writer(final, video_like(32, 32)) as writer:
        writer.write(picture(32, 32, 0))
    assert final.exists()


_KILLED = """
import os, signal, sys
from avsynth.media import atomic_output
with atomic_output(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print(temporary.name, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="dead processes stay nowhere else")
def test_what_killed_processes_left_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _KILLED, tmp_path / "a.html"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as left, subprocess.Popen(command, **pipes) as alive:
        assert left.stdout and alive.stdout and alive.stdin
        left.stdout.readline()
        name = alive.stdout.readline().decode().strip()
        left.kill()
        os.waitid(os.P_PID, left.pid, os.WEXITED | os.WNOWAIT)  # dead, and nobody has asked for it
        others = [".avsynth-notes.txt", ".avsynth-0123abcd-1-2.0-ff.html", "b.html"]
        for other in others:
            (tmp_path / other).touch()
        remove_left_over(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {name, *others}
    assert alive.returncode == 0 and (tmp_path / "a.html").read_text() == "half"


def test_same_file_sees_through_links(tmp_path: Path) -> None:
    one = tmp_path / "a.mp4"
    one.touch()
    (tmp_path / "link.mp4").symlink_to(one)
    os.link(one, tmp_path / "hard.mp4")
    assert same_file(one, tmp_path / "link.mp4") and same_file(one, tmp_path / "hard.mp4")
    assert same_file(one, tmp_path / "." / "a.mp4")
    assert not same_file(one, tmp_path / "missing.mp4")


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(0, 3), st.data())
def test_decoding_times_hold_their_promise(
    lengths: list[int], reorder: int, data: st.DataObject
) -> None:
    start, segments = 0, []
    for length in lengths:
        steps = data.draw(st.lists(st.integers(1, 50), min_size=length, max_size=length))
        pts = np.cumsum(steps).astype(np.int64) + start
        start = int(pts[-1])
        late = data.draw(st.lists(st.integers(0, reorder), min_size=length, max_size=length))
        order = np.argsort(np.arange(length) + late, kind="stable")
        segments.append(pts[order])
    depth = max(map(reorder_depth, segments))
    before = np.empty(0, np.int64)
    found = []
    for pts in segments:
        times = decoding_times(pts, depth, before, 40)
        assert len(times) == len(pts) and np.all(times <= pts)
        found.append(times)
        before = np.concatenate([before, np.sort(pts)])[-max(depth, 1) :]
    assert np.all(np.diff(np.concatenate(found)) > 0)


@given(st.integers(0, 7), st.integers(1, 9), st.integers(1, 9), st.data())
def test_orientations_are_undone(kind: int, width: int, height: int, data: st.DataObject) -> None:
    orientation = Orientation(kind % 4 * 90, kind >= 4)
    stored = np.arange(width * height).reshape(height, width)
    shown = orientation.to_display(stored)
    assert shown.shape[::-1] == orientation.size(width, height)
    assert np.array_equal(orientation.to_stored(shown), stored)
    matrix = np.array(orientation.matrix(), "<i4").tobytes()
    assert Orientation.from_matrix(matrix) == orientation
    x, y = data.draw(st.integers(0, shown.shape[1])), data.draw(st.integers(0, shown.shape[0]))
    box = Box(0, 0, x, y)
    part = stored[orientation.box_to_stored(box, *shown.shape[::-1]).slices]
    assert np.array_equal(orientation.to_display(part), shown[box.slices])


def test_boxes() -> None:
    box = Box(2, 3, 10, 8)
    assert (box.width, box.height, box.area) == (8, 5, 40)
    assert box.clip(5, 5) == Box(2, 3, 5, 5)
    assert Box(20, 20, 30, 30).clip(5, 5).area == 0
    assert box.union(Box(0, 5, 4, 20)) == Box(0, 3, 10, 20)
    assert box.union(Box(0, 0, 0, 0)) == box
    assert box.shift(1, -1) == Box(3, 2, 11, 7)
    assert box.expand(2) == Box(0, 1, 12, 10)
    assert np.zeros((20, 20))[box.slices].shape == (5, 8)
