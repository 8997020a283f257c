"""Output that appears under its final name whole, or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import av.container
import av.error

from avsynth.errors import ResourceError
from avsynth.media.opening import StrPath
from avsynth.media.owner import lives, place, process

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "no permission to write there",
    errno.EPERM: "no permission to write there",
    errno.EROFS: "the disk is read-only",
    errno.ENOENT: "the folder does not exist",
    errno.ENOTDIR: "a part of the path is not a folder",
    errno.EISDIR: "is a directory",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EFBIG: "the file grew too large for its file system",
    errno.EIO: "the disk reports an error",
}


#: How the names of temporary files begin that processes of this machine or container write.
_OURS = f".avsynth-{place()}"


@contextmanager
def atomic_output(path: StrPath) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` (same folder, same suffix) to write to.

    When the body ends well the file is flushed to disk and renamed, replacing what was there; when
    it fails, or the process dies, nothing changes under the final name. A failure also removes the
    temporary file.

    Raises:
        ResourceError: missing folder, no permission, disk full.
    """
    final = Path(path).absolute()
    # Short and plain whatever the final name is: it may hold newlines or be 255 bytes long.
    owner = process().replace(" ", "-")
    temporary = final.parent / f"{_OURS}-{owner}-{secrets.token_hex(6)}{final.suffix[:16]}"
    try:
        if final.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a directory")
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except (OSError, ValueError) as error:
        raise resource_error(error, path) from error
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(final)
        _sync(final.parent)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError | av.error.FFmpegError) and error.errno in _REASONS:
            raise resource_error(error, path) from error
        raise


def remove_left_over(folder: StrPath) -> None:
    """Delete from ``folder`` what ``atomic_output`` of killed processes left half written.

    Files of other machines and containers stay: whether their processes live is not seen here.
    """
    for path in Path(folder).glob(f"{_OURS}-*"):
        owner = path.name.removeprefix(f"{_OURS}-").split("-")
        if not lives(" ".join(owner[:2])):
            with suppress(OSError):
                path.unlink()


def close_quietly(container: av.container.OutputContainer) -> None:
    """Close after a failure, the cause of which is what matters."""
    with suppress(av.error.FFmpegError):
        container.close()


@contextmanager
def writing(path: StrPath) -> Iterator[None]:
    """Around calls that write: what the library reports comes out as being about ``path``.

    Raises:
        ResourceError: the library failed.
    """
    try:
        yield
    except av.error.FFmpegError as error:
        raise resource_error(error, path) from error


def resource_error(
    error: OSError | ValueError | av.error.FFmpegError, path: StrPath
) -> ResourceError:
    """What failed while writing ``path``, in one line."""
    code = getattr(error, "errno", None)
    reason = _REASONS.get(code or 0, getattr(error, "strerror", None) or str(error))
    return ResourceError(f"cannot be written: {reason}", path)


def _sync(path: Path) -> None:
    """Bring a file's bytes, or a folder's names, to the disk."""
    windows = os.name == "nt"  # there a folder cannot be opened, and what is read not be synced
    if windows and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not every file system can
            raise
    finally:
        os.close(handle)


def same_file(first: StrPath, second: StrPath) -> bool:
    """True when both names mean one file, links included; False if one is missing."""
    try:
        return Path(first).samefile(second)
    except OSError:
        return False
