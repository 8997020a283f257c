"""What surrounds a command: streams that are closed or full, folders that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from convert_helpers import stored_voice, voice_record
from dub_helpers import LINE, command
from forked import OK, Run, by_command, start_server
from killing import film_content

REPOSITORY = Path(__file__).parents[2]


class Closed:
    """A conversion without some of the standard streams."""

    def __init__(self, streams: tuple[int, ...]) -> None:
        self.streams = streams

    def __call__(self, folder: Path) -> None:
        for number in self.streams:
            os.close(number)
        sys.stdout = sys.stdout if 1 not in self.streams else None  # type: ignore[assignment]
        sys.stderr = sys.stderr if 2 not in self.streams else None  # type: ignore[assignment]
        by_command(
            "convert", LINE, "--to", stored_voice(), "--consent", voice_record(),
            "--weights", "world", "-o", folder / "out.flac",
        )  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> None:
    """What Run needs."""
    start_server(tmp_path)
    stored_voice(), voice_record()


@pytest.mark.usefixtures("server")
def test_closed_streams_change_nothing(tmp_path: Path) -> None:
    """Without a guard the next file that is opened gets the number of a stream, and its output."""
    made = []
    for streams in ((), (1,), (0, 1, 2)):
        folder = tmp_path / f"without{len(streams)}"
        folder.mkdir()
        run = Run(Closed(streams), folder, folder.with_suffix(".log"))
        assert run.end() in OK, run.log.read_text()
        assert command("verify", folder / "out.flac").code == 0
        made.append(film_content(folder / "out.flac"))
    assert made[0] == made[1] == made[2]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [("probe", LINE), ("probe", LINE, "--json")])
def test_a_full_output_is_told_of_in_one_line(words: tuple[object, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "avsynth", *map(str, words)],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 7
    assert done.stderr == "avsynth: No space left on device (make room, then run it again)\n"


def without_temporaries(*words: object, also: str = "") -> subprocess.CompletedProcess[str]:
    """A command where nothing can be written to folders of temporary files, nor here."""
    if any(Path(used).is_relative_to("/tmp") for used in (sys.executable, REPOSITORY)):
        pytest.skip("the program itself lies in a folder that is to be hidden")
    hide = "for d in /tmp /var/tmp /dev/shm; do mount -t tmpfs -o ro tmpfs $d || exit 99; done"
    script = f'mount --make-rprivate / && {hide}; {also} cd /proc; exec "$@"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", sys.executable, "-m", "avsynth",
         *map(str, words)],
        capture_output=True, text=True, check=False, timeout=100,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TMPDIR": "/tmp"},
    )  # fmt: skip
    if done.returncode in (1, 99) and not done.stderr.startswith("avsynth"):
        pytest.skip("no folders can be hidden here (root can)")
    return done


def test_no_folder_for_temporary_files() -> None:
    """Workers need one for their sockets."""
    done = without_temporaries("scan", LINE, "--detectors", "credentials", "--jobs", 1)
    assert done.returncode == 7 and "set TMPDIR" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    """Keys are made there; where they cannot be, nothing is made at all."""
    words = ("consent", "new", "--kind", "dataset", "--name", "tests", "--licence", "CC0",
             "--media", LINE, "-o", tmp_path / "record.json")  # fmt: skip
    done = without_temporaries(*words, also="export AVSYNTH_HOME=/tmp/home;")
    assert done.returncode == 7, done.stderr
    assert done.stderr.startswith("avsynth: '/tmp/home/") and "Read-only" in done.stderr
    assert len(done.stderr.splitlines()) == 1
