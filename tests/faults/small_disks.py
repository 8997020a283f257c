"""Disks that are full or read-only, and what a folder of results holds."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from killing import film_content

_MEDIA = {".mp4", ".mkv", ".flac", ".wav", ".png"}


@contextlib.contextmanager
def disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A disk of its own, in memory; the test is skipped where none can be mounted."""
    folder.mkdir(exist_ok=True)
    _mount(folder, f"size={kilobytes}k")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def change(folder: Path, options: str) -> None:
    """Make it larger ("size=64m"), or read-only ("ro")."""
    _mount(folder, f"remount,{options}")


def _mount(folder: Path, options: str) -> None:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True
    )
    if done.returncode:
        pytest.skip("no small disk can be mounted here (root can)")


def content(folder: Path) -> dict[str, Any]:
    """What a folder holds, by name: of what is made anew each time, only that it is whole."""
    paths = [path for path in folder.rglob("*") if not _of_a_job(path.relative_to(folder))]
    return {str(path.relative_to(folder)): _meaning(path) for path in paths if path.is_file()}


def _of_a_job(path: Path) -> bool:
    return any(part.startswith(".") and part.endswith(".job") for part in path.parts)


def _meaning(path: Path) -> Any:
    if path.suffix in _MEDIA:
        return film_content(path)
    if path.suffix == ".jsonl":
        return sorted(_told(line) for line in path.read_text().splitlines(True) if line[-1] == "\n")
    if path.suffix == ".json":
        return sorted(json.loads(path.read_text()))
    if path.suffix == ".html":
        assert path.read_text().endswith("</html>")
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.suffix == ".safetensors" else None


def _told(line: str) -> tuple[str, str, float]:
    verdict = json.loads(line)
    return verdict["path"], verdict["verdict"], verdict["score"] or 0.0
