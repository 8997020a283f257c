"""A job of ten hours, in which memory must not grow: hours of loops, few pictures a minute."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from convert_helpers import stored_voice, voice_record
from dub_helpers import consent_for
from fault_runs import OUT, write_table
from forked import OK, Run, Work, by_command, start_server
from killing import names
from long_media import long_film, long_speech
from memory_watch import Sample, growth, stages, watch

HOURS = float(os.environ.get("AVSYNTH_FAULTS_HOURS", "10"))
EVERY = Fraction(5)  # seconds from one picture to the next: segments count here, not pictures
MOST_AN_HOUR = 40.0  # MB: what is said of every second, and how the mouth moves, is kept
_LIMIT_S = 12 * 3600.0

_ROWS: list[dict[str, object]] = []


@dataclass(frozen=True)
class LongDub:
    """Segments of a second, with as much of a leak as the control wants."""

    film: Path
    speech: Path
    record: Path
    leak: int = 0

    def __call__(self, folder: Path) -> None:
        from avsynth.cli.progress import bars
        from avsynth.pipelines import dub as verb
        from avsynth.pipelines.options import DubOptions

        kept: list[bytes] = []
        whole = verb.render_segment

        def leaking(*given: object) -> object:
            kept.append(os.urandom(self.leak))
            return whole(*given)  # type: ignore[arg-type]

        if self.leak:
            verb.render_segment = leaking  # type: ignore[assignment]
        with bars() as show:
            verb.dub(
                self.film, [("largest", self.speech)], self.record, folder / "out.mp4",
                DubOptions(segment_seconds=1.0), progress=show,
            )  # fmt: skip


@pytest.mark.parametrize("leak", [0, 10**6])
def test_segments_leave_nothing_in_memory(leak: int, tmp_path: Path) -> None:
    """And a megabyte that each of them left would be seen."""
    film = long_film(tmp_path / "film.mp4", 40, Fraction(1, 2))
    speech = long_speech(tmp_path / "speech.m4a", 40)
    samples = watched(LongDub(film, speech, consent_for(film), leak), tmp_path, 0.1)
    grown = growth(stages(samples)["mouths"])
    assert grown > 25 if leak else grown < 15


def watched(work: Work, folder: Path, every: float) -> list[Sample]:
    made = folder / "made"
    made.mkdir()
    start_server(made)
    run = Run(work, made, folder / "log")
    samples = watch(run, every, _LIMIT_S)
    assert run.end() in OK, run.log.read_text()
    return samples


@dataclass(frozen=True)
class Words:
    """A command; ``out`` is the name of what it makes."""

    words: tuple[object, ...]
    out: str

    def __call__(self, folder: Path) -> None:
        by_command(*self.words, folder / self.out)


def dubbing(folder: Path, seconds: int) -> Words:
    film = long_film(folder / "film.mp4", seconds, EVERY)
    speech = long_speech(folder / "speech.m4a", seconds)
    return Words(("dub", film, "--audio", speech, "--consent", consent_for(film), "-o"), "out.mp4")


def converting(folder: Path, seconds: int) -> Words:
    speech = long_speech(folder / "speech.m4a", seconds)
    return Words(
        ("convert", speech, "--to", stored_voice(), "--consent", voice_record(), "--weights",
         "world", "-o"), "out.m4a",
    )  # fmt: skip


def scanning(folder: Path, seconds: int) -> Words:
    film = long_film(folder / "film.mp4", seconds, EVERY)
    return Words(("scan", film, "--max-duration", seconds, "--period", 60, "--out"), "out.jsonl")


@pytest.mark.slow
@pytest.mark.parametrize("make", [dubbing, converting, scanning])
def test_hours(make: Callable[[Path, int], Words], tmp_path: Path) -> None:
    work = make(tmp_path, round(HOURS * 3600))
    samples = watched(work, tmp_path, 2.0)
    verb = str(work.words[0])
    OUT.mkdir(parents=True, exist_ok=True)
    with (OUT / f"memory_{verb}.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["second", "stage", "MB", "processor seconds"])
        lines.writerows((s.second, s.stage, s.megabytes, s.processor) for s in samples)
    total = 0.0
    for stage, part in stages(samples).items():
        grown = growth(part)
        total += max(0.0, grown)
        _ROWS.append(
            {"what": verb, "hours of media": HOURS, "stage": stage,
             "seconds": part[-1].second - part[0].second,
             "processor seconds": part[-1].processor - part[0].processor,
             "peak, MB": max(s.megabytes for s in part), "growth, MB": grown,
             "an hour of media, MB": grown / HOURS}
        )  # fmt: skip
    write_table("long_job", "Memory of a long job, stage by stage", _ROWS)
    assert work.out in names(tmp_path / "made")
    assert total / HOURS < MOST_AN_HOUR
