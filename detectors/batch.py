"""Many files: every worker a process of its own, results written as they come, to be resumed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from avsynth.errors import ExitCode, NothingToDoError, ResourceError, UsageError
from avsynth.media.opening import StrPath
from avsynth.pipelines.progress import Callback, Progress
from detectors.options import ScanOptions
from detectors.pool import PATIENCE, Order, Outcome, Pool, look
from detectors.report import html
from detectors.report import json as lines
from detectors.report.values import text
from detectors.resume import Earlier, Lines, read_lines
from detectors.scan import Scanner
from detectors.sharing import processors
from detectors.unreadable import unreadable
from detectors.verdict import Verdict
from detectors.walk import Item, Walk

#: Name of the JSON Lines in a folder of reports.
LINES: Final = "scan.jsonl"


@dataclass(frozen=True)
class BatchOptions:
    """How many files are gone through.

    Attributes:
        recursive: look through folders.
        jobs: worker processes; None: as many as processors, one file alone in this process.
        out: JSON Lines, one a file, written as they are found.
        resume: skip what ``out`` already holds of unchanged files under the same settings.
        report: a folder for an HTML page a file and an index; has its own JSON Lines unless
            ``out`` names others.
        patience: seconds without progress after which a file is given up.
    """

    recursive: bool = False
    jobs: int | None = None
    out: Path | None = None
    resume: bool = False
    report: Path | None = None
    patience: float = PATIENCE


@dataclass
class Summary:
    """What a batch came to: ``answers`` by verdict, those of earlier scans included.

    ``earlier`` of them were not looked at again; ``skipped`` counts by reason what was passed over;
    ``index`` is the page that lists all pages.
    """

    answers: Counter[str] = field(default_factory=Counter)
    earlier: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    index: Path | None = None

    @property
    def exit_code(self) -> ExitCode:
        """Of the command: synthetic before inconclusive before unreadable."""
        for answer, code in (
            ("synthetic", ExitCode.SYNTHETIC_FOUND),
            ("inconclusive", ExitCode.INCONCLUSIVE),
            ("unreadable", ExitCode.SOME_UNREADABLE),
        ):
            if self.answers[answer]:
                return code
        return ExitCode.DONE

    def as_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return {
            "answers": dict(self.answers),
            "earlier": self.earlier,
            "skipped": dict(self.skipped),
            "index": None if self.index is None else os.fspath(self.index),
        }


def scan_many(
    paths: Iterable[StrPath], options: ScanOptions | None = None, *,
    jobs: int | None = None, in_order: bool = False, patience: float = PATIENCE,
) -> Iterator[Verdict]:  # fmt: skip
    """A verdict of every file, as they are done or ``in_order``; in worker processes.

    Args:
        paths: files; read only as far ahead as there are workers.
        options: as for ``scan``.
        jobs: workers; default: as many as processors.
        in_order: keep the order of ``paths``, at the price of some waiting.
        patience: seconds without progress after which a file is given up.

    Raises:
        UsageError, WeightsError: what no file can be scanned without is missing.
    """
    items = (Item(os.fspath(path)) for path in paths)
    order = Order(options or ScanOptions(), threads=_threads(jobs))
    with Pool(order, jobs or processors(), patience) as pool:
        for _, verdict in pool.run(items, in_order):
            assert verdict is not None
            yield verdict


def run(
    paths: Iterable[StrPath], options: ScanOptions, batch: BatchOptions,
    tell: Callable[[Verdict], None], progress: Callback | None = None,
) -> Summary:  # fmt: skip
    """Scan files and folders; ``tell`` is called with every verdict as it is found.

    Raises:
        UsageError: a folder without ``recursive``, or options that contradict each other.
        NothingToDoError: no file to look at.
        ResourceError: results cannot be written.
        WeightsError: a network is missing.
    """
    out = batch.out or (None if batch.report is None else batch.report / LINES)
    _check(batch, out)
    walk = Walk(paths, batch.recursive)
    items = list(walk)  # names alone; a bar needs their number
    summary = Summary(skipped=walk.skipped)
    earlier = Earlier(out, options.settings()["fingerprint"]) if out and batch.resume else None
    todo = [item for item in items if earlier is None or not earlier.has(item)]
    if earlier is not None:
        summary.answers.update(earlier.answers)
        summary.earlier = earlier.answers.total()
    with _Sink(out, batch.report) as sink:
        for folder, why in walk.closed.items():
            error = OSError(f"a folder that cannot be looked through: {why}")
            found = unreadable(folder, error, options.settings())
            _told(found, summary, sink, tell)
        for _, verdict in _outcomes(todo, options, batch, progress):
            if verdict is None:
                summary.skipped["no media by what they hold"] += 1
            else:
                _told(verdict, summary, sink, tell)
    if not summary.answers.total():
        raise NothingToDoError("no media to look at", hint=_passed_over(summary))
    if batch.report is not None and out is not None:
        found_before = (lines.read(line) for line in read_lines(out))
        summary.index = html.write_index(found_before, batch.report)
    return summary


def _told(verdict: Verdict, summary: Summary, sink: _Sink, tell: Callable[[Verdict], None]) -> None:
    summary.answers[verdict.answer] += 1
    sink.write(verdict)
    tell(verdict)


def _outcomes(
    items: list[Item], options: ScanOptions, batch: BatchOptions, progress: Callback | None
) -> Iterator[Outcome]:
    """Every item with its verdict, as they are done."""
    if len(items) == 1 and batch.jobs is None:
        with Scanner(options) as scanner:
            yield items[0], look(scanner, items[0], batch.report, progress)
        return
    jobs = min(batch.jobs or processors(), max(len(items), 1))
    steps = Progress(progress)
    steps.start("scanning files", len(items))
    with Pool(Order(options, batch.report, _threads(jobs)), jobs, batch.patience) as pool:
        for outcome in pool.run(items):
            yield outcome
            steps.advance()
    steps.finish()


def _check(batch: BatchOptions, out: Path | None) -> None:
    if batch.resume and out is None:
        raise UsageError("--resume needs --out or --report, whose results it goes on with")
    if out is not None and not batch.resume and out.exists() and out.stat().st_size:
        raise UsageError("exists already", out, "--resume goes on with it; or name another file")
    if batch.report is not None:
        try:
            batch.report.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResourceError(
                f"cannot make the folder: {error.strerror}", batch.report
            ) from error


class _Sink:
    """Where results are written as they come, if anywhere."""

    def __init__(self, out: Path | None, pages: Path | None) -> None:
        self._lines = None if out is None else Lines(out)
        self._pages = pages

    def __enter__(self) -> _Sink:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._lines is not None:
            self._lines.__exit__(*exc)

    def write(self, verdict: Verdict) -> None:
        """Add a verdict."""
        if self._lines is not None:
            self._lines.write(line(verdict, self._pages))


def line(verdict: Verdict, pages: Path | None) -> dict[str, Any]:
    """The verdict's JSON line, with its page where there is one."""
    found = lines.line(verdict)
    if pages is not None and (page := pages / html.page_name(verdict)).is_file():
        found["report"] = text(page)
    return found


def _passed_over(summary: Summary) -> str | None:
    told = [f"{count} {why}" for why, count in summary.skipped.items()]
    return f"passed over: {', '.join(told)}" if told else None


def _threads(jobs: int | None) -> int:
    """Of each worker, so that all together are no more than processors."""
    return max(1, processors() // (jobs or processors()))
