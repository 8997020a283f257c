"""Files by URL (fsspec): listed lazily, copied to be worked on, published whole.

Keys, endpoint and region come from where a store's own tools find them; for S3 that is the AWS
environment (``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_ENDPOINT_URL`` and the like).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from avsynth.cluster.store_errors import reading, writing
from avsynth.errors import InputError, ResourceError, UsageError
from avsynth.media import atomic_output

#: Kinds of stores, with the package that fsspec needs for each. Web servers are not among them: a
#: scan is no crawler, and pages of links no folders.
STORES: Final = {
    "s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs",
    "memory": "fsspec", "file": "fsspec",
}  # fmt: skip

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # of two letters at least: "c:\\" is a drive
_NAME = re.compile(r"\w[\w .()+,=@-]*\w")  # nothing hidden, nothing that Windows refuses
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,15}")
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a store: ``changed`` in nanoseconds since 1970, ``etag``, where it tells them."""

    url: str
    size: int
    changed: int | None = None
    etag: str | None = None


def is_url(text: str) -> bool:
    """Whether ``text`` names something by URL, such as ``s3://bucket/key``; a path is none."""
    return _URL.match(text) is not None


def kind_of_store(url: str) -> str:
    """Its protocol: "s3", "memory" and so on.

    Raises:
        UsageError: none that is known.
        ResourceError: its package is not installed.
    """
    found = _URL.match(url)
    kind = found[1].lower() if found else ""
    if kind not in STORES:
        raise UsageError("is of no kind of storage that is known", url, f"known: {_known()}")
    if importlib.util.find_spec("fsspec") is None:
        raise ResourceError("files by URL need fsspec", url, "install the extra 'cluster'")
    if importlib.util.find_spec(STORES[kind]) is None:
        how = "pip install 'avsynth[cluster]'" if kind == "s3" else "pip install it"
        raise ResourceError(f"needs the package {STORES[kind]}", url, how)
    return kind


def entry(url: str) -> Entry | None:
    """The file at ``url``; None where there is a folder, or a bucket.

    Raises:
        InputError: nothing is there, or it may not be read.
        ResourceError: the store does not answer.
    """
    fs, path = _opened(url)
    with reading(url):
        info = fs.info(path)
    return None if info["type"] == "directory" else _entry(url, info)


def entries(url: str, recursive: bool) -> Iterator[Entry]:
    """The files in the folder ``url``, a page at a time; with ``recursive`` of all folders in it.

    Sorted by name where the store lists so, as S3 does.

    Raises:
        InputError, ResourceError: as ``entry``.
    """
    fs, path = _opened(url)
    with reading(url):
        if kind_of_store(url) == "s3":
            yield from _pages(fs, path, recursive)
            return
        depth = None if recursive else 1
        start = url[: url.index("://") + 3]
        for _, _, files in fs.walk(path, maxdepth=depth, detail=True, on_error="raise"):
            for _, info in sorted(files.items()):
                name = str(info["name"]).removeprefix(start)
                yield _entry(start + (name.lstrip("/") if start == "memory://" else name), info)


def listing(url: str, recursive: bool) -> Iterator[str]:
    """The URLs of the files at ``url``: itself, or what is in the folder; read as it is needed."""
    if entry(url) is not None:
        yield url
        return
    for each in entries(url, recursive):
        yield each.url


@contextlib.contextmanager
def local_copy(url_or_path: str, folder: Path) -> Iterator[Path]:
    """The path itself, or a copy of what is at the URL, of the same name, gone afterwards.

    A name that is none for a file here is replaced, all but its suffix.

    Raises:
        InputError: nothing is there, or it may not be read.
        ResourceError: the store does not answer, or ``folder`` is full.
    """
    if not is_url(url_or_path):
        yield Path(url_or_path)
        return
    fs, path = _opened(url_or_path)
    if kind_of_store(url_or_path) == "file":
        yield Path(path)
        return
    with tempfile.TemporaryDirectory(prefix="avsynth-", dir=folder) as inside:
        copy = Path(inside) / plain_name(path)
        with reading(url_or_path):
            fs.get_file(path, os.fspath(copy))
        yield copy


