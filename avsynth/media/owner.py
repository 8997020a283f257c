"""Which process a file belongs to, and whether that process is still there."""

from __future__ import annotations

import functools
import hashlib
import platform
from contextlib import suppress
from pathlib import Path

import psutil


def process(number: int | None = None) -> str:
    """A process, or this one, by number and time of birth.

    Numbers are used again, soon so in containers.
    """
    found = psutil.Process(number)
    return f"{found.pid} {found.create_time()}"


def lives(owner: str) -> bool:
    """Whether the process that ``process`` named is at work; False for other text.

    A dead one that nobody has asked for is not: some containers have nobody who would.
    """
    try:
        number = int(owner.split()[0])
        dead = psutil.Process(number).status() == psutil.STATUS_ZOMBIE
        return not dead and process(number) == owner
    except (ValueError, IndexError, OverflowError, psutil.Error):
        return False


@functools.cache
def place() -> str:
    """Where numbers of processes are those of ours: eight digits for this machine or container."""
    inside = ""
    with suppress(OSError):
        inside = str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{platform.node()} {inside}".encode()).hexdigest()[:8]
