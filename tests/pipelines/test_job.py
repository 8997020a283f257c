"""The job folder: what is kept for a second try, who may work in it, when it goes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from avsynth.errors import InputError, ResourceError, UsageError
from avsynth.pipelines.job import Job


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.mp4"


@pytest.fixture
def other_process() -> Iterator[psutil.Process]:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield psutil.Process(child.pid)
    child.kill()
    child.wait()


def begin(out: Path, **settings: object) -> Job:
    """A job in which one step was done, then interrupted."""
    with pytest.raises(KeyboardInterrupt), Job(out, settings) as job:
        job.write_json("step.json", {"a": [1]})
        raise KeyboardInterrupt
    return job


def test_a_finished_step_is_there_in_the_second_try(out: Path) -> None:
    begin(out, a=1)
    with Job(out, {"a": 1}) as job:
        assert job.resumed and job.done("step.json") and job.read_json("step.json") == {"a": [1]}
        assert not job.done("other.json")
        job.remove()
    assert list(out.parent.iterdir()) == []


def test_other_settings_start_afresh(out: Path) -> None:
    job = begin(out, a=1)
    (job.folder / "folder").mkdir()
    with Job(out, {"a": 2}) as job:
        assert not job.resumed and not job.done("step.json") and not job.done("folder")


def test_the_order_of_settings_does_not_matter(out: Path) -> None:
    begin(out, a=1, b=2)
    with Job(out, {"b": 2, "a": 1}) as job:
        assert job.resumed


def test_damaged_settings_start_afresh(out: Path) -> None:
    job = begin(out, a=1)
    (job.folder / "job.json").write_bytes(b"\xff\x00{")
    with Job(out, {"a": 1}) as job:
        assert not job.resumed and not job.done("step.json")


def test_a_step_that_failed_is_not_done(out: Path) -> None:
    with Job(out, {}) as job:
        with pytest.raises(KeyError), job.finishing("step") as path:
            path.write_text("half")
            raise KeyError
        assert not job.done("step")


def test_a_living_process_keeps_others_out(out: Path, other_process: psutil.Process) -> None:
    job = begin(out, a=1)
    lock = job.folder / "lock"
    code = (
        "import sys; from pathlib import Path; from avsynth.pipelines.job import Job\n"
        f"job = Job(Path({str(out)!r}), {{'a': 1}}); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match=f"process {holder.pid} is already working"):
            Job(out, {"a": 1})
        assert job.done("step.json"), "the other's work was touched"
        holder.kill()
    assert lock.exists()  # it had no time to tidy up
    with Job(out, {"a": 1}) as job:
        assert job.resumed


def test_the_number_of_a_dead_process_may_be_another_ones_now(
    out: Path, other_process: psutil.Process
) -> None:
    job = begin(out, a=1)
    (job.folder / "lock").write_text(f"{other_process.pid} {other_process.create_time() - 1000}")
    with Job(out, {"a": 1}) as job:
        assert job.resumed


@pytest.mark.parametrize("content", ["", "nonsense", "-1", "99999999", "\x00\x01", "1 2 3"])
def test_a_lock_that_says_nothing_useful_is_stale(out: Path, content: str) -> None:
    job = begin(out, a=1)
    (job.folder / "lock").write_text(content)
    with Job(out, {"a": 1}) as job:
        assert job.resumed


def test_errors_that_would_come_again_leave_nothing(out: Path) -> None:
    with pytest.raises(InputError), Job(out, {}) as job:
        job.write_json("step.json", 1)
        raise InputError("broken")
    assert list(out.parent.iterdir()) == []


def test_a_full_disk_keeps_what_was_finished(out: Path) -> None:
    with pytest.raises(ResourceError), Job(out, {}) as job:
        job.write_json("step.json", 1)
        raise ResourceError("full")
    with Job(out, {}) as job:
        assert job.resumed and job.done("step.json")


def test_an_interruption_before_any_step_leaves_nothing(out: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Job(out, {}):
        raise KeyboardInterrupt
    assert list(out.parent.iterdir()) == []


def test_a_missing_folder_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="No such file"):
        Job(tmp_path / "missing" / "out.mp4", {})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_where_nothing_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ResourceError, match="job folder"):
        Job(tmp_path / "file" / "out.mp4", {})
    with pytest.raises(ResourceError, match="name too long"):
        Job(tmp_path / ("n" * 250 + ".mp4"), {})


def test_nobody_else_may_look_into_it_or_put_something_there(out: Path) -> None:
    assert begin(out).folder.stat().st_mode & 0o777 == 0o700


def test_what_another_user_left_is_not_gone_on_with(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = begin(out)
    monkeypatch.setattr(os, "getuid", lambda: job.folder.stat().st_uid + 1)
    with pytest.raises(ResourceError, match="another user's"):
        Job(out, {})
    assert job.done("step.json")


def test_a_link_in_its_place_is_not_followed(out: Path, tmp_path: Path) -> None:
    job = begin(out)
    job.folder.rename(tmp_path / "elsewhere")
    job.folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ResourceError, match="no folder"):
        Job(out, {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ResourceError, match="Permission"):
        Job(tmp_path / "out.mp4", {})
    tmp_path.chmod(0o700)
