"""Files by URL, in a real S3 server, in memory and on disk."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from avsynth.cluster import storage
from avsynth.cluster.storage import Entry, entries, is_url, listing, local_copy, publish
from avsynth.errors import AvsynthError, InputError, ResourceError, UsageError

if TYPE_CHECKING:
    from conftest import Store

#: As keys of S3 may be; some are names of other things elsewhere.
KEYS = (
    "odd/a.mp4", "odd/b/::file:///etc/d.mp4", "odd/b/*?[x].mp4", "odd/b/e \t.mp4", "odd/ü/ü.mp4",
    "odd/z", "odd/b/x.mp4;rm -rf", "odd/b/%2e%2e%2f.mp4", "odd/b/..\\..\\c.mp4",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("s3://bucket/key", True), ("memory://x", True), ("FILE:///x", True), ("film.mp4", False),
        ("c://film.mp4", False), ("C:\\a.mp4", False), ("s3:/bucket", False), ("/a/s3://b", False),
    ],
)  # fmt: skip
def test_a_path_is_no_url(text: str, url: bool) -> None:
    assert is_url(text) is url


def test_a_bucket_is_listed_page_by_page(s3: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"pages/{folder}/{n}.mp4" for folder in "ab" for n in range(5)]
    for name in [*names, "pages/top.mp4", "pages/folder/"]:
        s3.put(name, b"x" * len(name))
    monkeypatch.setattr(storage, "_PAGE", 3)
    asked: list[int] = []
    import s3fs

    real = s3fs.S3FileSystem.call_s3

    def counted(*args: object, **kwargs: object) -> object:
        asked.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(s3fs.S3FileSystem, "call_s3", counted)
    found = entries("s3://films/pages", recursive=True)
    first = next(found)
    assert (first.url, first.size, len(asked)) == ("s3://films/pages/a/0.mp4", 13, 1)
    assert first.etag and first.changed
    rest = [each.url for each in found]
    assert [first.url, *rest] == [f"s3://films/{name}" for name in [*names, "pages/top.mp4"]]
    assert len(asked) > 3
    assert list(listing("s3://films/pages/", recursive=False)) == ["s3://films/pages/top.mp4"]
    assert list(listing("s3://films/pages/top.mp4", recursive=False)) == [
        "s3://films/pages/top.mp4"
    ]


def test_names_of_every_kind_are_copied_and_go_again(s3: Store, tmp_path: Path) -> None:
    for key in KEYS:
        s3.put(key, key.encode())
    found = list(listing("s3://films/odd", recursive=True))
    assert sorted(found) == sorted(f"s3://films/{key}" for key in KEYS)
    for url in found:
        with local_copy(url, tmp_path) as copy:
            assert copy.resolve().is_relative_to(tmp_path) and copy.suffix in (".mp4", "")
            assert f"s3://films/{copy.read_text()}" == url
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("store", ["s3://films/out", "memory://out", "file://{}/out"])
def test_what_is_published_is_there_whole(store: str, s3: Store, tmp_path: Path) -> None:
    url = store.format(tmp_path)
    made = tmp_path / "made.json"
    made.write_text("whole")
    storage.check_writable(url)
    publish(made, f"{url}/a b.json")
    assert list(listing(url, recursive=True)) == [f"{url}/a b.json"]
    with local_copy(f"{url}/a b.json", tmp_path) as copy:
        assert copy.name == "a b.json" and copy.read_text() == "whole"
    assert storage.read_bytes(f"{url}/a b.json", 5) == b"whole"
    with pytest.raises(InputError, match="has 5 bytes, 4 can be sent"):
        storage.read_bytes(f"{url}/a b.json", 4)
    found = storage.entry(f"{url}/a b.json")
    assert isinstance(found, Entry) and found.size == 5 and found.changed
    assert storage.entry(url) is None


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("s3://no-such-bucket", InputError, "no such file, folder or bucket"),
        ("s3://films/no/such.mp4", InputError, "no such file, folder or bucket"),
        ("s3://", InputError, "names no bucket"),
        ("file:///no/such", InputError, "no such file, folder or bucket"),
        ("https://example.org/film.mp4", UsageError, "no kind of storage"),
        ("ftp://example.org/film.mp4", UsageError, "no kind of storage"),
        ("gs://bucket/film.mp4", ResourceError, "needs the package gcsfs"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(
    url: str, kind: type[AvsynthError], said: str, s3: Store
) -> None:
    with pytest.raises(kind, match=said) as caught:
        list(listing(url, recursive=True))
    assert caught.value.path == url and str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_where_nothing_can_be_written_is_known_before(s3: Store) -> None:
    with pytest.raises(ResourceError, match="cannot be written: no such bucket"):
        storage.check_writable("s3://no-such-bucket/out")
    with pytest.raises(ResourceError, match="cannot be written"):
        storage.check_writable("file:///proc/out")


def asked_who(s3: Store, after: bytes) -> None:
    """Have the server look at who asks, after so many requests."""
    address = f"{s3.address}/moto-api/reset-auth"
    request = urllib.request.Request(address, after, {"Content-Type": "text/plain"})
    urllib.request.urlopen(request).close()


def test_keys_that_may_not_and_keys_that_are_missing(
    s3: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = s3.put("secret.mp4", b"x")
    asked_who(s3, b"0")
    try:
        with pytest.raises(InputError, match="may not be read with these keys"):
            storage.read_bytes(url, 10)
        with pytest.raises(ResourceError, match="may not be written with these keys"):
            storage.check_writable("s3://films/out")
        with pytest.raises(InputError, match="may not be read with these keys"):
            list(entries("s3://films/x", recursive=True))
    finally:
        asked_who(s3, b"inf")
    import fsspec

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(InputError, match="no keys for this store"):
        storage.read_bytes(url, 10)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with pytest.raises(ResourceError, match="the store does not answer"):
        storage.read_bytes(url, 10)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
