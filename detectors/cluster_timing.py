"""What a cluster costs on top of the work: begun, per file, per lost worker, per name listed."""

from __future__ import annotations

import functools
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import psutil
import soundfile

from avsynth.bench.dubs import machine
from avsynth.cluster.engine import Cluster, connected, run
from avsynth.pipelines.demonstrate import demo_media
from detectors.cluster import scan_on
from detectors.options import ScanOptions
from detectors.pool import PATIENCE, Order, Outcome, Pool
from detectors.report.json import line
from detectors.scan import Scanner
from detectors.timing import speech
from detectors.walk import Item, Walk

_CREDENTIALS: Final = ScanOptions(detectors=("credentials",))
_PAGE: Final = 1000


def bench_cluster(
    files: int = 1000, units: int = 5000, names: int = 1_000_000, jobs: int = 2
) -> dict[str, Any]:
    """Time the local cluster against the process pool, a lost worker, and a long listing.

    Args:
        files: tiny sounds, scanned for their credentials alone, by each.
        units: empty ones.
        names: that a server of the benchmark's own makes up, a page of a thousand at a time.
        jobs: workers.

    Returns:
        ``machine``; ``connect_s``, until the local cluster is there; ``unit_ms``, an empty unit;
        ``pool`` and ``cluster``, each with ``first_s`` until the first verdict, ``file_ms`` and
        ``processor_ms`` for each further one, of time and of all processes; ``loaded_s`` until all
        detectors are loaded in a worker; ``lost_s``, from the death of such a worker until its unit
        is done by the next; ``clip``, the demo person under all detectors in a worker, with its
        memory and the bytes of the result; ``listing``, see ``time_listing``.
    """
    found: dict[str, Any] = {"machine": machine(), "listing": time_listing(names)}
    with tempfile.TemporaryDirectory(prefix="avsynth-bench-") as name:
        folder = Path(name)
        items = [Item(str(folder / f"{number}.wav")) for number in range(files)]
        for number, item in enumerate(items):
            soundfile.write(item.path, speech(1, 16_000)[: 8000 + number], 16_000)
        with Pool(Order(_CREDENTIALS), jobs) as pool:
            found["pool"] = _timed(pool.run(items))
        cluster = Cluster("local", jobs)
        began = time.perf_counter()
        with connected(cluster):
            found["connect_s"] = round(time.perf_counter() - began, 2)
            found["cluster"] = _timed(scan_on(cluster, items, _CREDENTIALS, None, PATIENCE))
            found["unit_ms"] = _empty(cluster, units)
            found |= _lost(folder / "died")
    return found


def _timed(outcomes: Iterator[Outcome]) -> dict[str, float]:
    began = time.perf_counter()
    next(outcomes)
    first, used = time.perf_counter(), _processor_seconds()
    last, used_last, count = first, used, 0
    for count, _ in enumerate(outcomes, start=1):
        if count % 50 == 0:  # workers are gone when all is done
            last, used_last = time.perf_counter(), _processor_seconds()
            timed = count
    files = max(timed if count >= 50 else count, 1)
    return {
        "first_s": round(first - began, 2),
        "file_ms": round(1000 * (last - first) / files, 2),
        "processor_ms": round(1000 * (used_last - used) / files, 2),
    }


def _processor_seconds() -> float:
    """Of this process and all below it."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _nothing() -> Callable[[int], int]:
    return lambda unit: unit


def _empty(cluster: Cluster, units: int) -> float:
    """Milliseconds for a unit that does nothing, once workers are there."""
    done = run(cluster, _nothing, range(units + 1))
    next(done)
    began = time.perf_counter()
    count = sum(1 for _ in done)
    return round(1000 * (time.perf_counter() - began) / count, 2)


def _dying(marker: Path) -> Callable[[str], tuple[float, dict[str, float]]]:
    scanner = Scanner(threads=1)
    scanner.load()

    def work(unit: str) -> tuple[float, dict[str, float]]:
        now = time.time()
        if unit == "die" and not marker.exists():
            marker.write_text(str(now))
            psutil.Process().kill()
        return now, _clip(scanner) if unit == "clip" else {}

    return work


def _clip(scanner: Scanner) -> dict[str, float]:
    """What the demo person costs one who has looked at it before."""
    person, _ = demo_media()
    scanner.scan(person)
    began = time.process_time()
    verdict = scanner.scan(person)
    return {
        "seconds": round(verdict.duration, 2),
        "processor_s": round(time.process_time() - began, 2),
        "worker_mb": round(psutil.Process().memory_info().rss / 2**20),
        "line_bytes": len(json.dumps(line(verdict))),
    }


def _lost(marker: Path) -> dict[str, Any]:
    """A worker that has loaded everything, what a clip costs it, and its death."""
    began = time.time()
    done = run(Cluster("local", 1), functools.partial(_dying, marker), ["clip", "die"])
    found = {each.unit: each.result or (0.0, {}) for each in done}
    return {
        "loaded_s": round(found["clip"][0] - began, 2),
        "lost_s": round(found["die"][0] - float(marker.read_text()), 2),
        "clip": found["clip"][1],
    }


def time_listing(names: int) -> dict[str, float]:
    """List a bucket of ``names`` files, a page at a time.

    Returns:
        ``names``, ``seconds``, and ``early_mb`` and ``late_mb``: memory after a tenth of them, and
        at the end.
    """
    own = psutil.Process()
    early = 0.0
    with _bucket_of(names):
        began, count = time.perf_counter(), 0
        for count, _ in enumerate(Walk(["s3://bucket/films"], recursive=True), start=1):
            if count == max(1, names // 10):
                early = own.memory_info().rss / 2**20
        seconds = time.perf_counter() - began
    late = own.memory_info().rss / 2**20
    return {"names": count, "seconds": round(seconds, 1), "early_mb": round(early),
            "late_mb": round(late)}  # fmt: skip


@contextmanager
def _bucket_of(names: int) -> Iterator[None]:
    """A server on loopback that lists a bucket as S3 does, and nothing else; the store asked."""

    class Listing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            start = int(asked.get("continuation-token", ["0"])[0])
            stop = min(start + min(_PAGE, int(asked.get("max-keys", [_PAGE])[0])), names)
            body = _page(start, stop, stop < names).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *about: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_address[1]}",
            "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": "us-east-1",
        }  # fmt: skip
        before = {name: os.environ.get(name) for name in settings}
        os.environ.update(settings)
        try:
            yield
        finally:
            server.shutdown()
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def _page(start: int, stop: int, more: bool) -> str:
    files = "".join(
        f"<Contents><Key>films/{number // 10000:04}/{number:08}.mp4</Key>"
        "<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f'<ETag>"{number:032x}"</ETag><Size>{1000 + number}</Size></Contents>'
        for number in range(start, stop)
    )
    token = f"<NextContinuationToken>{stop}</NextContinuationToken>" if more else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>'
        f"<IsTruncated>{str(more).lower()}</IsTruncated><KeyCount>{stop - start}</KeyCount>"
        f"{token}{files}</ListBucketResult>"
    )
