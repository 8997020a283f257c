"""A benchmark from folder to figures, with verdicts made up by rule."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from avsynth.cli.main import app
from avsynth.errors import InputError, UsageError
from avsynth.media import Writer, video_like
from detectors.base import Evidence, Interval, abstention
from detectors.benchmark import BenchmarkOptions, Reporting, measure, report, tabulate
from detectors.benchmark.curves import plot, points
from detectors.benchmark.details import is_seen
from detectors.benchmark.rows import CLEAN
from detectors.benchmark.text import describe
from detectors.corruptions import Corruption
from detectors.metrics import read_results
from detectors.pool import Outcome
from detectors.protocols import Protocol, Trial, read_protocol
from detectors.protocols.trials import checked
from detectors.verdict import Verdict
from detectors.walk import Item

PEOPLE = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real films, fakes of two generators and a sound of each person; one file is not there."""
    root = tmp_path_factory.mktemp("data")
    rows = [("file", "label", "group", "person", "split", "source", "original")]
    rng = np.random.default_rng(0)
    for person in range(PEOPLE):
        for name, label, group in (("real", "real", ""), ("warp", "fake", "warp"),
                                   ("gan", "fake", "New-GAN")):  # fmt: skip
            file = f"{name}{person}.mp4"
            rows.append((file, label, group, f"p{person}", "test", f"film{person}",
                         "" if label == "real" else f"real{person}.mp4"))  # fmt: skip
            with Writer(root / file, video_like(32, 32)) as writer:
                for _ in range(3):
                    writer.write(rng.integers(0, 255, (32, 32, 3), np.uint8))
    for label in ("real", "fake"):
        rows.append((f"{label}.wav", label, "tts", "p9", "test", "", ""))
        with Writer(root / f"{label}.wav", audio_rate=8000) as writer:
            writer.write_audio(rng.normal(0, 0.1, 4000).astype(np.float32))
    rows.append(("gone.mp4", "fake", "warp", "p8", "test", "", ""))
    with (root / "manifest.csv").open("w", newline="") as file_:
        csv.writer(file_).writerows(rows)
    return root


class Oracle:
    """Verdicts by the name of the file: warps are seen, the other generator less clearly."""

    def __init__(self, names: dict[int, str] | None = None) -> None:
        self.scanned: list[str] = []
        self.names = names or {}

    def __call__(self, items: Iterable[Item]) -> Iterator[Outcome]:
        for item in items:
            self.scanned.append(item.path)
            yield item, self._verdict(Path(item.path))

    def _verdict(self, path: Path) -> Verdict:
        if not path.is_file():
            return Verdict(str(path), "unreadable", "gone", error="no such file")
        kind = "sound" if path.suffix == ".wav" else "video"
        if path.parent.name.startswith("avsynth-bench"):  # corrupted: nothing can be told any more
            return self._of(path, kind, 0.0)
        strength = {"warp": 3.0, "gan": 1.0, "fake": 2.0, "real": -1.0}
        name = path.stem.rstrip("0123456789")
        person = int("".join(c for c in path.stem if c.isdigit()) or 0)
        return self._of(path, kind, strength[name] + 0.5 * person - 1.2)

    def _of(self, path: Path, kind: str, score: float) -> Verdict:
        times = np.arange(50.0)
        film = kind == "video"
        visual = Evidence(
            "visual", score, times, (score + 0.1 * np.sin(times)).astype(np.float32),
            where=(Interval(0.0, 1.0, score),), trained_on=("GRID", "warp/mouth"),
            subject="face", weights={"visual-small": "ab"},
        )  # fmt: skip
        evidence = (visual if film else abstention("visual", "face", "no face"),)
        answer = "synthetic" if score > 2 else "inconclusive" if score > 0 else "not-detected"
        return Verdict(str(path), answer, "", score, evidence=evidence, kind=kind,
                       seconds={"total": 0.1})  # type: ignore[arg-type]  # fmt: skip


@pytest.fixture(scope="module")
def protocol(data: Path) -> Protocol:
    return read_protocol("folder", data)


