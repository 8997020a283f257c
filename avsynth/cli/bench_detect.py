"""avsynth bench detect: the scanner over a public benchmark in a local folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from detectors.benchmark.curves import Point
    from detectors.corruptions import Corruption

Aggregation = Literal["own", "mean", "max", "mean-probability"]


def detect(
    data: Annotated[Path, typer.Option(help="Its folder; data/README.md says how to get it.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for scores, tables, plots.")],
    protocol: Annotated[
        str, typer.Option(help="ffpp-c23, celeb-df-v2, asvspoof2019-la, folder ...")
    ] = "folder",
    split: Annotated[str, typer.Option(help="A split, or all.")] = "test",
    detectors: Annotated[
        str | None, typer.Option(help="Names, with commas between. Default: all.")
    ] = None,
    corruptions: Annotated[
        str | None,
        typer.Option(help="Also under these: all, or names (h264,mp3) or steps (h264-4,mp3-3)."),
    ] = None,
    aggregation: Annotated[
        Aggregation, typer.Option(help="How a detector's moments become a file's score.")
    ] = "own",
    frames: Annotated[
        int, typer.Option(min=1, max=10_000, help="Moments of a file at frame level.")
    ] = 32,
    period: Annotated[
        float | None, typer.Option(help="A burst of frames out of so many seconds. Default: 1.")
    ] = None,
    operating_point: Annotated[
        float | None, typer.Option(help="Share of real files called synthetic. Default: 0.01.")
    ] = None,
    weights: Annotated[str | None, typer.Option(help="small (default) or research.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=2, help="Only so many files, evenly spread: for a first look.")
    ] = None,
    draws: Annotated[int, typer.Option(min=0, max=100_000, help="Of each bootstrap.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Worker processes. Default: one a processor.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Scan a benchmark and compute every figure: fused and each detector, files and frames apart.

    A stopped run goes on where it was. Generators that a detector saw in training stand beside
    those that it did not. First see what trivial properties give away: avsynth bench audit.
    """
    from rich.console import Console

    from avsynth.cli.progress import bars
    from detectors.benchmark import BenchmarkOptions, Reporting, measure, report
    from detectors.benchmark.text import show as tell
    from detectors.options import checked
    from detectors.protocols import read_protocol

    named = None if detectors is None else tuple(n.strip() for n in detectors.split(",") if n)
    given = {"detectors": named, "period": period, "weights": weights}
    options = BenchmarkOptions(
        scan=checked(given | {"operating_point": operating_point}),
        corruptions=_corruptions(corruptions), moments=frames, jobs=jobs or 0,
    )  # fmt: skip
    benchmark = read_protocol(protocol, data).of_split(split)
    benchmark = benchmark if limit is None else benchmark.limited(limit)
    sha256 = benchmark.sha256
    print(f"{protocol}, {split}: {len(benchmark.trials)} files, SHA-256 {sha256}", file=sys.stderr)
    with bars() as show:
        measured = measure(benchmark, out, options, show)
    reporting = Reporting(aggregation, draws, seed)
    figures, points = report(out, measured, options, split, reporting)
    _draw(points, out / "curves.png", f"{protocol}, {split}: AUC under corruption")
    if as_json:
        print((out / f"fused-{figures.name}.json").read_text("utf-8"))
        return
    console = Console(soft_wrap=True)
    console.width = max(console.width, 150)  # a table that wraps is better than one cut short
    tell(console, figures, points)
    print(f"scores, results and tables: {out}")


def _draw(points: list[Point], path: Path, title: str) -> None:
    from avsynth.errors import WeightsError
    from detectors.benchmark import curves

    if not points:
        return
    try:
        curves.plot(path, points, title)
    except WeightsError as error:
        print(f"no plot: {error}", file=sys.stderr)


def _corruptions(text: str | None) -> tuple[Corruption, ...]:
    from detectors.corruptions import PICTURE, SOUND, corruption_named, ladder

    if text is None:
        return ()
    found: list[Corruption] = []
    for name in (part.strip() for part in text.split(",")):
        known = name in PICTURE or name in SOUND
        found += ladder() if name == "all" else ladder(name) if known else [corruption_named(name)]
    return tuple(dict.fromkeys(found))
