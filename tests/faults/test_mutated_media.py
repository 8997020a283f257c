"""Damaged media through all that reads media: no crash, no hang, no trace, nothing written.

Long form: ``AVSYNTH_FAULTS_FILES`` files (10,000), a table each; files with which something went
wrong are kept beside it. One file again: ``AVSYNTH_FAULTS_ONLY=NUMBER,...``.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_runs import LONG, OUT, write_table
from media_bases import KINDS, make_bases
from media_operations import attempt, content, readers, verbs
from mutants import BAD, MOST_MB, SEED, Mutants, Peak, Tally, films, keep, numbered
from watched import Watched, tree

from detectors.batch import scan_many
from detectors.options import ScanOptions
from detectors.report import json as lines
from detectors.report.text import render

FILES = int(os.environ.get("AVSYNTH_FAULTS_FILES", "10000"))
KEPT = OUT / "kept" if LONG else None
READING = ("probe", "frames", "sound", "still", "verify")
VERBS = ("dub video", "dub audio", "convert", "reenact source", "reenact driver",
         "motion extract", "voice enroll")  # fmt: skip
_INTERNAL = re.compile(r"^(the process|given up)|^\w*([Ee]rror|Exception): |: \w*Error: ")
_SOME = ("h264-aac.mp4", "fragments.mp4", "rotated.mov", "variable.mkv", "vp9.webm", "mpeg4.avi",
         "mpeg2.ts", "flv1.flv", "moving.gif", "s16.wav", "sound.flac", "sound.mp3", "sound.opus",
         "sound.m4a", "still.png", "still.jpg", "signed.mp4", "signed.jpg")  # fmt: skip


@pytest.fixture(scope="module")
def mutants(tmp_path_factory: pytest.TempPathFactory) -> Mutants:
    data = os.environ.get("AVSYNTH_DATA")
    kinds = KINDS if LONG else [kind for kind in KINDS if kind.name in _SOME]
    clips = films(Path(data)) if data and LONG else []
    return Mutants(tmp_path_factory.mktemp("mutants"), clips, kinds=kinds)


def test_whole_files_of_all_kinds_are_read(tmp_path: Path) -> None:
    found = {
        name: {what: told for what, told in readers()(path).items() if told[0] != "read"}
        for name, path in make_bases(tmp_path / "b").items()
    }
    unread = {name: told for name, told in found.items() if len(told) > 3}
    assert set(unread) == {"moving.webp"}, unread  # moving WebP is not decoded; its still is


def test_the_same_seed_gives_the_same_files(mutants: Mutants) -> None:
    first = {n: mutants.write(n)[0].read_bytes() for n in range(40)}
    again = {n: mutants.write(n)[0].read_bytes() for n in range(40)}
    assert first == again and len(set(first.values())) == 40


def _read_all(mutants: Mutants, numbers: Iterator[int], tally: Tally) -> None:
    folder = mutants.folder
    whole = {name: content(folder / "bases" / name) for name in mutants.data}
    worker = Watched(readers, folder / "reading", (), patience=60.0)
    before = tree(folder / "reading" / "home", folder / "reading" / "cwd")
    try:
        for number in numbers:
            path, name, how = mutants.write(number)
            tally.file(name)
            result = worker.do(path)
            about = {"number": number, "seed": mutants.seed, "how": how}
            if result.ended is not None:
                outcome = "hang" if result.ended == "hang" else f"crash {result.ended}"
                tally.add(name, "probe", outcome, result.seconds, **about)
                keep(path, KEPT)
            else:
                for what, (outcome, seconds, told) in result.answer.items():
                    if what == "verify" and outcome in ("trusted", "valid", "untrusted"):
                        outcome = _believed(path, name, whole, mutants, outcome)
                    tally.add(name, what, outcome, seconds, told=told, **about)
                    if outcome.startswith(BAD):
                        keep(path, KEPT)
                if result.memory_mb > MOST_MB:
                    tally.add(name, "probe", "memory", result.seconds, mb=result.memory_mb, **about)
                    keep(path, KEPT)
                if result.wrote:
                    tally.add(name, "probe", "wrote", 0.0, told=str(result.wrote), **about)
                tally.memory["reading"] = max(tally.memory["reading"], result.memory_mb)
            path.unlink()
            tally.progress()
    finally:
        worker.close()
    scratch = list((folder / "reading" / "scratch").rglob("*"))
    assert tree(folder / "reading" / "home", folder / "reading" / "cwd") == before
    assert [each for each in scratch if each.is_file()] == []
    assert list((folder / "in").iterdir()) == []


def _believed(path: Path, name: str, whole: dict[str, str], mutants: Mutants, outcome: str) -> str:
    """Whether credentials are said to hold for what is not what was signed."""
    if path.read_bytes() in mutants.data.values():
        return "unchanged"
    now = content(path)
    if now in whole.values():
        return f"{outcome}, content as signed"
    return "believed" if now else f"{outcome}, nothing to see or hear"


def test_reading(mutants: Mutants) -> None:
    count = FILES if LONG else 120
    if LONG:
        OUT.mkdir(parents=True, exist_ok=True)
    tally = Tally(OUT / "mutated_reading.jsonl" if LONG else None)
    _read_all(mutants, numbered(0, count), tally)
    notes = [f"seed {SEED}; slowest (s): {_told(tally.slowest)}; memory (MB): "
             f"{_told(tally.memory)}", f"went wrong: {len(tally.wrong)}"]  # fmt: skip
    write_table("mutated_reading", "Damaged media, read", tally.rows(READING), notes)
    assert tally.wrong == [], tally.told()


def test_scanning(mutants: Mutants, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    for name in ("home", "scratch", "cwd"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "scratch"))
    if LONG:
        OUT.mkdir(parents=True, exist_ok=True)
    tally = Tally(OUT / "mutated_scanning.jsonl" if LONG else None)
    hows: dict[str, tuple[int, str, str]] = {}

    def paths() -> Iterator[str]:
        for number in numbered(0, FILES if LONG else 12):
            path, name, how = mutants.write(number)
            hows[str(path)] = number, name, how
            yield str(path)

    with Peak() as peak:
        for verdict in scan_many(paths(), ScanOptions(), jobs=1, patience=90.0):
            number, name, how = hows.pop(verdict.path)
            tally.file(name)
            outcome, seconds, told = attempt(lambda _, v=verdict: _verdict(v), Path(verdict.path))
            about = {"number": number, "seed": mutants.seed, "how": how, "told": told}
            if outcome in ("crash", "hang", "error"):
                keep(Path(verdict.path), KEPT)
            tally.add(name, "scan", outcome, verdict.seconds.get("total", seconds), **about,
                      said=verdict.error)  # fmt: skip
            memory = peak.take()
            if memory > MOST_MB:
                tally.add(name, "scan", "memory", seconds, mb=memory, **about)
                keep(Path(verdict.path), KEPT)
            Path(verdict.path).unlink()
            tally.progress()
    crashed = [row for row in tally.wrong if row["outcome"] == "crash"]
    notes = [f"seed {SEED}; slowest (s): {_told(tally.slowest)}; memory of the worker at most "
             f"{peak.most:.0f} MB", f"went wrong: {len(tally.wrong)}"]  # fmt: skip
    write_table("mutated_scanning", "Damaged media, scanned", tally.rows(["scan"]), notes)
    assert [row for row in tally.wrong if row not in crashed] == [], tally.told()
    assert tree(home, tmp_path / "cwd") == {}
    assert LONG or crashed == []


def _verdict(verdict: object) -> str:
    from detectors.verdict import Verdict

    assert isinstance(verdict, Verdict)
    import json

    json.dumps(lines.line(verdict), allow_nan=False)
    assert all(line.isprintable() for line in render(verdict).splitlines())
    notes = verdict.properties.get("notes", []) if verdict.properties else []
    said = [verdict.error or "", *notes, *(each.abstained or "" for each in verdict.evidence)]
    if "the process that looked at it died" in said[0]:
        return "crash"
    if "given up" in said[0]:
        return "hang"
    internal = [each for each in said if _INTERNAL.search(each)]
    assert not internal, internal
    return verdict.answer


def test_commands(mutants: Mutants) -> None:
    """As inputs of what makes something: refused in one line, or a whole output."""
    folder = mutants.folder / "verbs"
    for name in ("out", "records"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    tally = Tally(OUT / "mutated_commands.jsonl" if LONG else None)
    home = Path(os.environ["AVSYNTH_HOME"])
    worker = Watched(verbs, folder, (folder / "out", folder / "records", home), patience=240.0)
    names = _suited(mutants)
    try:
        for number in numbered(0, FILES // 25 if LONG else 3):
            verb = VERBS[number % len(VERBS)]
            # Numbers are those of files of the other runs' seeds, bases in turn for each command.
            path, name, how = mutants.write(100_000 + number // len(VERBS), names[verb])
            tally.file(name)
            result = worker.do((verb, path, folder / "out"))
            about = {"number": number, "seed": mutants.seed, "how": how}
            if result.ended is not None:
                outcome = "hang" if result.ended == "hang" else f"crash {result.ended}"
                tally.add(name, verb, outcome, result.seconds, **about)
                keep(path, KEPT)
            else:
                ((_, (outcome, seconds, told)),) = result.answer.items()
                tally.add(name, verb, outcome, seconds, told=told, **about)
                if result.wrote:
                    tally.add(name, verb, "wrote", 0.0, told=str(result.wrote), **about)
                tally.memory[verb] = max(tally.memory[verb], result.memory_mb)
                if outcome == "error":
                    keep(path, KEPT)
            shutil.rmtree(folder / "out")
            (folder / "out").mkdir()
            path.unlink()
            tally.progress(20)
    finally:
        worker.close()
    done = dict.fromkeys(VERBS, 0)
    for (_, verb), counts in tally.counts.items():
        done[verb] += sum(n for outcome, n in counts.items() if outcome.startswith("done"))
    assert not LONG or min(done.values()) > 0, done  # else a command refuses whatever it is given
    notes = [f"seed {SEED}; slowest (s): {_told(tally.slowest)}; memory (MB): "
             f"{_told(tally.memory)}", f"went wrong: {len(tally.wrong)}"]  # fmt: skip
    write_table("mutated_commands", "Damaged media as inputs", tally.rows(VERBS), notes)
    assert tally.wrong == [], tally.told()


def _suited(mutants: Mutants) -> dict[str, list[str]]:
    """Bases that a command could do something with, were they whole."""
    kinds = [kind for kind in mutants.kinds if kind.name in mutants.data]
    seen = [kind.name for kind in kinds if kind.video and kind.name != "moving.webp"]
    heard = [kind.name for kind in kinds if kind.audio]
    stills = [kind.name for kind in kinds if not kind.audio]
    return {"dub video": seen, "dub audio": heard, "convert": heard, "reenact source": stills,
            "reenact driver": seen, "motion extract": seen, "voice enroll": heard}  # fmt: skip


def _told(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in sorted(figures.items()))
