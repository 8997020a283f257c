"""Work in a process of its own, with limits, of which is noted how it ends and what it writes."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

MEMORY = 6 << 30  # bytes of address space
LARGEST_FILE = 1 << 30  # bytes that may be written into one

# What ctypes and matplotlib start, when they are imported, to find libraries and fonts.
_OF_IMPORTS = {"fc-list", "/sbin/ldconfig", "/usr/bin/gcc", "ld"}

#: Makes the function that is called with every item; called once in the process.
Make = Callable[[], Callable[[Any], Any]]


@dataclass
class Result:
    """What came of an item: an answer, or how the process ended; what was written and where."""

    item: Any
    answer: Any = None
    ended: str | None = None  # "hang", or the signal's name, or an exit code
    seconds: float = 0.0
    memory_mb: float = 0.0
    wrote: list[str] = field(default_factory=list)


class Watched:
    """One process that does one item after the other; a new one when it died or was ended."""

    def __init__(
        self, make: Make, folder: Path, allowed: tuple[Path, ...], patience: float
    ) -> None:
        """``folder``: where home and temporary files are; ``allowed``: where may be written."""
        self._make, self._folder, self._patience = make, folder, patience
        self._allowed = tuple(os.fspath(each) for each in (*allowed, folder / "scratch"))
        self._process: Any = None
        self._connection: Connection
        for name in ("home", "scratch", "cwd"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def do(self, item: Any) -> Result:
        """Have it done, or see how it ends."""
        if self._process is None:
            self._start()
        began = time.monotonic()
        self._connection.send(item)
        if not self._connection.poll(self._patience):
            return Result(item, ended="hang", seconds=self._patience, answer=self._end(kill=True))
        try:
            answer, memory, wrote = self._connection.recv()
        except EOFError:
            seconds = time.monotonic() - began
            return Result(item, ended=self._end(kill=False), seconds=seconds)
        return Result(item, answer, None, time.monotonic() - began, memory, wrote)

    def close(self) -> None:
        """End the process."""
        self._end(kill=True)

    def _start(self) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_live, args=(theirs, self._make, self._folder, self._allowed), daemon=True
        )
        self._process.start()
        theirs.close()

    def _end(self, kill: bool) -> str:
        process, self._process = self._process, None
        if process is None:
            return ""
        if kill:
            process.kill()
        process.join()
        self._connection.close()
        code = process.exitcode or 0
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _live(connection: Connection, make: Make, folder: Path, allowed: tuple[str, ...]) -> None:
    os.environ |= {
        "HOME": str(folder / "home"), "TMPDIR": str(folder / "scratch"),
        "MPLCONFIGDIR": str(folder / "scratch"),  # mediapipe loads matplotlib, which keeps fonts
    }  # fmt: skip
    os.chdir(folder / "cwd")
    quiet = os.open(folder / "native.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(quiet, 2)
    faulthandler.enable(file=os.fdopen(os.dup(quiet), "w"))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    wrote: list[str] = []
    function = make()  # what is imported may write its caches
    sys.addaudithook(_noting(wrote, allowed))
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        _forget_peak()
        wrote.clear()
        answer = function(item)
        connection.send((answer, _peak_mb(), list(wrote)))


def _noting(wrote: list[str], allowed: tuple[str, ...]) -> Callable[[str, tuple[Any, ...]], None]:
    """Notes what is opened for writing, moved or removed outside ``allowed``; also connections."""
    changing = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink",
                "os.truncate", "os.chmod", "shutil.rmtree"}  # fmt: skip
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    main = threading.local()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            name, _, flags = arguments
            known = isinstance(name, (str, bytes, os.PathLike)) and isinstance(flags, int)
            names = [name] if known and flags & writing else []
        elif event in changing:
            last = arguments[-1]
            if event != "os.truncate" and isinstance(last, int) and last >= 0:
                return  # within a folder that is being removed as a whole, which is noted itself
            names = [each for each in arguments[:2] if isinstance(each, (str, bytes, os.PathLike))]
        elif event == "socket.connect":
            wrote.append(f"connection to {arguments[1]!r}")
            return
        elif event in ("subprocess.Popen", "os.system", "os.exec"):
            if arguments[0] not in _OF_IMPORTS:
                wrote.append(f"program {arguments[0]!r}")
            return
        else:
            return
        if getattr(main, "inside", False):
            return
        main.inside = True
        try:
            for each in names:
                place = os.path.realpath(os.fsdecode(each))
                if not place.startswith(allowed) and place != os.devnull:
                    wrote.append(f"{event} {place}")
        finally:
            main.inside = False

    return hook


def _forget_peak() -> None:
    with contextlib.suppress(OSError):  # then the peak is that of the process
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def tree(*folders: Path) -> dict[str, tuple[int, int]]:
    """Every file below, with size and time of change."""
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            state = path.lstat()
            if path.is_file():
                found[str(path)] = state.st_size, state.st_mtime_ns
    return found
