"""Scans on a cluster and of stores come to what an ordinary scan comes to."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from cluster_helpers import killing_one
from dub_helpers import command

import detectors.cluster
from avsynth.cluster import storage
from avsynth.cluster.engine import Cluster
from avsynth.errors import InputError, NothingToDoError, UsageError
from detectors import ScanOptions, Verdict, stored
from detectors.batch import Summary, run
from detectors.parts import Parts
from detectors.report.json import line, read
from detectors.results import BatchOptions
from detectors.walk import Item, State

if TYPE_CHECKING:
    from conftest import Store

QUICK = ScanOptions(detectors=("credentials",))
#: What differs between two scans of the same file.
OF_THE_MOMENT = ("seconds", "settings")
#: And of a file in two places.
OF_THE_PLACE = ("path", "properties")


def sounds(folder: Path, count: int) -> list[Path]:
    """Sounds of different lengths, one file that is none, and one that only its name calls text."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        seconds = np.arange(round((0.2 + 0.05 * number) * 16000)) / 16000
        tone = 0.2 * np.sin(2 * np.pi * 300 * seconds)
        soundfile.write(folder / f"{number:02}.wav", tone, 16000)
    (folder / "broken.wav").write_bytes(b"nothing of the kind")
    (folder / "notes.txt").write_text("no media")
    return sorted(folder.glob("*.wav"))


def scanned(
    paths: list[str], options: ScanOptions = QUICK, **more: object
) -> tuple[Summary, dict[str, Verdict]]:
    found: list[Verdict] = []
    done = run(paths, options, BatchOptions(recursive=True, **more), found.append)  # type: ignore[arg-type]
    assert len({each.path for each in found}) == len(found)
    return done, {each.path: each for each in found}


def comparable(verdict: Verdict, *without: str) -> dict[str, Any]:
    whole = line(verdict)
    if whole["credentials"]:
        assert whole["credentials"]["path"] == whole["path"]
        whole["credentials"] = {**whole["credentials"], "seconds": 0, "path": ""}
    return {name: value for name, value in whole.items() if name not in (*OF_THE_MOMENT, *without)}


def assert_same(first: dict[str, Verdict], second: dict[str, Verdict], *without: str) -> None:
    """Two scans agree, file by file in the order of names."""
    one, other = (
        [comparable(found[path], *without) for path in sorted(found)] for found in (first, second)
    )
    assert one == other


def test_a_worker_killed_in_the_middle_changes_no_verdict(
    two_workers: Cluster, tmp_path: Path
) -> None:
    sounds(tmp_path / "in", 12)
    pages = tmp_path / "pages"
    with killing_one() as killed:
        done, found = scanned([str(tmp_path / "in")], cluster="local", report=pages)
    _, alone = scanned([str(tmp_path / "in")])
    assert killed and len(found) == 13
    assert_same(found, alone)
    assert done.answers["unreadable"] == 1 and done.skipped == {"no media by their names": 1}
    assert done.index and len(list(pages.glob("*.wav-*.html"))) == 13


def dies_of_one(options: ScanOptions, pictures: bool) -> Callable[[Any], Any]:
    work = detectors.cluster._make(options, pictures)

    def fragile(errand: Any) -> Any:
        if "dies" in errand.path:
            os.kill(os.getpid(), signal.SIGKILL)
        return work(errand)

    return fragile


