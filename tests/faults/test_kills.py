"""kill -9 at random moments, then the same command again: as if nothing had happened.

The moments are spread evenly over the time that an undisturbed job takes, so that every stage is
hit as often as it is long. Scans are killed whole, or their main process alone.
"""

from __future__ import annotations

import functools
import json
import shutil
import signal
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from convert_helpers import stored_voice, voice_record
from dub_helpers import LINE, PERSON, consent_for, grey, shared_folder, short_person
from fault_runs import LONG, write_table
from forked import by_command, start_server
from killing import (
    Job,
    Undisturbed,
    kill_and_resume,
    moments_of,
    signed_content,
    undisturbed,
    whole_or_nothing,
)
from reenact_helpers import covers, film, person, portrait

SEED = 12
SIGNALS = {name: getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP", "SIGINT", "SIGKILL")}
EVERY = 5  # of so many jobs one is killed twice


def dub_film(driver: Path, record: Path, out: Path) -> None:
    from avsynth.cli.progress import bars
    from avsynth.pipelines.dub import dub
    from avsynth.pipelines.options import DubOptions

    options = DubOptions(segment_seconds=1.0, lossless=True)
    with bars() as show:
        dub(driver, [("largest", LINE)], record, out, options, progress=show)


def reenact_picture(picture: Path, driver: Path, record: Path, out: Path) -> None:
    from avsynth.cli.progress import bars
    from avsynth.pipelines.reenact import reenact
    from avsynth.pipelines.reenact_options import ReenactOptions

    options = ReenactOptions(segment_seconds=1.0, lossless=True, audio="keep")
    with bars() as show:
        reenact(picture, driver, record, out, options, progress=show)


@functools.cache
def two_seconds() -> Path:
    """What a picture is driven by: two segments."""
    return film(shared_folder() / "two-seconds.mp4", list(person()[:50]), sound=True)


@functools.cache
def scanned() -> Path:
    """A folder of films and sounds, one of them broken, one without a face."""
    folder = shared_folder() / "scanned"
    folder.mkdir()
    for number in range(4 if LONG else 2):
        shutil.copy(short_person(frames=75), folder / f"film-{number}.mp4")
    for number in range(2 if LONG else 1):
        shutil.copy(LINE, folder / f"line-{number}.flac")
    grey(folder / "grey.mp4")
    (folder / "broken.mp4").write_bytes(PERSON.read_bytes()[:3000])
    return folder


@dataclass(frozen=True)
class Dub:
    """Three segments of one second; picklable, as all work here."""

    film: Path
    record: Path

    def __call__(self, folder: Path) -> None:
        dub_film(self.film, self.record, folder / "out.mp4")


@dataclass(frozen=True)
class Reenact:
    """Two segments."""

    picture: Path
    driver: Path
    record: Path

    def __call__(self, folder: Path) -> None:
        reenact_picture(self.picture, self.driver, self.record, folder / "out.mkv")


@dataclass(frozen=True)
class Command:
    """A command, whose output is named last."""

    words: tuple[object, ...]
    out: str

    def __call__(self, folder: Path) -> None:
        by_command(*self.words, folder / self.out)


def films(work: Dub | Reenact | Command, name: str) -> Job:
    """A job that makes one signed file and its report."""
    return Job(work, work, signed_content(name), whole_or_nothing(name))


def scans(option: str, name: str) -> Job:
    """Verdicts as lines, or also as pages."""
    words = ("scan", "-r", scanned(), "--jobs", 2)
    lines = name if option == "--out" else f"{name}/scan.jsonl"

    def content(folder: Path) -> dict[str, Any]:
        found = read_lines(folder / lines)
        paths = [line["path"] for line in found]
        assert len(paths) == len(set(paths)), "a file twice"
        assert option == "--out" or all(Path(line["report"]).is_file() for line in found)
        between(folder, {})
        return {line["path"]: _lasting(line) for line in found}

    def between(folder: Path, whole: dict[str, Any]) -> None:
        if whole and (folder / lines).exists():
            for line in read_lines(folder / lines):
                assert _lasting(line) == whole[line["path"]]
        for page in (folder / name).glob("[!.]*.html"):
            assert page.read_text().endswith("</html>")

    begin, again = (Command((*words, *more, option), name) for more in ((), ("--resume",)))
    return Job(begin, again, content, between)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All whole lines; one that was cut off can only be the last."""
    return [json.loads(raw) for raw in path.read_text().splitlines(True) if raw.endswith("\n")]


def _lasting(line: dict[str, Any]) -> dict[str, Any]:
    """A verdict without what differs from one scan to the next."""
    kept = {name: value for name, value in line.items() if name not in ("seconds", "report")}
    kept["settings"] = {**line["settings"], "examined": None}
    kept["credentials"] = {**(line["credentials"] or {}), "seconds": None}
    return kept


def converting(source: Path, name: str) -> Command:
    words = ("convert", source, "--to", stored_voice(), "--consent", voice_record(),
             "--weights", "world", "-o")  # fmt: skip
    return Command(words, name)


def dubbing() -> Job:
    person = short_person(frames=75)
    return films(Dub(person, consent_for(person)), "out.mp4")


def reenacting() -> Job:
    driver = two_seconds()
    record = covers(shared_folder() / "two-seconds.json", portrait(), driver)
    return films(Reenact(portrait(), driver, record), "out.mkv")


JOBS: dict[str, Callable[[], Job]] = {
    "dub": dubbing,
    "convert sound": lambda: films(converting(LINE, "out.flac"), "out.flac"),
    "convert film": lambda: films(converting(PERSON, "out.mkv"), "out.mkv"),
    "reenact": reenacting,
    "scan --out": lambda: scans("--out", "out.jsonl"),
    "scan --report": lambda: scans("--report", "pages"),
}

#: Of each so many are killed under `make faults`.
COUNTS = {"dub": 30, "convert sound": 15, "convert film": 15, "reenact": 20, "scan --out": 10,
          "scan --report": 10}  # fmt: skip
#: And in the short form: what is killed nowhere else.
SHORT = {"scan --report": 1}

_SUMMARY: list[dict[str, object]] = []
_STAGES: list[dict[str, object]] = []
_SIGNALS: list[dict[str, object]] = []


@functools.cache
def prepared(name: str) -> tuple[Job, Undisturbed]:
    """A job, and what it comes to."""
    job = JOBS[name]()
    folder = shared_folder() / f"undisturbed-{name}"
    start_server(folder)
    whole = undisturbed(job, folder)
    if LONG:
        again = undisturbed(job, folder.with_name(f"{folder.name}-again"))
        assert again.names == whole.names and again.content == whole.content
    return job, whole


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_killed_at_random_moments(name: str, tmp_path: Path) -> None:
    job, whole = prepared(name)
    count, seconds = COUNTS[name], whole.seconds
    first, second = (list(moments_of(SEED + n, count)) for n in (0, 1))
    stages: Counter[str] = Counter()
    total: Counter[str] = Counter()
    wrong: list[str] = []
    slowest = 0.0
    for number, moment in enumerate(first):
        moments = [moment, second[number]] if number % EVERY == 0 else [moment]
        with_all = not name.startswith("scan") or number % 2 == 0
        try:
            done = kill_and_resume(job, whole, moments, tmp_path / str(number), with_all)
        except Exception as error:  # told of in the table; the others go on
            line = traceback.extract_tb(error.__traceback__)[-1].line
            wrong.append(f"{name} {number}, at {moments}: {line}: {error!r}")
            continue
        stages.update(done.stages)
        total.update(kills=len(done.stages), alone=0 if with_all else len(done.stages))
        total.update(twice=len(done.stages) > 1, temporaries=done.temporaries)
        slowest = max(slowest, done.others_gone)
        shutil.rmtree(tmp_path / str(number))
    _SUMMARY.append(
        {"what": name, "undisturbed, s": seconds, "jobs": count, "kills": total["kills"],
         "killed twice": total["twice"], "main process alone": total["alone"],
         "its workers gone after, s": slowest, "left in TMPDIR": total["temporaries"],
         "not as if undisturbed": len(wrong)}
    )  # fmt: skip
    _STAGES.extend({"what": name, "stage": s, "kills": n} for s, n in stages.most_common())
    write_table("kills", "kill -9 at random moments, then the same again", _SUMMARY, wrong)
    write_table("kills_by_stage", "Stages in which they were hit", _STAGES)
    assert not wrong
    assert total["kills"] >= count


@pytest.mark.parametrize("name", SHORT)
def test_killed_at_a_random_moment(name: str, tmp_path: Path) -> None:
    job, whole = prepared(name)
    for number, moment in enumerate(moments_of(SEED, SHORT[name])):
        folder = tmp_path / str(number)
        assert kill_and_resume(job, whole, [moment], folder, with_all=False).stages


@pytest.mark.parametrize("name", SIGNALS if LONG else ("SIGTERM", "SIGKILL"))
def test_ended_by_other_signals(name: str, tmp_path: Path) -> None:
    """It ends by itself in one line, tidies up, and can be gone on with."""
    job, whole = prepared("convert film")
    count = 10 if LONG else 1
    stages: Counter[str] = Counter()
    for number, moment in enumerate(moments_of(SEED, count)):
        moment = moment if LONG else 0.5
        done = kill_and_resume(job, whole, [moment], tmp_path / str(number), number=SIGNALS[name])
        stages.update(done.stages)
    _SIGNALS.append({"signal": name, "ended and resumed": stages.total(), "stages": dict(stages)})
    write_table("signals", "Conversions ended by other signals", _SIGNALS)
