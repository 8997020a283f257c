"""avsynth scan: whether faces and voices in files are synthetic, with evidence."""

from __future__ import annotations

import enum
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from avsynth.cli.clustering import ClusterAddress

if TYPE_CHECKING:
    from detectors.batch import Summary
    from detectors.verdict import Verdict


class Format(enum.StrEnum):
    """Of parts of results."""

    jsonl = "jsonl"
    parquet = "parquet"


def scan(
    paths: Annotated[
        list[str], typer.Argument(help="Files, or URLs (s3://bucket/film.mp4); with -r folders.")
    ],
    recursive: Annotated[bool, typer.Option("-r", "--recursive", help="Look through folders.")] = (
        False
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a file.")] = False,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", help="Write the JSON objects here; a URL: parts in a folder."),
    ] = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="Of parts. Default: jsonl.")
    ] = None,
    report: Annotated[
        str | None, typer.Option(help="Folder for an HTML page a file, and an index.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Skip what --out or --report holds already.")
    ] = False,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Also how the score moves when disturbed.")
    ] = False,
    detectors: Annotated[
        str | None, typer.Option(help="Names, with commas between. Default: all.")
    ] = None,
    operating_point: Annotated[
        float | None, typer.Option(help="Share of real files called synthetic. Default: 0.01.")
    ] = None,
    period: Annotated[
        float | None, typer.Option(help="A burst of frames out of so many seconds. Default: 1.")
    ] = None,
    max_faces: Annotated[
        int | None, typer.Option(help="Faces followed at a time. Default: 8.")
    ] = None,
    max_pixels: Annotated[
        int | None, typer.Option(help="Larger pictures are refused. Default: 67108864.")
    ] = None,
    max_duration: Annotated[
        float | None, typer.Option(help="Seconds looked at of longer files. Default: 21600.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Worker processes. Default: one a processor.")
    ] = None,
    cluster: ClusterAddress = None,
    timeout: Annotated[
        float | None, typer.Option(min=1, help="Seconds without progress, then a file is given up.")
    ] = None,
) -> None:
    """Say whether faces and voices in files are synthetic: verdict, evidence, uncertainty.

    Exit codes: 10 synthetic in any file, else 11 inconclusive in any, else 12 unreadable, else 0.
    """
    from avsynth.cli.progress import bars
    from avsynth.cluster.storage import is_url
    from avsynth.errors import UsageError
    from detectors.batch import run
    from detectors.options import checked
    from detectors.pool import PATIENCE
    from detectors.results import BatchOptions

    options = checked(
        {
            "detectors": None if detectors is None else _names(detectors),
            "operating_point": operating_point,
            "period": period,
            "max_faces": max_faces,
            "max_pixels": max_pixels,
            "max_duration": max_duration,
            "sensitivity": sensitivity,
        }
    )
    if report is not None and is_url(report):
        raise UsageError("--report is a folder of this machine", report)
    pages = None if report is None else Path(report)
    patience = timeout or PATIENCE
    batch = BatchOptions(
        recursive, jobs, out, form and form.value, resume, pages, patience, cluster
    )
    # Bars turn to themselves whatever is printed meanwhile: right for a terminal alone.
    stream = None if sys.stdout.isatty() else sys.stdout
    with bars() as show:
        done = run(paths, options, batch, lambda found: _tell(found, pages, as_json, stream), show)
    print(_summed(done), file=sys.stderr)
    raise typer.Exit(int(done.exit_code))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _tell(verdict: Verdict, pages: Path | None, as_json: bool, stream: TextIO | None) -> None:
    from detectors.report.text import render
    from detectors.results import line

    told = json.dumps(line(verdict, pages)) if as_json else f"{render(verdict)}\n"
    print(told, file=stream, flush=True)


def _summed(done: Summary) -> str:
    """The counts of a batch in a line or two."""
    counts = done.answers
    words = {
        "synthetic": "synthetic",
        "inconclusive": "inconclusive",
        "not-detected": "without signs of synthesis",
        "unreadable": "unreadable",
    }
    told = [f"{counts[answer]} {word}" for answer, word in words.items()]
    files = counts.total()
    parts = [f"{files} file{'' if files == 1 else 's'}: {', '.join(told)}"]
    if done.earlier:
        parts.append(f"{done.earlier} of them from earlier, not looked at again")
    if done.skipped:
        passed = ", ".join(f"{count} {why}" for why, count in sorted(done.skipped.items()))
        parts.append(f"passed over: {passed}")
    if done.index is not None:
        parts.append(f"report: {done.index}")
    return "\n".join(parts)