def test_a_run_is_resumed_and_only_what_changed_is_done_again(
    protocol: Protocol, data: Path, tmp_path: Path
) -> None:
    options = BenchmarkOptions(jobs=1)
    first, second, third = Oracle(), Oracle(), Oracle()
    done = measure(protocol, tmp_path, options, scanning=first)
    assert len(first.scanned) == len(protocol.trials) == 3 * PEOPLE + 3
    assert (len(done.rows[CLEAN]), done.earlier) == (len(protocol.trials), 0)
    with (tmp_path / "rows.jsonl").open("a") as lines:
        lines.write('{"key": "cut o')
    again = measure(protocol, tmp_path, options, scanning=second)
    assert [Path(path).name for path in second.scanned] == ["gone.mp4"]
    assert again.rows == done.rows
    measure(protocol, tmp_path, BenchmarkOptions(jobs=1, moments=8), scanning=third)
    assert len(third.scanned) == len(protocol.trials)
    assert (data / "real0.mp4").is_file()


def test_figures_files_and_frames_apart_seen_and_unseen_generators(
    protocol: Protocol, tmp_path: Path
) -> None:
    measured = measure(protocol, tmp_path, BenchmarkOptions(jobs=1, moments=10), scanning=Oracle())
    figures = tabulate(measured, CLEAN, draws=50)
    fused, visual = (figures.evaluations[name].left_out for name in ("fused", "visual"))
    assert figures.evaluations["fused"].missing == 1
    assert figures.evaluations["visual"].missing == 3
    assert (figures.synthetic.files, figures.synthetic.unreadable) == (2 * PEOPLE + 2, 1)
    real = [-1.0 + 0.5 * n - 1.2 for n in range(PEOPLE)]
    gan = [1.0 + 0.5 * n - 1.2 for n in range(PEOPLE)]
    wins = np.mean([(g > r) + 0.5 * (g == r) for g in gan for r in real])
    (held,) = (row for row in figures.held_out if row.detector == "visual")
    assert (held.seen, held.unseen) == (("warp",), ("New-GAN", "tts"))
    assert held.held_out == pytest.approx(wins)
    assert held.in_distribution is not None and held.in_distribution > wins
    (frames,) = figures.frames
    assert (frames.frames, frames.files) == (3 * PEOPLE * 10, 3 * PEOPLE)
    assert visual.pooled.people == PEOPLE
    assert fused.above_original is not None and fused.above_original.share == 1.0
    assert any("Generators" in str(part) for part in describe(figures))
    largest = tabulate(measured, CLEAN, "max", 0, full=False).scores["visual"]
    name = next(key for key in largest if key.endswith("real0.mp4"))
    own = figures.scores["visual"][name]
    assert own is not None and own < (largest[name] or 0) < own + 0.11


