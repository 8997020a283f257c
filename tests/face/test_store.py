"""Tracks on disk: what was written is read, by range, also after a crash."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from avsynth.errors import InputError, ResourceError, UsageError
from avsynth.face import mesh
from avsynth.face.alignment import _TEMPLATE as GENERIC_TEMPLATE
from avsynth.face.detect import FaceBox
from avsynth.face.store import TrackTable, TrackWriter
from avsynth.face.track import TrackedFace


def face(track: int, index: int, shot: int = 0) -> TrackedFace:
    points = np.zeros((mesh.MESH_POINTS, 3), np.float32)
    points[list(mesh.RIGID)] = GENERIC_TEMPLATE * 80 + (200 + 100 * track + index, 150, 0)
    x = 160.0 + 100 * track + index
    return TrackedFace(track, shot, points, 0.5 + 0.4 * track, FaceBox(x, 110, x + 80, 210))


def write(path: Path, frames: int = 300) -> None:
    """Track 0 throughout, track 1 in frames 100 to 199 of even index."""
    with TrackWriter(path, 640, 360) as writer:
        for i in range(frames):
            both = 100 <= i < 200 and i % 2 == 0
            writer.write(i, [face(0, i), face(1, i)] if both else [face(0, i)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "the tracks"
    write(target)
    return target


def test_ranges_and_tracks(path: Path) -> None:
    with TrackTable.open(path) as table:
        assert table.complete and table.frames == 300 and table.records == 350
        assert (table.width, table.height) == (640, 360)
        part = table.read(150, 160)
        assert part.frames.tolist() == sorted([*range(150, 160), *range(150, 160, 2)])
        one = table.read(0, 1000, track_id=1)
        assert one.frames.tolist() == list(range(100, 200, 2))
        stored = face(1, 100).points[list(mesh.STORED)]
        np.testing.assert_array_equal(one.points[0], stored)
        np.testing.assert_allclose(one.boxes[0], (360, 110, 440, 210))
        assert one.scores[0] == pytest.approx(0.9) and set(one.tracks) == {1}
        assert len(table.read(300, 400)) == 0 and len(table.read(10, 10)) == 0
        assert table.read(300, 400).points.shape == (0, len(mesh.STORED), 3)


def test_the_list_of_tracks(path: Path) -> None:
    with TrackTable.open(path) as table:
        first, second = table.tracks
    assert (first.id, first.first, first.last, first.count) == (0, 0, 299, 300)
    assert (second.id, second.first, second.last, second.count) == (1, 100, 198, 50)
    assert second.box == pytest.approx((409, 110, 489, 210))
    assert abs(first.yaw) < 0.5 and first.area == pytest.approx(8000)


def test_after_a_crash_whole_records_are_there(path: Path) -> None:
    """The list of tracks is gone and the last record is half written."""
    with TrackTable.open(path) as table:
        tracks = table.tracks
    path.with_name(path.name + ".json").unlink()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - 100)
    with TrackTable.open(path) as table:
        assert not table.complete
        assert table.records == 349 and table.frames == 299
        assert table.tracks[1] == tracks[1] and table.tracks[0].count == 299
        assert table.read(290, 400).frames.tolist() == list(range(290, 299))


def test_a_failed_job_leaves_an_incomplete_file(tmp_path: Path) -> None:
    path = tmp_path / "tracks"
    with pytest.raises(RuntimeError), TrackWriter(path, 640, 360) as writer:
        for i in range(100):
            writer.write(i, [face(0, i)])
        raise RuntimeError("stopped")
    with TrackTable.open(path) as table:
        assert not table.complete and 0 < table.records <= 100
    write(path, 20)
    with TrackTable.open(path) as table:
        assert table.complete and table.records == 20


def test_a_stale_list_of_tracks_is_not_believed(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write(other, 50)
    (other.with_name("other.json")).replace(path.with_name(path.name + ".json"))
    with TrackTable.open(path) as table:
        assert not table.complete and len(table.tracks) == 2


def test_a_video_without_a_face(tmp_path: Path) -> None:
    with TrackWriter(tmp_path / "none", 64, 48) as writer:
        for i in range(5):
            writer.write(i, [])
    with TrackTable.open(tmp_path / "none") as table:
        assert table.complete and table.frames == 5 and table.tracks == []


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        TrackTable.open(tmp_path / "missing")
    (tmp_path / "foreign").write_bytes(b"RIFF" + bytes(100))
    with pytest.raises(InputError, match="not a file of face tracks"):
        TrackTable.open(tmp_path / "foreign")
    (tmp_path / "empty").touch()
    with pytest.raises(InputError):
        TrackTable.open(tmp_path / "empty")


def test_frames_never_go_backwards(tmp_path: Path) -> None:
    with TrackWriter(tmp_path / "t", 64, 48) as writer:
        writer.write(3, [])
        with pytest.raises(UsageError):
            writer.write(3, [])


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="cannot write the face tracks"):
        TrackWriter(tmp_path / "no such folder" / "t", 64, 48)
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "t").symlink_to(full)
    with pytest.raises(ResourceError, match="No space left"):
        write(tmp_path / "t")


def test_threads_share_a_table(path: Path) -> None:
    def frames(first: int) -> list[int]:
        return table.read(first, first + 50, track_id=0).frames.tolist()

    with TrackTable.open(path) as table, ThreadPoolExecutor(8) as pool:
        starts = list(range(0, 250, 2)) * 4
        assert list(pool.map(frames, starts)) == [list(range(s, s + 50)) for s in starts]
