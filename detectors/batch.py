"""Many files: every worker a process of its own, results written as they come, to be resumed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from avsynth.cluster.engine import Cluster
from avsynth.cluster.storage import is_url
from avsynth.errors import ExitCode, InputError, NothingToDoError
from avsynth.media.opening import StrPath
from avsynth.pipelines.progress import Callback, Progress
from detectors.cluster import scan_on
from detectors.options import ScanOptions
from detectors.pool import PATIENCE, Order, Outcome, Pool, look
from detectors.report import html
from detectors.report import json as lines
from detectors.results import BatchOptions, Results
from detectors.resume import Line, read_lines
from detectors.scan import Scanner
from detectors.sharing import processors
from detectors.unreadable import unreadable
from detectors.verdict import Verdict
from detectors.walk import Item, Walk


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
        InputError: a folder of a store cannot be listed.
        NothingToDoError: no file to look at.
        ResourceError: results cannot be written, or the cluster not be used.
        WeightsError: a network is missing.
    """
    results = Results(batch, options.settings()["fingerprint"])
    walk = Walk(paths, batch.recursive)
    summary = Summary(skipped=walk.skipped)
    todo: Iterator[Item] = (item for item in walk if not results.has(item))
    total = None
    if batch.cluster is None and not any(is_url(os.fspath(path)) for path in paths):
        known = list(todo)  # names alone; a bar needs their number
        todo, total = iter(known), len(known)
    # Closed at once whatever happens: workers end before the results do.
    with results, closing(_outcomes(todo, total, options, batch, progress)) as outcomes:
        for _, verdict in outcomes:
            if verdict is None:
                summary.skipped["no media by what they hold"] += 1
            else:
                _told(verdict, summary, results, tell)
        for folder, why in walk.closed.items():
            error = OSError(f"a folder that cannot be looked through: {why}")
            _told(unreadable(folder, error, options.settings()), summary, results, tell)
    summary.answers.update(results.answers)
    summary.earlier = results.answers.total()
    if not summary.answers.total():
        raise NothingToDoError("no media to look at", hint=_passed_over(summary))
    if batch.report is not None and results.file is not None:
        found_before = (_again(line, results.file) for line in read_lines(results.file))
        summary.index = html.write_index(found_before, batch.report)
    return summary


def _again(line: Line, file: Path) -> Verdict:
    try:
        return lines.read(line)
    except InputError as error:
        raise InputError(error.what, file, "the index is made from it") from error


def _told(
    verdict: Verdict, summary: Summary, results: Results, tell: Callable[[Verdict], None]
) -> None:
    summary.answers[verdict.answer] += 1
    results.write(verdict)
    tell(verdict)


def _outcomes(
    items: Iterator[Item], total: int | None, options: ScanOptions, batch: BatchOptions,
    progress: Callback | None,
) -> Generator[Outcome, None, None]:  # fmt: skip
    """Every item with its verdict, as they are done; there are ``total`` if that is known."""
    first = list(islice(items, batch.jobs or processors()))
    items = chain(first, items)
    if len(first) == 1 and batch.jobs is None and batch.cluster is None:
        with Scanner(options) as scanner:
            yield first[0], look(scanner, first[0], batch.report, progress)
        return
    steps = Progress(progress)
    steps.start("scanning files", total)
    for outcome in _by_workers(items, len(first), options, batch):
        yield outcome
        steps.advance()
    steps.finish()


def _by_workers(
    items: Iterable[Item], most: int, options: ScanOptions, batch: BatchOptions
) -> Iterator[Outcome]:
    """The same by a cluster, or by processes of this machine, ``most`` at most."""
    if batch.cluster is not None:
        cluster = Cluster(batch.cluster, batch.jobs)
        yield from scan_on(cluster, items, options, batch.report, batch.patience)
    elif most:
        order = Order(options, batch.report, _threads(batch.jobs))
        with Pool(order, most, batch.patience) as pool:
            yield from pool.run(items)


def _passed_over(summary: Summary) -> str | None:
    told = [f"{count} {why}" for why, count in summary.skipped.items()]
    return f"passed over: {', '.join(told)}" if told else None


def _threads(jobs: int | None) -> int:
    """Of each worker, so that all together are no more than processors."""
    return max(1, processors() // (jobs or processors()))
