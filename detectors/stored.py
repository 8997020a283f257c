"""Files that are not at hand: in a store, in another process's memory, on another machine."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from avsynth.cluster import storage
from avsynth.errors import AvsynthError, InputError
from avsynth.media.opening import StrPath
from detectors.unreadable import unreadable
from detectors.verdict import Verdict
from detectors.walk import Item

#: Bytes of a file that is sent to who looks at it; they go through memory.
MOST_SENT: Final = 1 << 30


@contextlib.contextmanager
def at_hand(item: Item) -> Iterator[StrPath]:
    """The item's path, or a copy with the credentials that lie beside it, for the block's time.

    Raises:
        InputError: it cannot be had.
        ResourceError: its store does not answer, or the disk is full.
    """
    if item.lost is not None:
        raise InputError(item.lost, item.path)
    folder = Path(tempfile.gettempdir())
    if item.data is not None:
        with tempfile.TemporaryDirectory(prefix="avsynth-", dir=folder) as inside:
            copy = Path(inside) / storage.plain_name(item.path.replace("\\", "/"))
            copy.write_bytes(item.data)
            yield copy
        return
    if not storage.is_url(item.path):
        yield item.path
        return
    with storage.local_copy(item.path, folder) as path:
        if storage.kind_of_store(item.path) != "file":
            _beside(item.path, path)
        yield path


def _beside(url: str, copy: Path) -> None:
    """Put the credentials of a stored file beside its copy, where they are a file of their own."""
    for name in (f"{url}.c2pa", url.removesuffix(copy.suffix) + ".c2pa"):
        with contextlib.suppress(InputError), storage.local_copy(name, copy.parent) as found:
            found.replace(copy.with_name(copy.name + ".c2pa"))
            return


def sendable(item: Item) -> Item:
    """The item as another process can look at it: with what is in it, if only this one has it."""
    return with_data(item) if item.path.lower().startswith("memory:") else item


def with_data(item: Item) -> Item:
    """The item with what is in its file, or why that cannot be had."""
    try:
        if storage.is_url(item.path):
            return replace(item, data=storage.read_bytes(item.path, MOST_SENT))
        return replace(item, data=_read(Path(item.path)))
    except (AvsynthError, OSError, ValueError) as error:
        what = error.what if isinstance(error, AvsynthError) else None
        return replace(item, lost=what or getattr(error, "strerror", None) or str(error))


def _read(path: Path) -> bytes:
    if path.stat().st_size > MOST_SENT:
        what = f"the workers do not see it, and more than {MOST_SENT} bytes are not sent to them"
        raise InputError(f"{what}; put it where they do")
    return path.read_bytes()


def told_of(item: Item, verdict: Verdict) -> Verdict:
    """What was found in a copy, or under another name, as being about the item."""
    if verdict.path == item.path:
        return verdict
    credentials = verdict.credentials and {**verdict.credentials, "path": item.path}
    verdict = replace(verdict, path=item.path, credentials=credentials)
    if item.state is None:
        return verdict
    size, modified, etag = item.state
    known: dict[str, Any] = {"modified_ns": modified} | ({"etag": etag} if etag else {})
    properties = {**verdict.properties, **known}
    return replace(verdict, size=verdict.size or size, properties=properties)


def unreachable(item: Item, error: BaseException, settings: dict[str, Any]) -> Verdict:
    """The verdict on an item that nobody could look at."""
    if storage.is_url(item.path):
        return told_of(item, replace(unreadable("", error, settings), sha256=None))
    return unreadable(item.path, error, settings)
