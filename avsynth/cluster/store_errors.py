"""What stores and their libraries report, as errors of ours: one line, with what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from avsynth.errors import AvsynthError, InputError, ResourceError

_NO_KEYS: Final = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
# Names of classes: the libraries that have them may not be installed.
_NO_CREDENTIALS: Final = {
    "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "TokenRetrievalError",
    "CredentialRetrievalError", "DefaultCredentialsError",
}  # fmt: skip
_NO_ANSWER: Final = {
    "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError",
    "ConnectionError", "ClientConnectorError", "HTTPClientError", "ServerTimeoutError",
    "FSTimeoutError", "TimeoutError", "ConnectionRefusedError", "SSLError",
}  # fmt: skip
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def reading(url: str) -> Iterator[None]:
    """Around calls that list or read ``url``.

    Raises:
        InputError: it is not there, may not be read, or nobody has said by which keys.
        ResourceError: the store does not answer, or the disk is full.
    """
    try:
        yield
    except (AvsynthError, GeneratorExit, KeyboardInterrupt):
        raise
    except Exception as error:
        raise _meant(error, url, "read", InputError) from error


@contextmanager
def writing(url: str) -> Iterator[None]:
    """Around calls that write ``url``; every failure is a ResourceError."""
    try:
        yield
    except (AvsynthError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise _meant(error, url, "written", ResourceError) from error


def _meant(error: Exception, url: str, verb: str, kind: type[AvsynthError]) -> AvsynthError:
    names = {each.__name__ for cause in _causes(error) for each in type(cause).__mro__}
    if names & _NO_CREDENTIALS:
        return kind(f"cannot be {verb}: no keys for this store", url, _NO_KEYS)
    if isinstance(error, OSError) and error.errno in _FULL:
        return ResourceError(error.strerror or "out of space", error.filename or url)
    if isinstance(error, FileNotFoundError):
        where = "file, folder or bucket" if kind is InputError else "bucket or folder"
        return kind(f"cannot be {verb}: no such {where}", url)
    if isinstance(error, PermissionError):
        return kind(f"may not be {verb} with these keys: {_line(error)}", url)
    if names & _NO_ANSWER:
        return ResourceError(f"the store does not answer: {_line(error)}", url)
    return kind(f"cannot be {verb}: {_line(error)}", url)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it was raised from."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
