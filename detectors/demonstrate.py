"""The demo's end: what the detectors make of its dub, and of what it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from avsynth.pipelines.demonstrate import demo_media
from avsynth.pipelines.progress import Callback
from detectors.options import ScanOptions
from detectors.report import html
from detectors.scan import Scanner
from detectors.verdict import Verdict

DUB: Final = "the dub"
ORIGINAL: Final = "the original, a composite person who does not exist either"


@dataclass(frozen=True)
class Judged:
    """A file of the demo: ``what`` it is in words, its verdict, and the page that shows it."""

    what: str
    verdict: Verdict
    page: Path


def scan_demo(out: Path, progress: Callback | None = None) -> list[Judged]:
    """Scan the demo's dub in ``out`` and its original; a page of each goes there too.

    Raises:
        ResourceError: a page cannot be written.
        WeightsError: a network is missing.
    """
    person, _ = demo_media()
    files = {DUB: out / "dubbed.mp4", ORIGINAL: person}
    found = []
    with Scanner(ScanOptions()) as scanner:
        for number, (what, path) in enumerate(files.items()):
            verdict = scanner.scan(path, progress)
            page = out / ("scan-of-dub.html", "scan-of-original.html")[number]
            html.write(verdict, page)
            found.append(Judged(what, verdict, page))
    return found
