"""Disks that are full or read-only: one line, what is finished is kept, and then it goes on."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from convert_helpers import stored_voice, voice_record
from dub_helpers import LINE, Done, command, consent_for, shared_folder, short_person
from fault_runs import LONG, write_table
from forked import OK
from reenact_helpers import covers, film, person, portrait
from small_disks import change, content, disk
from voice_helpers import subject

Words = Callable[[Path], tuple[object, ...]]
FULL = 7
_ROWS: list[dict[str, object]] = []


@functools.cache
def sounds() -> Path:
    folder = shared_folder() / "sounds"
    folder.mkdir()
    for number in range(3):
        shutil.copy(LINE, folder / f"{number}.flac")
    return folder


def dub(folder: Path) -> tuple[object, ...]:
    short = short_person(frames=12)
    return ("dub", short, "--audio", LINE, "--consent", consent_for(short), "--lossless",
            "-o", folder / "out.mp4")  # fmt: skip


def convert(folder: Path) -> tuple[object, ...]:
    return ("convert", LINE, "--to", stored_voice(), "--consent", voice_record(),
            "--weights", "world", "-o", folder / "out.flac")  # fmt: skip


@functools.cache
def driven() -> tuple[Path, Path]:
    driver = film(shared_folder() / "six.mp4", list(person()[:6]))
    return driver, covers(shared_folder() / "six.json", portrait(), driver)


def reenact(folder: Path) -> tuple[object, ...]:
    driver, record = driven()
    return ("reenact", "--source", portrait(), "--driver", driver, "--consent", record,
            "--quality", "fast", "--lossless", "-o", folder / "out.mkv")  # fmt: skip


def scan_out(folder: Path) -> tuple[object, ...]:
    out = folder / "out.jsonl"
    return ("scan", "-r", sounds(), "--jobs", 1, "--out", out,
            *(["--resume"] if out.exists() else []))  # fmt: skip


def scan_report(folder: Path) -> tuple[object, ...]:
    pages = folder / "pages"
    return ("scan", "-r", sounds(), "--jobs", 1, "--report", pages,
            *(["--resume"] if (pages / "scan.jsonl").exists() else []))  # fmt: skip


def voice_imagine(folder: Path) -> tuple[object, ...]:
    return ("voice", "imagine", "-o", folder / "nobody.safetensors", "--seed", 3)


@functools.cache
def jane() -> Path:
    return subject([LINE], shared_folder() / "jane.json")


def voice_enroll(folder: Path) -> tuple[object, ...]:
    return ("voice", "enroll", LINE, "--consent", jane(), "-o", folder / "jane.safetensors")


def consent_new(folder: Path) -> tuple[object, ...]:
    return ("consent", "new", "--kind", "dataset", "--name", "tests", "--licence", "CC-BY-4.0",
            "--media", LINE, "-o", folder / "record.json")  # fmt: skip


CASES = (dub, convert, reenact, scan_out, scan_report, voice_imagine, voice_enroll,
         consent_new)  # fmt: skip
SHORT = (convert, voice_enroll, consent_new)  # of dubs: tests/cli/test_bad_input.py


@functools.cache
def undisturbed(words: Words) -> dict[str, object]:
    folder = shared_folder() / f"with room {words.__name__}"
    folder.mkdir()
    done = command(*words(folder))
    assert done.code in OK, done.err
    return content(folder)


def short_of(done: Done) -> None:
    """One line on what is missing."""
    assert done.code == FULL, (done.code, done.err)
    told = [line for line in done.err.splitlines() if line.startswith("avsynth: ")]
    assert len(told) == 1 and told[0] == done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def nothing_half(folder: Path, words: Words) -> None:
    """What is there is whole; lines may be fewer."""
    for name, found in content(folder).items():
        whole = undisturbed(words)[name]
        if name.endswith(".jsonl"):
            assert set(found) <= set(whole)  # type: ignore[call-overload]
        else:
            assert found == whole, name


@pytest.mark.parametrize("words", CASES if LONG else SHORT, ids=lambda words: words.__name__)
def test_a_full_disk_and_then_room(words: Words, tmp_path: Path) -> None:
    undisturbed(words)
    tried, kilobytes, step = 0, 0, 1.5 if LONG else 4
    while True:
        with disk(tmp_path / "disk", kilobytes or 4) as folder:
            filler = folder / "filler"
            if not kilobytes:
                filler.write_bytes(bytes(4096))
            done = command(*words(folder))
            if done.code in OK:
                break
            tried += 1
            short_of(done)
            filler.unlink(missing_ok=True)
            nothing_half(folder, words)
            change(folder, "size=64m")
            done = command(*words(folder))
            assert done.code in OK, done.err
            assert content(folder) == undisturbed(words)
            assert not list(folder.rglob(".*"))
        kilobytes = int(kilobytes * step / 4 + 1) * 4
    assert tried
    _ROWS.append(
        {"command": words.__name__.replace("_", " "), "full disks": tried,
         "enough, kB": kilobytes, "one line, exit code 7": tried, "then equal": tried}
    )  # fmt: skip
    write_table("disks", "Disks that are full, then have room", _ROWS)


@pytest.mark.parametrize("words", CASES if LONG else SHORT, ids=lambda words: words.__name__)
def test_a_read_only_disk(words: Words, tmp_path: Path) -> None:
    with disk(tmp_path / "disk", 1024) as folder:
        change(folder, "ro")
        done = command(*words(folder))
        assert done.code == FULL, done.err
        short_of(done)
        assert "read-only" in done.err.lower()
        assert not list(folder.iterdir())
