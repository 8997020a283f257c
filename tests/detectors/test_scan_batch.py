"""Many files: workers that die or hang, folders of every kind, results that are gone on with."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import soundfile
from scan_helpers import fragile, grey, tone, write_still

from avsynth.errors import NothingToDoError, UsageError
from detectors import ScanOptions, Verdict, scan_many
from detectors.batch import Summary, run
from detectors.pool import Order, Pool
from detectors.results import BatchOptions
from detectors.resume import read_lines
from detectors.walk import Item, Walk

QUICK = ScanOptions(detectors=("credentials",))


def sounds(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        soundfile.write(folder / name, tone(0.5), 16000, format="WAV")
    return [folder / name for name in names]


def batch(paths: Sequence[Path], **options: object) -> tuple[Summary, list[Verdict]]:
    found: list[Verdict] = []
    done = run(paths, QUICK, BatchOptions(**options), found.append)  # type: ignore[arg-type]
    return done, found


def walked(top: Path) -> tuple[list[str], Walk]:
    walk = Walk([top], recursive=True)
    return [os.path.relpath(item.path, top) for item in walk], walk


def test_workers_scan_in_order_and_out_of_it(tmp_path: Path) -> None:
    paths = sounds(tmp_path, *(f"{number}.wav" for number in range(12)))
    (tmp_path / "3.wav").write_bytes(b"nothing of the kind")
    in_order = list(scan_many(paths, QUICK, jobs=2, in_order=True))
    assert [verdict.path for verdict in in_order] == [str(path) for path in paths]
    assert [n for n, verdict in enumerate(in_order) if verdict.answer == "unreadable"] == [3]
    assert {v.path for v in scan_many(paths, QUICK, jobs=2)} == {str(path) for path in paths}


def test_a_worker_that_dies_or_hangs_costs_one_file(tmp_path: Path) -> None:
    paths = sounds(tmp_path, "a.wav", "dies.wav", "b.wav", "hangs.wav", "c.wav")
    with Pool(Order(QUICK), jobs=2, patience=10.0, work=fragile) as pool:
        found = {item.path: verdict for item, verdict in pool.run(Item(str(p)) for p in paths)}
    said = {Path(path).stem: verdict and verdict.error for path, verdict in found.items()}
    assert said["a"] is said["b"] is said["c"] is None
    assert "died (SIGKILL)" in str(said["dies"]) and "nothing moved for 10 s" in str(said["hangs"])
    assert all(verdict is not None and verdict.sha256 for verdict in found.values())


def test_what_all_files_lack_is_said_once(tmp_path: Path) -> None:
    paths = sounds(tmp_path, "a.wav", "b.wav")
    with pytest.raises(UsageError, match="no detector is called nonesuch"):
        list(scan_many(paths, ScanOptions(detectors=("nonesuch",)), jobs=1))


def test_folders_are_walked_with_their_oddities(tmp_path: Path) -> None:
    sounds(tmp_path / "b", "odd\n\"name'.wav", "plain.wav", ".hidden.wav")
    sounds(tmp_path / "a" / "deeper", "x.wav", "noext")
    (tmp_path / "a" / "notes.txt").write_text("no")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "b" / "link.wav").symlink_to(tmp_path / "a" / "deeper" / "x.wav")
    (tmp_path / "b" / "broken.wav").symlink_to("nowhere")
    os.mkfifo(tmp_path / "b" / "pipe.wav")
    found, walk = walked(tmp_path)
    assert found == ["a/deeper/noext", "a/deeper/x.wav", "b/broken.wav", "b/link.wav",
                     "b/odd\n\"name'.wav", "b/plain.wav"]  # fmt: skip
    assert walk.skipped == {"hidden": 1, "no media by their names": 1, "no regular files": 1,
                            "folders seen before, by another way": 1}  # fmt: skip
    assert [item.sure for item in walk][:2] == [False, True]


def test_a_folder_needs_leave(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="-r looks through folders"):
        Walk([tmp_path])


def test_a_batch_tells_what_it_passed_over(tmp_path: Path) -> None:
    sounds(tmp_path / "media", "a.wav", "noext")
    (tmp_path / "media" / "words").write_text("not media, whatever the name")
    (tmp_path / "media" / "gone.wav").symlink_to("nowhere")
    done, found = batch([tmp_path / "media"], recursive=True, jobs=2)
    assert done.answers == {"inconclusive": 2, "unreadable": 1} and int(done.exit_code) == 11
    assert done.skipped == {"no media by what they hold": 1}
    errors = {Path(v.path).name: v.error for v in found if v.answer == "unreadable"}
    assert errors == {"gone.wav": "no such file"}
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NothingToDoError):
        batch([empty], recursive=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_closed_folder_is_told_of(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    sounds(closed, "a.wav")
    closed.chmod(0)
    try:
        done, found = batch([tmp_path], recursive=True)
    finally:
        closed.chmod(0o700)
    assert done.answers["unreadable"] == 1 and "cannot be looked through" in str(found[0].error)


def test_a_path_that_vanishes_is_one_unreadable_file(tmp_path: Path) -> None:
    paths = sounds(tmp_path, "a.wav", "b.wav")

    def vanishing():  # type: ignore[no-untyped-def]
        yield paths[0]
        paths[1].unlink()
        yield paths[1]

    found = {Path(v.path).name: v.error for v in scan_many(vanishing(), QUICK, jobs=1)}
    assert found == {"a.wav": None, "b.wav": "no such file"}


def test_lines_are_gone_on_with(tmp_path: Path) -> None:
    paths = sounds(tmp_path, "a.wav", "b.wav", "odd\nname.wav")
    (tmp_path / "bad.wav").write_bytes(b"no")
    every, out = [*paths, tmp_path / "bad.wav"], tmp_path / "out.jsonl"
    assert batch(every, out=out)[0].earlier == 0
    whole = out.read_bytes()
    with pytest.raises(UsageError, match="exists already"):
        batch(every, out=out)
    out.write_bytes(whole + b'{"path": "cut off he')
    done, found = batch(every, out=out, resume=True)
    assert done.earlier == 3 and [Path(v.path).name for v in found] == ["bad.wav"]
    assert done.answers == {"inconclusive": 3, "unreadable": 1}
    soundfile.write(paths[0], tone(0.7), 16000)
    done, found = batch(every, out=out, resume=True)
    assert {Path(v.path).name for v in found} == {"a.wav", "bad.wav"}
    lines = list(read_lines(out))
    assert sorted(Path(line["path"]).name for line in lines) == sorted(p.name for p in every)
    assert all(len(line.encode()) < 50_000 for line in out.read_text().splitlines())


def test_other_settings_are_another_scan(tmp_path: Path) -> None:
    paths, out = sounds(tmp_path, "a.wav"), tmp_path / "out.jsonl"
    batch(paths, out=out)
    found: list[Verdict] = []
    other = ScanOptions(detectors=("credentials",), period=2.0)
    run(paths, other, BatchOptions(out=out, resume=True), found.append)
    assert len(found) == 1 and len(list(read_lines(out))) == 1


def test_pages_of_all_files_and_an_index(tmp_path: Path) -> None:
    paths = sounds(tmp_path, "a.wav", "b.wav")
    shutil.copyfile(write_still(tmp_path / "s.png", grey(1)[0]), tmp_path / "t.png")
    every, pages = [*paths, tmp_path / "t.png"], tmp_path / "report"
    done, _ = batch(every, report=pages, jobs=2)
    lines = [json.loads(line) for line in (pages / "scan.jsonl").read_text().splitlines()]
    assert len(lines) == 3 and all(Path(line["report"]).is_file() for line in lines)
    assert done.index == pages / "index.html" and "t.png" in done.index.read_text()
    done, found = batch(every, report=pages, resume=True)
    assert not found and done.earlier == 3


def test_resume_needs_something_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--resume needs"):
        batch(sounds(tmp_path, "a.wav"), resume=True)


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"not-detected": 3}, 0), ({"unreadable": 1, "not-detected": 1}, 12),
        ({"unreadable": 1, "inconclusive": 1}, 11),
        ({"unreadable": 1, "inconclusive": 1, "synthetic": 1}, 10),
    ],
)  # fmt: skip
def test_the_exit_code_is_that_of_the_gravest(answers: dict[str, int], code: int) -> None:
    summary = Summary()
    summary.answers.update(answers)
    assert int(summary.exit_code) == code
