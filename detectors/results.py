"""Where the results of a batch go, and what is there already."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from avsynth.cluster.storage import is_url
from avsynth.errors import ResourceError, UsageError
from avsynth.media import remove_left_over
from avsynth.media.opening import StrPath
from detectors.parts import EarlierParts, Parts
from detectors.pool import PATIENCE
from detectors.report import html
from detectors.report import json as lines
from detectors.report.values import text
from detectors.resume import Earlier, Lines
from detectors.verdict import Verdict
from detectors.walk import Item

#: Name of the JSON Lines in a folder of reports.
LINES: Final = "scan.jsonl"


@dataclass(frozen=True)
class BatchOptions:
    """How many files are gone through.

    Attributes:
        recursive: look through folders.
        jobs: worker processes; None: as many as processors, one file alone in this process.
        out: JSON Lines, one a file, written as they are found; or the URL of a folder of parts.
        form: of the parts: "jsonl" or "parquet"; None: as the URL's suffix says, else JSON Lines.
        resume: skip what ``out`` already holds of unchanged files under the same settings.
        report: a folder for an HTML page a file and an index; has its own JSON Lines unless
            ``out`` names others.
        patience: seconds without progress after which a file is given up.
        cluster: address of the cluster that looks at the files; None: this machine.
    """

    recursive: bool = False
    jobs: int | None = None
    out: StrPath | None = None
    form: str | None = None
    resume: bool = False
    report: Path | None = None
    patience: float = PATIENCE
    cluster: str | None = None


class Results:
    """Where results are written as they come, if anywhere, and what is there already."""

    def __init__(self, batch: BatchOptions, fingerprint: str) -> None:
        pages = batch.report
        out = batch.out if batch.out is not None else None if pages is None else pages / LINES
        _check(batch, out)
        self._pages = pages
        self.file = None if out is None or is_url(os.fspath(out)) else Path(out)
        if batch.resume:
            for folder in {each.parent for each in (self.file, pages and pages / LINES) if each}:
                remove_left_over(folder)
        self._earlier: Earlier | EarlierParts | None = None
        self._parts: Parts | None = None
        if out is not None and self.file is None:
            parts = Parts(os.fspath(out), batch.form)
            if parts.there() and not batch.resume:
                raise UsageError("holds parts already", out, "--resume goes on with them")
            self._parts = parts
            self._earlier = EarlierParts(parts, fingerprint) if batch.resume else None
        elif self.file is not None and batch.resume:
            self._earlier = Earlier(self.file, fingerprint)
        self._to: Lines | Parts | None = None

    @property
    def answers(self) -> Counter[str]:
        """Those that are taken over."""
        return Counter() if self._earlier is None else self._earlier.answers

    def has(self, item: Item) -> bool:
        """Whether there is a result already; counts it if so."""
        return self._earlier is not None and self._earlier.has(item)

    def __enter__(self) -> None:
        if self._parts is not None:
            self._to = self._parts.__enter__()
        elif self.file is not None:
            self._to = Lines(self.file)

    def __exit__(self, *exc: object) -> None:
        if self._to is not None:
            self._to.__exit__(*exc)

    def write(self, verdict: Verdict) -> None:
        """Add a verdict."""
        if self._to is not None:
            self._to.write(line(verdict, self._pages))


def _check(batch: BatchOptions, out: StrPath | None) -> None:
    stored = out is not None and is_url(os.fspath(out))
    if batch.resume and out is None:
        raise UsageError("--resume needs --out or --report, whose results it goes on with")
    if batch.form is not None and not stored:
        raise UsageError("--format is for results by URL", hint="-o file:///FOLDER has parts, too")
    if batch.report is not None and stored:
        raise UsageError("--report needs its results in a file: -o FILE, or none", out)
    if out is not None and not stored and not batch.resume:
        there = Path(out)
        if there.exists() and there.stat().st_size:
            raise UsageError(
                "exists already", out, "--resume goes on with it; or name another file"
            )
    if batch.report is not None:
        if is_url(os.fspath(batch.report)):
            raise UsageError("--report is a folder of this machine", batch.report)
        try:
            batch.report.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResourceError(
                f"cannot make the folder: {error.strerror}", batch.report
            ) from error


def line(verdict: Verdict, pages: Path | None) -> dict[str, Any]:
    """The verdict's JSON line, with its page where there is one."""
    found = lines.line(verdict)
    if pages is not None and (page := pages / html.page_name(verdict)).is_file():
        found["report"] = text(page)
    return found
