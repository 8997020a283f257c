"""Results in a store: parts, each of which appears whole, of JSON Lines or as Parquet.

What is in none of them yet is kept in memory for a minute at most, so a crash costs that. A file
that is scanned again has a line in a later part; of lines on one path the last holds.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from avsynth.cluster import storage
from avsynth.errors import InputError, ResourceError
from detectors.report.values import text
from detectors.resume import Line, read_lines, state_told
from detectors.walk import Item, State, state_of

#: Lines of a part, and seconds after the first of them, at which it is written.
LINES: Final = 1000
SECONDS: Final = 60.0

_PREFIX: Final = "part-"
_SUFFIXES: Final = (".jsonl", ".parquet")


class Parts:
    """The parts in a folder; in a ``with`` block lines can be added."""

    def __init__(
        self, url: str, form: str | None = None, lines: int = LINES, seconds: float = SECONDS
    ) -> None:
        """Those at ``url``; new ones of ``form``, by default what the URL's suffix says."""
        self._url = url.rstrip("/")
        self._form = form or ("parquet" if self._url.endswith(".parquet") else "jsonl")
        self._lines, self._seconds = lines, seconds
        self._name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self._written = 0
        self._waiting: list[str] = []
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._failed: Exception | None = None
        if self._form == "parquet":
            _needs_pyarrow()

    def __enter__(self) -> Parts:
        """ResourceError where parts cannot be written: now, not when there are results."""
        storage.check_writable(self._url)
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        with contextlib.suppress(*([] if kind is None else [ResourceError])), self._lock:
            self._publish()

    def write(self, line: Mapping[str, Any]) -> None:
        """Add a line. ResourceError where parts cannot be written."""
        with self._lock:
            if self._failed is not None:
                raise self._failed
            self._waiting.append(json.dumps(line, allow_nan=False))
            if len(self._waiting) >= self._lines:
                self._publish()
            elif self._timer is None:
                self._timer = threading.Timer(self._seconds, self._in_time)
                self._timer.daemon = True
                self._timer.start()

    def there(self) -> list[str]:
        """URLs of the parts that are there, as they were written one after the other.

        Raises:
            InputError: no such bucket, or it may not be read.
        """
        try:
            found = [each.url for each in storage.entries(self._url, recursive=False)]
        except InputError:
            if storage.kind_of_store(self._url) == "s3":  # it has no folders that could be missing
                raise
            return []
        names = {url: url.rsplit("/", 1)[-1] for url in found}
        parts = (url for url, name in names.items() if _is_part(name))
        return sorted(parts, key=lambda url: names[url])

    def _in_time(self) -> None:
        """In a thread of its own: what waits has waited long enough."""
        with self._lock:
            try:
                self._publish()
            except Exception as error:
                self._failed = error

    def _publish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        with tempfile.TemporaryDirectory(prefix="avsynth-") as folder:
            part = Path(folder) / "part"
            if self._form == "parquet":
                _write_parquet(self._waiting, part)
            else:
                part.write_text("".join(f"{line}\n" for line in self._waiting), encoding="utf-8")
            name = f"{_PREFIX}{self._name}-{self._written:06d}.{self._form}"
            storage.publish(part, f"{self._url}/{name}")
        self._written += 1
        self._waiting.clear()


class EarlierParts:
    """What the parts hold of files that need no second look; ``answers`` counts those met again."""

    def __init__(self, parts: Parts, fingerprint: str) -> None:
        """Read ``parts``; some hundred bytes are kept of each file."""
        self._known: dict[bytes, str] = {}
        self.answers: Counter[str] = Counter()
        for url in parts.there():
            for line in _read_part(url):
                state = state_told(line, fingerprint)
                if state is not None:
                    self._known[_key(line["path"], state)] = sys.intern(line["verdict"])

    def has(self, item: Item) -> bool:
        """Whether a file has been scanned as it is now; counts its verdict if so."""
        state = item.state or (None if storage.is_url(item.path) else state_of(item.path))
        answer = None if state is None else self._known.get(_key(text(item.path), state))
        if answer is None:
            return False
        self.answers[answer] += 1
        return True


def _key(path: str, state: State) -> bytes:
    """Stands for a file as it was; short, since a million of them are kept."""
    told = json.dumps([path, *state])
    return blake2b(told.encode(errors="surrogatepass"), digest_size=16).digest()


def _is_part(name: str) -> bool:
    return name.startswith(_PREFIX) and name.endswith(_SUFFIXES)


def _read_part(url: str) -> Iterator[Line]:
    """The lines of a part; of Parquet what resuming needs of them."""
    with storage.local_copy(url, Path(tempfile.gettempdir())) as path:
        try:
            yield from _read_parquet(path) if url.endswith(".parquet") else read_lines(path)
        except InputError as error:
            raise InputError(error.what, url, "parts of a scan are expected there") from error


_COLUMNS: Final = {
    "path": "string", "verdict": "string", "reason": "string", "score": "float64",
    "interval_low": "float64", "interval_high": "float64", "kind": "string", "duration": "float64",
    "size": "int64", "sha256": "string", "modified_ns": "int64", "etag": "string",
    "error": "string", "fingerprint": "string", "json": "string",
}  # fmt: skip


def _write_parquet(lines: list[str], path: Path) -> None:
    """A row a line: what tables are filtered by in columns, and all of it as JSON."""
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema([(name, pyarrow.type_for_alias(t)) for name, t in _COLUMNS.items()])
    rows = [_row(line) for line in lines]
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema), path, compression="zstd")


def _row(line: str) -> dict[str, Any]:
    found = json.loads(line)
    low, high = found["interval"] or (None, None)
    properties = found["properties"]
    return {name: found.get(name) for name in _COLUMNS} | {
        "interval_low": low,
        "interval_high": high,
        "modified_ns": properties.get("modified_ns"),
        "etag": properties.get("etag"),
        "fingerprint": found["settings"].get("fingerprint"),
        "json": line,
    }


def _read_parquet(path: Path) -> Iterator[Line]:
    _needs_pyarrow()
    import pyarrow
    from pyarrow import parquet

    names = ["path", "verdict", "size", "modified_ns", "etag", "fingerprint"]
    try:
        rows = parquet.read_table(path, columns=names).to_pylist()
    except (pyarrow.ArrowException, OSError, KeyError) as error:
        raise InputError(f"is no part of a scan: {error}", path) from error
    for row in rows:
        yield {
            "path": row["path"],
            "verdict": row["verdict"],
            "size": row["size"],
            "properties": {"modified_ns": row["modified_ns"], "etag": row["etag"]},
            "settings": {"fingerprint": row["fingerprint"]},
        }


def _needs_pyarrow() -> None:
    import importlib.util

    if importlib.util.find_spec("pyarrow") is None:
        raise ResourceError("Parquet needs pyarrow", hint="install the extra 'cluster'")