def test_everything_is_written_and_can_be_read_back(protocol: Protocol, tmp_path: Path) -> None:
    options = BenchmarkOptions(corruptions=(Corruption("jpeg", 5), Corruption("mp3", 1)), jobs=1)
    oracle = Oracle()
    measured = measure(protocol, tmp_path, options, scanning=oracle)
    figures, curve = report(tmp_path, measured, options, "test", Reporting(draws=20))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "rows.jsonl", "split-test.txt", "scores-clean.csv", "scores-jpeg-5.csv",
        "scores-mp3-1.csv", "fused-clean.json", "fused-clean.scores.csv", "visual-clean.json",
        "visual-clean.scores.csv", "curves.csv", "tables.txt",
    }  # fmt: skip
    found, key, scores = read_results(tmp_path / "fused-clean.json")
    assert found["settings"]["split_sha256"] == protocol.sha256
    assert found["settings"]["weights"] == {"visual-small": "ab"}
    assert scores == figures.scores["fused"]
    assert len(key.trials) == len(protocol.trials)
    with (tmp_path / "scores-clean.csv").open(newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert rows["gone.mp4"]["verdict"] == "unreadable"
    assert rows["real.wav"]["visual"] == ""
    assert float(rows["warp1.mp4"]["fused"]) == pytest.approx(2.3)
    jpeg = [point for point in curve if point.corruption == "jpeg" and point.detector == "fused"]
    assert [(point.severity, point.files) for point in jpeg] == [
        (0, 3 * PEOPLE + 1),
        (5, 3 * PEOPLE + 1),
    ]
    assert jpeg[0].auc > 0.7 > jpeg[1].auc == 0.5
    mp3 = [point for point in curve if point.corruption == "mp3"]
    assert [(point.severity, point.files) for point in mp3] == [(0, 3), (1, 3)]
    assert not any(Path(path).exists() for path in oracle.scanned if "avsynth-bench" in path)
    plot(tmp_path / "curves.png", curve, "title")
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_a_file_that_links_lead_outside_is_never_opened(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (tmp_path / "secret.wav").write_bytes(b"x")
    (root / "a.wav").symlink_to(tmp_path / "secret.wav")
    (root / "real.wav").write_bytes(b"x")
    trials = (Trial("a", "a.wav", True), Trial("b", "real.wav", False))
    oracle = Oracle()
    done = measure(checked(Protocol("x", root, trials, True)), tmp_path / "out",
                   BenchmarkOptions(jobs=1), scanning=oracle)  # fmt: skip
    assert [Path(path).name for path in oracle.scanned] == ["real.wav"]
    assert "outside" in (done.rows[CLEAN][0].error or "")


def test_where_is_scored_where_it_is_known(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    for name in ("real0.mp4", "warp0.mp4", "warp1.mp4"):
        (root / name).write_bytes(b"x")
    trials = (Trial("r", "real0.mp4", False), Trial("a", "warp0.mp4", True, fakes=((0.0, 1.0),)),
              Trial("b", "warp1.mp4", True, fakes=((20.0, 30.0),)))  # fmt: skip
    found = checked(Protocol("x", root, trials, True, localised=True))
    measured = measure(
        found, tmp_path / "out", BenchmarkOptions(jobs=1, moments=50), scanning=Oracle()
    )
    figures = tabulate(measured, CLEAN, draws=0)
    fused = next(row for row in figures.localised if row.detector == "fused")
    assert fused.ar["AR@5"] == pytest.approx(0.5)
    assert fused.ap["AP@0.5"] == pytest.approx(0.25)  # its proposal stands after a false one
    (frames,) = figures.frames
    assert frames.frames == 150


@pytest.mark.parametrize(
    ("group", "seen"),
    [("warp", True), ("Lip-Sync", True), ("wav2lip", False), ("mouth", True), ("", False)],
)
def test_generators_are_known_by_name(group: str, seen: bool) -> None:
    known = frozenset({"grid", "warp", "mouth", "lipsync"})
    assert is_seen(group, known) == seen


def test_few_files_are_spread_over_both_classes(protocol: Protocol) -> None:
    few = protocol.limited(6)
    assert {trial.synthetic for trial in few.trials} == {True, False}
    assert len(few.trials) <= 7
    assert few.sha256 != protocol.sha256
    assert any("only" in note for note in few.notes)
    assert protocol.limited(1000) is protocol


def test_without_corruptions_there_are_no_curves(protocol: Protocol, tmp_path: Path) -> None:
    measured = measure(protocol, tmp_path, BenchmarkOptions(jobs=1), scanning=Oracle())
    assert points(measured, ()) == []
    json.dumps([row.model_dump(mode="json") for row in measured.rows[CLEAN]], allow_nan=False)


class _Pool(Oracle):
    """In place of worker processes."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, items: Iterable[Item]) -> Iterator[Outcome]:
        return self(items)


def test_the_command_writes_tables_curves_and_json(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detectors.benchmark.run.Pool", _Pool)
    given = ["bench", "detect", "--data", str(data), "--out", str(tmp_path), "--draws", "10"]
    run = CliRunner().invoke(app, [*given, "--corruptions", "jpeg-5,mp3-1", "--jobs", "1"])
    assert run.exit_code == 0, run.output
    assert "false alarms" in run.output and "Fused score under corruption" in run.output
    assert (tmp_path / "curves.png").is_file()
    again = CliRunner().invoke(app, [*given, "--json", "--jobs", "1"])
    found = json.loads(again.stdout)
    assert found["format"] == "avsynth-detection-results/1"
    assert found["settings"]["details"]["answers"]["real"]["files"] == PEOPLE + 1
    wrong = CliRunner().invoke(app, [*given, "--corruptions", "rain"])
    assert isinstance(wrong.exception, UsageError)
    absent = CliRunner().invoke(app, [*given, "--split", "val"])
    assert isinstance(absent.exception, InputError)
