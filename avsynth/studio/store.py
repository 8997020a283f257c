"""Files that a browser sent, and records made here: kept by content, found by unguessable ids.

A file's own name is shown and written into records; on the disk it is never used.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from avsynth.errors import InputError, ResourceError, UsageError
from avsynth.studio.limits import Limits, megabytes, need_space
from detectors.report.visible import visible

#: Kinds that a browser may play from here; all else is only ever downloaded.
PLAYED = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm",
    ".mkv": "video/webm",
}  # fmt: skip
# Endings that some readers of media go by; any other file is stored without one.
_ENDINGS = {
    *PLAYED, ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".mxf", ".wmv", ".flv", ".3gp",
    ".wav", ".mp3", ".m4a", ".flac", ".ogg", ".opus", ".aac", ".ac3", ".aif", ".aiff", ".wma",
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".json",
}  # fmt: skip
_BLOCK = 2**20


@dataclass(frozen=True)
class Upload:
    """A file of ours by content. ``name`` is the sender's, with nothing hidden in it."""

    id: str
    name: str
    size: int
    sha256: str
    path: Path

    def as_dict(self) -> dict[str, Any]:
        """What the page may know."""
        return {"id": self.id, "name": self.name, "size": self.size, "sha256": self.sha256}


class Store:
    """The uploads of a studio.

    ``used`` tells which of them jobs still need; of the others the oldest make room.
    """

    def __init__(self, folder: Path, limits: Limits, used: Callable[[], set[str]]) -> None:
        self._folder, self._limits, self._used = folder, limits, used
        self._uploads: dict[str, Upload] = {}  # oldest first
        self._arriving: dict[Path, int] = {}  # bytes by unfinished file
        self._lock = threading.RLock()

    def get(self, upload_id: str) -> Upload:
        """The upload; UsageError when there is none (any more)."""
        with self._lock:
            found = self._uploads.get(upload_id)
        if found is None:
            raise UsageError("this file is no longer here: choose it again")
        return found

    def drop(self, upload_id: str) -> None:
        """Forget an upload that no job needs; its bytes go with the last that has them."""
        used = self._used()
        with self._lock:
            if upload_id in self._uploads and upload_id not in used:
                self._forget(upload_id)

    def put(self, name: str, content: bytes) -> Upload:
        """Keep a small file made here, such as a record. ResourceError where there is no room."""
        self._refuse(None, len(content))
        part = self._part()
        part.write_bytes(content)
        return self._take(part, name, len(content), hashlib.sha256(content).hexdigest())

    async def receive(self, name: str, length: int | None, pieces: AsyncIterator[bytes]) -> Upload:
        """Keep a file as it comes in; refused at once where ``length`` says that it cannot be.

        Raises:
            ResourceError: too large, or no room.
            InputError: empty, or not as long as it was said to be.
        """
        part, digest, size = self._part(), hashlib.sha256(), 0
        try:
            self._refuse(part, length or 0)
            with part.open("wb") as file:
                async for block in _blocks(pieces):
                    self._refuse(part, max(size + len(block), length or 0), size)
                    size += len(block)
                    await asyncio.to_thread(_write, file, digest.update, block)
            if not size:
                raise InputError("the file is empty")
            if length is not None and size != length:
                raise InputError("the file did not arrive whole")
            return self._take(part, name, size, digest.hexdigest())
        except OSError as error:
            raise ResourceError(f"the file cannot be kept: {error.strerror}") from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            with self._lock:
                self._arriving.pop(part, None)

    def _refuse(self, part: Path | None, size: int, written: int = 0) -> None:
        """ResourceError for what is too large, or has no room; else the room is kept for it."""
        if size > self._limits.file:
            raise ResourceError(
                f"the file is too large: at most {megabytes(self._limits.file)} are taken",
                hint="avsynth studio --max-upload sets this",
            )
        used = self._used()
        with self._lock:
            others = sum(each for path, each in self._arriving.items() if path != part)
            for upload_id in [each for each in self._uploads if each not in used]:
                if self._fits(others + size):
                    break
                self._forget(upload_id)
            if not self._fits(others + size):
                raise ResourceError("there is no room for more files: remove finished jobs")
            if part is not None:
                self._arriving[part] = size
        need_space(self._folder, size - written)

    def _fits(self, more: int) -> bool:
        kept = sum(upload.size for upload in self._uploads.values())
        return kept + more <= self._limits.total and len(self._uploads) < self._limits.files

    def _take(self, part: Path, name: str, size: int, sha256: str) -> Upload:
        """Give a finished file its place; equal files share one."""
        shown = visible(name, 200) or "file"
        path = self._folder / f"{sha256}{ending(shown)}"
        with self._lock:
            part.replace(path)
            upload = Upload(secrets.token_urlsafe(18), shown, size, sha256, path)
            self._uploads[upload.id] = upload
        return upload

    def _forget(self, upload_id: str) -> None:
        gone = self._uploads.pop(upload_id)
        if all(each.path != gone.path for each in self._uploads.values()):
            gone.path.unlink(missing_ok=True)

    def _part(self) -> Path:
        return self._folder / f"part-{secrets.token_hex(12)}"


def ending(name: str) -> str:
    """The ending of a name where it is a known one, else none."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix in _ENDINGS else ""


def _write(file: BinaryIO, hashed: Callable[[bytes], None], block: bytes) -> None:
    file.write(block)
    hashed(block)


async def _blocks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in larger pieces: each costs a change of thread."""
    block = bytearray()
    async for piece in pieces:
        block += piece
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)