def read_bytes(url: str, most: int) -> bytes:
    """What is at ``url``. InputError where it is not there, or longer than ``most`` bytes."""
    fs, path = _opened(url)
    with reading(url):
        size = fs.size(path)
        if size > most:
            raise InputError(f"has {size} bytes, {most} can be sent", url)
        return bytes(fs.cat_file(path))


def publish(path: Path, url: str) -> None:
    """Upload a file; its name appears only when it is there whole.

    Raises:
        ResourceError: it cannot be written there.
    """
    fs, target = _opened(url)
    with writing(url):
        if kind_of_store(url) == "file":
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            with atomic_output(target) as temporary:
                shutil.copyfile(path, temporary)
        else:
            fs.put_file(os.fspath(path), target)


def check_writable(url: str) -> None:
    """See whether files can be published in the folder ``url``, by an empty one that goes again.

    Raises:
        ResourceError: they cannot.
    """
    kind = kind_of_store(url)
    trial = f"{url.rstrip('/')}/avsynth-{secrets.token_hex(6)}.tmp"
    with tempfile.TemporaryDirectory(prefix="avsynth-") as folder:
        empty = Path(folder) / "empty"
        empty.touch()
        publish(empty, trial)
    fs, path = _opened(trial)
    with contextlib.suppress(Exception):  # who may write may not always delete
        Path(path).unlink() if kind == "file" else fs.rm_file(path)


def plain_name(path: str) -> str:
    """The last part of a path of a store where it can name a file anywhere, else one like it."""
    name = path.rsplit("/", 1)[-1]
    if _NAME.fullmatch(name) and len(name.encode()) <= 200:
        return name
    suffix = Path(name).suffix
    return f"copy{suffix if _SUFFIX.fullmatch(suffix) else ''}"


def _opened(url: str) -> tuple[Any, str]:
    """The store, and the path in it. Never what fsspec makes of "::" in a name."""
    kind = kind_of_store(url)
    import fsspec

    options: dict[str, Any] = {"use_listings_cache": False}
    if kind == "s3":
        # Nobody named the host that would be asked for a machine's own keys. Who wants them says so
        # by setting it to "false".
        os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
        options["config_kwargs"] = {"connect_timeout": 10, "retries": {"max_attempts": 2}}
    fs = fsspec.filesystem(kind, **options)
    path = str(fs._strip_protocol(url))
    if kind not in ("file", "memory") and not path.strip("/"):
        raise InputError("names no bucket", url)
    return fs, path


def _pages(fs: Any, path: str, recursive: bool) -> Iterator[Entry]:
    """The files under a prefix of S3; fsspec itself would hold all of them."""
    bucket, key, _ = fs.split_path(path)
    asked = {"Bucket": bucket, "Prefix": key and f"{key.rstrip('/')}/", "MaxKeys": _PAGE}
    if not recursive:
        asked["Delimiter"] = "/"
    while True:
        page = fs.call_s3("list_objects_v2", **asked)
        for found in page.get("Contents", ()):
            if not found["Key"].endswith("/"):  # a folder, as some tools mark it
                yield _entry(f"s3://{bucket}/{found['Key']}", found)
        if not page.get("IsTruncated"):
            return
        asked["ContinuationToken"] = page["NextContinuationToken"]


def _entry(url: str, info: dict[str, Any]) -> Entry:
    """What stores say, under their several names."""
    size = info.get("size", info.get("Size")) or 0
    changed = next((info[name] for name in _TIMES if info.get(name) is not None), None)
    if isinstance(changed, datetime):
        changed = changed.timestamp()
    etag = info.get("ETag") or info.get("etag")
    stamp = round(changed * 1e6) * 1000 if isinstance(changed, int | float) else None
    return Entry(url, int(size), stamp, str(etag).strip('"') if etag else None)


_TIMES: Final = ("LastModified", "mtime", "updated", "last_modified", "created")


def _known() -> str:
    return ", ".join(f"{kind}://" for kind in STORES)
