"""Scans every trial of a protocol, as it is and under corruptions; goes on where it was stopped."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from avsynth.errors import AvsynthError, InputError, ResourceError, UsageError
from avsynth.media import probe
from avsynth.pipelines.progress import Callback, Progress
from detectors.benchmark.rows import CLEAN, Row, latest, read_rows, row_of, state_of
from detectors.corrupt_file import corrupt_file, fits, suffixes_for
from detectors.corruptions import Corruption
from detectors.options import ScanOptions
from detectors.pool import Order, Outcome, Pool
from detectors.protocols import Protocol, Trial
from detectors.resume import Lines
from detectors.sharing import processors
from detectors.walk import Item

#: Name of the lines of a run inside its folder.
ROWS = "rows.jsonl"


@dataclass(frozen=True)
class BenchmarkOptions:
    """How a benchmark is run.

    Attributes:
        scan: of the scanner.
        corruptions: under which every file is scanned besides.
        moments: scores over time kept of a file, evenly spread: its frames at frame level.
        jobs: worker processes; 0: one a processor.
        patience: seconds without progress after which a file is given up.
    """

    scan: ScanOptions = field(default_factory=ScanOptions)
    corruptions: tuple[Corruption, ...] = ()
    moments: int = 32
    jobs: int = 0
    patience: float = 300.0


@dataclass(frozen=True)
class Measured:
    """Rows of every trial by condition, ``clean`` first, in the protocol's order.

    ``earlier`` of them were there already.
    """

    protocol: Protocol
    rows: dict[str, tuple[Row, ...]]
    earlier: int


@dataclass(frozen=True, slots=True)
class _Task:
    trial: Trial
    condition: str
    path: Path
    state: tuple[int, int]


#: Items -> the same with verdicts, as they are done.
Scanning = Callable[[Iterable[Item]], Iterable[Outcome]]


def measure(
    protocol: Protocol, out: Path, options: BenchmarkOptions, progress: Callback | None = None,
    scanning: Scanning | None = None,
) -> Measured:  # fmt: skip
    """Scan what has not been scanned into ``out`` already, with the same settings and files.

    ``scanning`` takes the place of worker processes.

    Raises:
        ResourceError: ``out`` cannot be written.
        WeightsError: a network is missing.
    """
    conditions = (CLEAN, *map(str, options.corruptions))
    if len(set(conditions)) != len(conditions):
        raise UsageError("a corruption is named twice")
    fingerprint = f"{options.scan.settings()['fingerprint']}/{options.moments}"
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"cannot make the folder: {error.strerror}", out) from error
    known = latest(read_rows(out / ROWS))
    tasks, kept = _tasks(protocol, conditions, known, fingerprint)
    steps = Progress(progress)
    steps.start("scanning", len(tasks))
    with Lines(out / ROWS) as lines:
        for row in _scanned(tasks, options, fingerprint, scanning):
            lines.write(row.model_dump(mode="json"))
            kept[row.condition, row.key] = row
            steps.advance()
    steps.finish()
    rows = {
        condition: tuple(kept[condition, trial.key] for trial in protocol.trials)
        for condition in conditions
    }
    return Measured(protocol, rows, len(kept) - len(tasks))


def _tasks(
    protocol: Protocol, conditions: tuple[str, ...], known: dict[tuple[str, str], Row],
    fingerprint: str,
) -> tuple[list[_Task], dict[tuple[str, str], Row]]:  # fmt: skip
    """What is to be done, and the rows that still hold."""
    tasks, kept = [], {}
    for trial in protocol.trials:
        try:
            path = protocol.file(trial)
        except AvsynthError as error:
            for each in conditions:
                kept[each, trial.key] = _Made(
                    _Task(trial, each, protocol.root, (0, 0)), None, error.what
                ).row(fingerprint)
            continue
        state = state_of(path)
        for each in conditions:
            row = known.get((each, trial.key))
            if row is not None and _holds(row, state, fingerprint):
                kept[each, trial.key] = row
            else:
                tasks.append(_Task(trial, each, path, state))
    return tasks, kept


def _holds(row: Row, state: tuple[int, int], fingerprint: str) -> bool:
    """Whether a row need not be made again: nothing has changed, and the file could be read."""
    same = (row.size, row.modified_ns, row.fingerprint) == (*state, fingerprint)
    return same and (row.answer != "unreadable" or not row.fitting)


def _scanned(
    tasks: list[_Task], options: BenchmarkOptions, fingerprint: str, scanning: Scanning | None
) -> Iterator[Row]:
    """A row for every task, as they are done."""
    jobs = min(options.jobs or processors(), max(len(tasks), 1))
    corruptions = {str(corruption): corruption for corruption in options.corruptions}
    left: list[Row] = []
    waiting: dict[str, _Task] = {}
    with tempfile.TemporaryDirectory(prefix="avsynth-bench-") as name, ExitStack() as stack:
        folder = Path(name)

        def items() -> Iterator[Item]:
            for made in _ahead(tasks, corruptions, folder, jobs):
                if made.path is None:
                    left.append(made.row(fingerprint))
                else:
                    waiting[os.fspath(made.path)] = made.task
                    yield Item(os.fspath(made.path))

        if scanning is None:
            order = Order(options.scan, threads=max(1, processors() // jobs))
            scanning = stack.enter_context(Pool(order, jobs, options.patience)).run
        for item, verdict in scanning(items()):
            task = waiting.pop(item.path)
            if Path(item.path).parent == folder:  # never anything of the data
                Path(item.path).unlink(missing_ok=True)
            assert verdict is not None  # None is for files that need not be media
            yield row_of(
                task.trial, task.condition, task.state, fingerprint, verdict, options.moments
            )
    yield from left


@dataclass(frozen=True, slots=True)
class _Made:
    """A task with the file to scan; or without, as the condition does not fit or it failed."""

    task: _Task
    path: Path | None
    error: str | None = None

    def row(self, fingerprint: str) -> Row:
        """Of a task without a file to scan."""
        size, modified = self.task.state
        return Row(
            key=self.task.trial.key, condition=self.task.condition, size=size,
            modified_ns=modified, fingerprint=fingerprint, fitting=self.error is not None,
            error=self.error,
        )  # fmt: skip


def _ahead(
    tasks: list[_Task], corruptions: dict[str, Corruption], folder: Path, jobs: int
) -> Iterator[_Made]:
    """Every task with its file, corrupted a few files ahead."""
    following = enumerate(tasks)
    ready: list[Future[_Made]] = []
    with ThreadPoolExecutor(jobs, thread_name_prefix="corrupt") as aside:
        while True:
            for number, task in islice(following, 2 * jobs - len(ready)):
                corruption = corruptions.get(task.condition)
                ready.append(aside.submit(_prepared, task, corruption, folder / str(number)))
            if not ready:
                return
            yield ready.pop(0).result()


def _prepared(task: _Task, corruption: Corruption | None, stem: Path) -> _Made:
    if corruption is None:
        return _Made(task, task.path)
    try:
        info = probe(task.path)
        if not fits(info, corruption):
            return _Made(task, None)
        out = stem.with_suffix(suffixes_for(info)[0])
        corrupt_file(task.path, corruption, out)
        return _Made(task, out)
    except (InputError, UsageError) as error:
        return _Made(task, None, error.what)
