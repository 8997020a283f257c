"""avsynth bench audit: what trivial properties of a collection give away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def audit(
    folder: Annotated[
        Path, typer.Argument(help="With manifest.csv, or real/ and fake/; or a manifest itself.")
    ],
    protocol: Annotated[
        str | None, typer.Option(help="Labels of a benchmark: ffpp-c23, asvspoof2019-la ...")
    ] = None,
    split: Annotated[str, typer.Option(help="A split, or all.")] = "all",
    limit: Annotated[
        int | None, typer.Option(min=4, help="Only so many files, evenly spread.")
    ] = None,
    faces: Annotated[
        bool, typer.Option("--faces/--no-faces", help="Look for faces, most of the time spent.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder: cache to go on from, audit.json.")
    ] = None,
    equalise: Annotated[
        Path | None, typer.Option(help="Write copies here that differ less; audit them again.")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, max=100_000, help="Of each bootstrap.")] = 1000,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Worker processes. Default: one a processor.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say how well properties that have nothing to do with synthesis separate real from fake.

    Duration, loudness, silence, DC offset, bandwidth, resolution, bit rate, codec, face size,
    metadata and more: each alone and all together, pooled and within sources; besides copies,
    near-copies and people shared between splits. No detector's figure means more than this leaves.
    """
    from avsynth.cli.progress import bars
    from detectors.audit.collection import collection
    from detectors.audit.equalise import equalise as write_equalised
    from detectors.audit.gather import gather
    from detectors.audit.judge import judge
    from detectors.audit.results import as_dict, write
    from detectors.audit.text import describe

    found = collection(folder, protocol).of_split(split)
    found = found if limit is None else found.limited(limit)
    with bars() as show:
        records = gather(found, out, jobs or 0, faces, show)
        if equalise is not None:
            written = write_equalised(found, equalise, jobs or 0, show)
    judged = judge(found, records, draws)
    if out is not None:
        write(out / "audit.json", judged)
    if as_json:
        print(json.dumps(as_dict(judged), indent=2, allow_nan=False))
        return
    from rich.console import Console

    console = Console(soft_wrap=True)
    console.width = max(console.width, 120)
    for part in describe(judged):
        console.print(part, markup=False, highlight=False, emoji=False)
    if equalise is not None:
        print(f"{written} equalised copies: {equalise}")
