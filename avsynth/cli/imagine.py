"""avsynth imagine: portraits of people who do not exist."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avsynth.cli.printing import printable
from avsynth.cli.signing import Cert, Key, chosen_signer

if TYPE_CHECKING:
    from avsynth.pipelines.imagine_report import ImagineReport


def imagine(
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder, new or empty.")],
    count: Annotated[int, typer.Option("--count", "-n", help="How many people.")] = 16,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal people.")] = 0,
    min_distance: Annotated[
        float | None,
        typer.Option(
            help="To the nearest training person. In any case nobody is as near to one as that "
            "person's own frames are to each other."
        ),
    ] = None,
    purpose: Annotated[
        list[str] | None,
        typer.Option(help="Of the consent records. Repeatable. Default: research, commercial."),
    ] = None,
    weights: Annotated[str, typer.Option(help="Of kind faces, by name or file.")] = "faces-small",
    cert: Cert = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Draw people who do not exist: signed portraits, each with the record that says so.

    Interrupted, the same command goes on.
    """
    signer = chosen_signer(cert, key)
    from avsynth.cli.progress import bars
    from avsynth.pipelines.imagine import imagine as run

    with bars(quiet=as_json) as show:
        report = run(
            output, count, seed, min_distance=min_distance, purposes=purpose or (),
            weights=weights, signer=signer, progress=show,
        )  # fmt: skip
    print(report.model_dump_json(indent=2) if as_json else summary(report))


def summary(report: ImagineReport) -> str:
    """A finished job in a few lines."""
    lines = [
        f"{report.output}: {len(report.portraits)} people who do not exist, signed and read back",
        *(
            f"  {Path(each.file.path).name}  {each.distance:.2f} from the nearest training person "
            f"({each.nearest}), {each.threshold:.2f} at least"
            for each in report.portraits
        ),
        f"  {report.measure}; {report.compared} training people",
    ]
    if report.refused:
        why = ", ".join(f"{reason}: {times}" for reason, times in report.refused.items())
        lines.append(f"  {report.draws} draws, of which refused: {why}")
    lines += [
        "  consent records: beside them, NAME.consent.json; for avsynth reenact --source",
        *(f"  note: {note}" for note in report.notes),
    ]
    return printable(lines)
