"""The only module that touches c2pa: its settings (no network, ever), file kinds, error types."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from avsynth.errors import AvsynthError, InputError, ResourceError

# Containers whose media type the library can write credentials into, by the usual suffix.
EMBEDDABLE = {
    ".mp4": "video/mp4",
    ".m4v": "video/x-m4v",
    ".mov": "video/quicktime",
    ".m4a": "audio/mp4",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
# Containers that cannot hold any; theirs lie beside the file.
SIDECAR = {
    ".mkv": "video/x-matroska",
    ".mka": "audio/x-matroska",
    ".webm": "video/webm",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".nut": "video/x-nut",
}
# What others sign and we only read.
_READABLE = {
    ".avi": "video/avi",
    ".gif": "image/gif",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".jxl": "image/jxl",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
    ".dng": "image/dng",
}
_BMFF = {
    "video/mp4",
    "video/x-m4v",
    "video/quicktime",
    "audio/mp4",
    "image/avif",
    "image/heic",
    "image/heif",
}
# A media type under which the library hashes a file as it is, without looking into it.
OPAQUE = "application/octet-stream"
LARGEST_IN_MEMORY = 64 * 2**20
_BMFF_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
}


def context(anchors: tuple[str, ...]) -> Any:
    """A c2pa Context under which nothing is fetched and memory stays flat.

    Args:
        anchors: PEM certificates that are trusted as roots.
    """
    import c2pa

    off = {"enabled": False}
    settings: dict[str, Any] = {
        "version": 1,
        "core": {
            "allowed_network_hosts": [],
            "allow_redirects": False,
            # In 1 MB leaves the mp4 family is hashed in flat memory; without them the library
            # reads it in pieces of 256 MB.
            "merkle_tree_chunk_size_in_kb": 1024,
            "backing_store_memory_threshold_in_mb": 64,
            "max_decompressed_manifest_size_in_mb": 64,
        },
        "verify": {
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            "verify_trust": True,
            "verify_after_sign": False,  # we re-read every file ourselves, ingredients included
        },
        "builder": {
            "thumbnail": off,
            "actions": {
                "auto_created_action": off,
                "auto_opened_action": off,
                "auto_placed_action": off,
            },
        },
    }
    if anchors:
        settings["trust"] = {"trust_anchors": "".join(anchors)}
    return c2pa.Context.from_dict(settings)


def media_type(path: Path) -> str | None:
    """The media type of a file by its first bytes, then by its suffix; None when unfamiliar.

    Raises InputError for a file that is missing, empty, a directory or unreadable.
    """
    try:
        if not path.exists():
            raise InputError("no such file", path)
        if not path.is_file():
            raise InputError("not a file", path)
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as problem:
        raise InputError(f"cannot be read: {problem.strerror}", path) from problem
    if not head:
        raise InputError("the file is empty", path)
    return _by_content(head) or _READABLE.get(path.suffix.lower())


def _by_content(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        return _BMFF_BRANDS.get(head[8:12], "video/mp4")
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "video/quicktime"
    if head[:4] == b"RIFF":
        kinds = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/avi"}
        return kinds.get(head[8:12])
    starts = {
        b"fLaC": "audio/flac",
        b"\xff\xd8\xff": "image/jpeg",
        b"\x89PNG\r\n\x1a\n": "image/png",
        b"GIF8": "image/gif",
        b"II*\0": "image/tiff",
        b"MM\0*": "image/tiff",
        b"%PDF": "application/pdf",
        b"ID3": "audio/mpeg",
        b"OggS": "audio/ogg",
        b"\x1aE\xdf\xa3": "video/x-matroska",
        b"nut/": "video/x-nut",
    }
    for start, kind in starts.items():
        if head.startswith(start):
            return kind
    if head[0] == 0xFF and head[1:2] and head[1] & 0xE0 == 0xE0:
        return "audio/mpeg"
    return None


def embeds(kind: str | None, path: Path) -> bool:
    """Whether a file of this media type holds its own credentials.

    Outside the mp4 family the library reads a whole file into memory to put credentials into it,
    so those of large ones lie beside them.
    """
    if kind in _BMFF:
        return True
    return can_hold(kind) and path.stat().st_size <= LARGEST_IN_MEMORY


def can_hold(kind: str | None) -> bool:
    """Whether there is a place for credentials in files of this media type."""
    return kind in EMBEDDABLE.values() or kind in _READABLE.values()


def sidecar_of(path: Path) -> Path:
    """Where the credentials of a file lie whose container cannot hold them: NAME.SUFFIX.c2pa."""
    return path.with_name(path.name + ".c2pa")


@contextmanager
def destination(path: Path) -> Iterator[BinaryIO]:
    """A new file to sign into; what the disk refuses comes out as ResourceError, not as c2pa's."""
    try:
        with path.open("w+b") as raw:
            file = _Remembering(raw)
            try:
                yield file  # type: ignore[misc]
            except AvsynthError:
                raise
            except Exception as problem:
                if file.refused is not None:
                    raise file.refused from problem
                raise
    except OSError as problem:
        what = "the disk is full" if problem.errno == errno.ENOSPC else f"{problem.strerror}"
        raise ResourceError(f"cannot write: {what}", path) from problem


class _Remembering(io.RawIOBase):
    """Passes calls on and keeps the OSError that the library's callback would swallow."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.refused: OSError | None = None

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer)  # type: ignore[attr-defined, no-any-return]

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data)
        except OSError as problem:
            self.refused = problem
            raise

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        if not self._file.closed:
            try:
                self._file.flush()
            except OSError as problem:
                self.refused = problem
                raise
