"""How much the page takes: of uploads, of jobs, of the disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from avsynth.errors import ResourceError

#: What stays free on the disk, in bytes: others need it too.
SPARE = 200 * 10**6


@dataclass(frozen=True)
class Limits:
    """What is refused beyond.

    Attributes:
        file: bytes of one upload.
        total: bytes of all uploads that are kept.
        files: how many uploads are kept.
        waiting: jobs that wait in a queue.
        jobs: finished jobs of a kind whose results are kept.
    """

    file: int = 4 * 10**9
    total: int = 16 * 10**9
    files: int = 300
    waiting: int = 4
    jobs: int = 40


def need_space(folder: Path, wanted: int) -> None:
    """Refuse what the disk under ``folder`` has no room for; ``wanted`` in bytes.

    Raises:
        ResourceError: less than that and ``SPARE`` is free.
    """
    free = shutil.disk_usage(folder).free
    if free < wanted + SPARE:
        raise ResourceError(
            f"the disk has {free / 1e6:.0f} MB left, {(wanted + SPARE) / 1e6:.0f} MB are needed"
        )


def megabytes(count: int) -> str:
    """Bytes in words."""
    if count >= 10**9:
        return f"{count / 1e9:.3g} GB"
    return f"{count / 1e6:.0f} MB" if count >= 10**7 else f"{count / 1e6:.2g} MB"