def test_files_that_kill_that_are_not_seen_and_that_are_in_memory(
    two_workers: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file kills all who look; one seems to have changed a moment after workers find."""
    first, second, *_ = sounds(tmp_path, 3)
    _, alone = scanned([str(tmp_path)])
    dies = first.replace(first.with_name("dies.wav"))
    storage.publish(second, "memory://cinema/a.wav")
    seen = detectors.cluster.state_of

    def otherwise(path: str) -> State | None:
        found = seen(path)
        return found and (found[0], (found[1] or 0) + (path == str(second)), found[2])

    monkeypatch.setattr(detectors.cluster, "state_of", otherwise)
    monkeypatch.setattr(detectors.cluster, "_make", dies_of_one)
    _, found = scanned([str(tmp_path), "memory://cinema"], cluster="local")
    dead = found.pop(str(dies))
    assert dead.answer == "unreadable" and dead.sha256
    assert dead.error == "the worker died, at each of 2 tries"
    of_memory = {str(second): found.pop("memory://cinema/a.wav")}
    del alone[str(first)]
    assert_same({str(second): found[str(second)]}, {str(second): alone[str(second)]}, "properties")
    assert_same(of_memory, {str(second): alone[str(second)]}, *OF_THE_PLACE)
    assert_same(found, alone, "properties")


def test_too_much_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MOST_SENT", 10)
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(11))
    storage.publish(path, "memory://large/a.wav")
    assert "more than 10 bytes are not sent" in str(stored.with_data(Item(str(path))).lost)
    assert stored.sendable(Item("memory://large/a.wav")).lost == "has 11 bytes, 10 can be sent"


def parts(store: Store, prefix: str) -> list[dict[str, Any]]:
    """All lines of the parts under a prefix, as anyone would read them."""
    keys = store.keys(prefix)
    assert keys and all(key.startswith(f"{prefix}/part-") for key in keys)
    return [json.loads(each) for key in sorted(keys) for each in store.get(key).splitlines()]


def test_a_bucket_is_scanned_into_parts_and_gone_on_with(
    two_workers: Cluster, s3: Store, tmp_path: Path
) -> None:
    paths = sounds(tmp_path, 6)
    for path in [*paths, tmp_path / "notes.txt"]:
        s3.put(f"in/{path.name}", path)
    s3.put("in/.hidden/x.wav", paths[0])
    out = "s3://films/results"
    arguments = ("scan", "s3://films/in/", "-r", "--detectors", "credentials", "--json", "-o", out)
    done = command(*arguments, "--cluster", "local")
    assert done.code == 11
    assert "passed over: 1 hidden, 1 no media by their names" in done.err
    printed = [json.loads(each) for each in done.out.splitlines()]
    told = {each["path"]: each for each in parts(s3, "results")}
    assert told == {each["path"]: each for each in printed} and len(printed) == 7
    _, alone = scanned([str(tmp_path)])
    assert_same({path: read(each) for path, each in told.items()}, alone, *OF_THE_PLACE)
    assert all(each["properties"]["etag"] for each in told.values())

    with pytest.raises(UsageError, match="holds parts already"):
        scanned(["s3://films/in/"], out=out)
    s3.put("in/00.wav", paths[3])
    s3.put("in/new.wav", paths[4])
    again, found = scanned(["s3://films/in/"], out=out, resume=True)  # without a cluster
    looked_at = {path.removeprefix("s3://films/in/") for path in found}
    assert looked_at == {"00.wav", "new.wav", "broken.wav"}  # what was unreadable is tried again
    assert again.earlier == 5 and again.answers.total() == 8
    assert len(parts(s3, "results")) == 7 + 3
    assert s3.keys("results/avsynth-") == []

    settled, found = scanned(["s3://films/in/"], out=out, resume=True)
    assert list(found) == ["s3://films/in/broken.wav"] and settled.earlier == 7


def test_parquet_is_read_by_others(s3: Store, tmp_path: Path) -> None:
    import io

    from pyarrow import parquet

    for path in sounds(tmp_path, 2):
        s3.put(f"tables/{path.name}", path)
    out = "s3://films/tables.parquet"
    _, found = scanned(["s3://films/tables"], out=out)
    (key,) = s3.keys("tables.parquet/")
    table = parquet.read_table(io.BytesIO(s3.get(key)))
    rows = {row["path"]: row for row in table.to_pylist()}
    assert {path: row["verdict"] for path, row in rows.items()} == {
        path: each.answer for path, each in found.items()
    }
    for path, verdict in found.items():
        assert json.loads(rows[path]["json"]) == line(verdict)
        assert rows[path]["size"] == verdict.size and rows[path]["sha256"] == verdict.sha256
    again, more = scanned(["s3://films/tables"], out=out, resume=True)
    assert list(more) == ["s3://films/tables/broken.wav"] and again.earlier == 2
    other = replace_options(QUICK)
    _, all_again = scanned(["s3://films/tables"], other, out=out, resume=True)
    assert len(all_again) == 3  # other settings are another scan


def replace_options(options: ScanOptions) -> ScanOptions:
    return options.model_copy(update={"operating_point": 0.02})


def test_parts_are_written_by_number_and_by_time(s3: Store, tmp_path: Path) -> None:
    import time

    with Parts("s3://films/some", lines=3, seconds=60) as some:
        for number in range(7):
            some.write({"path": str(number), "verdict": "x"})
        assert len(s3.keys("some/part-")) == 2
    assert len(s3.keys("some/part-")) == 3
    with Parts("s3://films/soon", lines=1000, seconds=0.1) as soon:
        soon.write({"path": "a", "verdict": "x"})
        until = time.monotonic() + 20
        while not s3.keys("soon/part-") and time.monotonic() < until:
            time.sleep(0.05)
        assert [each["path"] for each in parts(s3, "soon")] == ["a"]
    assert len(s3.keys("soon/part-")) == 1
    with pytest.raises(KeyboardInterrupt), Parts("s3://films/cut") as cut:
        cut.write({"path": "a", "verdict": "x"})
        raise KeyboardInterrupt
    assert len(parts(s3, "cut")) == 1
    storage.publish(tmp_path / _made(tmp_path, "{}"), "s3://films/alien/part-x.jsonl")
    with pytest.raises(InputError, match="parts of a scan are expected there") as caught:
        scanned(["s3://films/none"], out="s3://films/alien", resume=True)
    assert caught.value.path == "s3://films/alien/part-x.jsonl"


def _made(folder: Path, words: str) -> str:
    (folder / "made").write_text(f"{words}\n")
    return "made"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["http://127.0.0.1/a.mp4"], 2, "is of no kind of storage that is known"),
        (["s3://no-such-bucket", "-r"], 3, "no such file, folder or bucket"),
        (["s3://films/nothing-here", "-r"], 3, "no such file, folder or bucket"),
        (["s3://films/dir"], 2, "is a folder (-r looks through folders)"),
        (["s3://films/dir", "-r", "-o", "s3://no-such-bucket/x"], 3, "no such file, folder or"),
        (["s3://films/dir", "-r", "-o", "s3://films/x", "--report", "r"], 2, "--report needs"),
        (["s3://films/dir", "-r", "--report", "s3://films/x"], 2, "is a folder of this machine"),
        (["s3://films/dir", "-r", "--format", "parquet"], 2, "--format is for results by URL"),
        (["s3://films/dir", "-r", "-o", "http://127.0.0.1/x"], 2, "no kind of storage"),
        (["s3://films/dir", "-r", "-o", "x", "--format", "csv"], 2, "--format"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    arguments: list[str], code: int, said: str, s3: Store, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    s3.put("dir/a.wav", b"x")
    done = command("scan", "--detectors", "credentials", *arguments)
    assert done.code == code and said in done.err and "Traceback" not in done.err
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_empty_bucket_has_nothing_to_do(s3: Store) -> None:
    s3.put("empty/", b"")
    with pytest.raises(NothingToDoError, match="no media to look at"):
        scanned(["s3://films/empty/"])
