"""What would not work elsewhere than on Linux, as far as that can be told on Linux."""

from __future__ import annotations

import ast
import errno
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest

from avsynth.errors import WeightsError
from avsynth.media import atomic_output, output
from avsynth.provenance.home import home
from avsynth.weights import registry
from detectors import sharing
from detectors.options import ScanOptions
from detectors.pool import Order, Pool
from detectors.unreadable import unreadable
from detectors.walk import Item

ROOT = Path(__file__).parents[2]
SOURCES = sorted(p for name in ("avsynth", "detectors") for p in (ROOT / name).rglob("*.py"))

#: Not on Windows, and some not on macOS either; where they stand, the platform is asked first.
POSIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios"}
POSIX_CALLS = {
    "chown", "chroot", "fork", "getegid", "geteuid", "getgid", "getloadavg", "getpgid", "getuid",
    "killpg", "mkfifo", "nice", "pread", "pwrite", "sched_getaffinity", "sched_getparam",
    "sched_getscheduler", "sched_setaffinity", "sched_setscheduler", "setpgid", "setsid", "statvfs",
    "uname", "SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "SIGUSR2", "alarm",
    "setitimer",
}  # fmt: skip
#: Of OpenCV: on Windows they lose names that are not of the system's code page.
BY_NAME = {"imread", "imwrite", "VideoCapture", "VideoWriter"}
GUARDED = {
    "avsynth/cluster/connection.py",
    "avsynth/media/scheduling.py",
    "avsynth/pipelines/job.py",
    "avsynth/provenance/home.py",
}


def posix_only(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from POSIX_MODULES & {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module in POSIX_MODULES:
            yield node.module
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("os", "signal")
            and node.attr in POSIX_CALLS
        ):
            yield f"{node.value.id}.{node.attr}"


def test_what_only_posix_has_stands_where_the_platform_is_asked() -> None:
    found = {}
    for path in SOURCES:
        names = sorted(set(posix_only(ast.parse(path.read_text("utf-8")))))
        if names:
            found[path.relative_to(ROOT).as_posix()] = names
    assert set(found) == GUARDED, found


def test_pictures_are_not_opened_by_their_names() -> None:
    for path in SOURCES:
        if path.name == "timing.py" or path.parent.name == "bench":  # in a folder of their own
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            assert not (called and node.value.id == "cv2" and node.attr in BY_NAME), path


def test_every_file_of_the_repository_can_be_checked_out_on_windows() -> None:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if done.returncode:
        pytest.skip("this is not a checkout")
    names = [name.decode() for name in done.stdout.split(b"\0") if name]
    folded = Counter(name.casefold() for name in names)
    assert not [name for name, count in folded.items() if count > 1]
    for name in names:
        assert not PureWindowsPath(name).is_reserved(), name
        assert not re.search(r'[<>:"|?*\\\x00-\x1f]|[. ](/|$)', name), name
        assert len(name) < 200, name


class Windows(SimpleNamespace):
    """``os`` as Windows has it: folders cannot be opened, read-only handles not be synced."""

    name, O_RDONLY, O_RDWR = "nt", os.O_RDONLY, os.O_RDWR
    O_CREAT, O_EXCL, O_WRONLY = os.O_CREAT, os.O_EXCL, os.O_WRONLY

    def __init__(self) -> None:
        self.read_only: set[int] = set()

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        if path.is_dir():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        handle = os.open(path, flags, mode)
        if not flags & (os.O_WRONLY | os.O_RDWR):
            self.read_only.add(handle)
        return handle

    def fsync(self, handle: int) -> None:
        if handle in self.read_only:
            raise OSError(errno.EBADF, "Bad file descriptor")
        os.fsync(handle)

    def close(self, handle: int) -> None:
        self.read_only.discard(handle)
        os.close(handle)


def test_output_appears_where_folders_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "os", Windows())
    with atomic_output(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("separator, path", [("/", "mine/own"), ("\\", "mine\\own"),
                                             ("\\", "mine/own")])  # fmt: skip
def test_a_path_is_not_taken_for_a_name_of_weights(
    separator: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.os, "sep", separator)
    with pytest.raises(WeightsError, match="no such weights file"):
        registry.load(path)


def test_settings_lie_where_the_platform_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AVSYNTH_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path / "Roaming"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    found = {}
    for platform in ("linux", "darwin", "win32"):
        monkeypatch.setattr(sys, "platform", platform)
        found[platform] = home().relative_to(tmp_path).as_posix()
    assert found == {
        "linux": "config/avsynth",
        "darwin": "Library/Application Support/avsynth",
        "win32": "Roaming/avsynth",
    }


LOCKING = """
import hashlib, os, pathlib, secrets, sys, tempfile, types
import avsynth.errors
locked = []
stand_in = types.ModuleType("msvcrt")
stand_in.LK_LOCK = 1
stand_in.locking = lambda handle, kind, count: locked.append((kind, count))
sys.modules["msvcrt"] = stand_in
sys.modules["fcntl"] = None  # an import fails
sys.platform = "win32"
from avsynth.provenance import home
with tempfile.TemporaryDirectory() as folder:
    os.environ["AVSYNTH_HOME"] = folder
    path = pathlib.Path(folder) / "trust.json"
    with home.locked(path):
        home.write_over(path, b"{}")
    assert home.write_new(path, b"other") == b"{}"
assert locked == [(1, 1)], locked
"""


def test_files_are_locked_by_what_windows_has() -> None:
    done = subprocess.run([sys.executable, "-c", LOCKING], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-1500:]


def answer(connection, order) -> None:  # type: ignore[no-untyped-def]
    """A worker that can read nothing, in a process of its own."""
    while True:
        try:
            path = connection.recv().path
        except EOFError:
            return
        connection.send(unreadable(path, OSError(f"in {os.getpid()}"), {}))


@pytest.mark.slow
def test_workers_begin_where_nothing_can_be_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing.multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    assert sharing.start_workers(["json"]).get_start_method() == "spawn"
    with Pool(Order(ScanOptions()), 1, work=answer) as pool:
        [(item, verdict)] = pool.run([Item("a.wav")])
    assert item.path == "a.wav" and verdict is not None
    assert verdict.error is not None and str(os.getpid()) not in verdict.error


def test_words_that_a_console_cannot_show_do_not_end_the_command() -> None:
    code = "import sys; sys.argv = ['avsynth', 'weights', 'show', sys.argv[1]]\n" + (
        "from unittest import mock\nfrom avsynth.cli.main import main\n"
        "import avsynth.weights\n"
        "with mock.patch('avsynth.weights.card', lambda name: 'caf\\u00e9 \\u2265 \\u4f60'): main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "motion-small"], capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]
    assert done.stdout.strip() == b"caf\xe9 \\u2265 \\u4f60"
