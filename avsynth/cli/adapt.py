"""avsynth adapt: learn a person from own footage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avsynth.cli.printing import printable

if TYPE_CHECKING:
    from avsynth.pipelines.adapt_report import AdaptReport, PartReport


def adapt(
    footage: Annotated[list[Path], typer.Argument(help="Films in which the person speaks.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A .safetensors file.")],
    consent: Annotated[Path, typer.Option(help="Consent record that covers the films.")],
    face: Annotated[
        str, typer.Option(help="largest, speaking, a number, or a box x,y,w,h.")
    ] = "largest",
    minutes: Annotated[float, typer.Option(help="When to end, wherever the training is.")] = 5.0,
    purpose: Annotated[
        str | None, typer.Option(help="Such as commercial. Default: all the consent allows.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Of the speech, such as de.")] = None,
    weights: Annotated[
        str | None, typer.Option(help="Motion network to begin with. Default: the best allowed.")
    ] = None,
    generator: Annotated[
        str | None, typer.Option(help="Generator to begin with, or none. Default: the best.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Training steps of the generator.")] = 600,
    seed: Annotated[int, typer.Option(help="Of all that is random.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Learn a person from footage of that person: weights for avsynth dub --weights.

    Run the same command again after an interruption: it does not look for faces twice.
    """
    from avsynth.cli.progress import bars
    from avsynth.pipelines.adapt import adapt as run
    from avsynth.pipelines.adapt_inputs import adapt_options

    options = adapt_options(
        face=face, minutes=minutes, purpose=purpose, language=language, weights=weights,
        generator=generator, steps=steps, seed=seed,
    )  # fmt: skip
    with bars(quiet=as_json) as show:
        report = run(footage, consent, output, options, progress=show)
    print(report.model_dump_json(indent=2) if as_json else summary(report))


def summary(report: AdaptReport) -> str:
    """A finished job in a few lines."""
    speech = sum(film.speech_seconds for film in report.footage)
    lines = [
        f"{report.output.path}",
        f"  learnt from {speech:.0f} s of speech in {len(report.footage)} film(s); "
        f"for {report.purpose} use",
        *_brought("motion", report.motion, {"lmd": "lip distance", "opening": "opening"}),
        *_brought("pictures", report.lipsync, {"l1": "difference", "psnr": "PSNR"}),
        f"  {sum(report.stage_seconds.values()):.0f} s, peak memory {report.peak_memory_mb:.0f} MB",
        *(f"  note: {note}" for note in report.notes),
    ]
    return printable(lines)


def _brought(name: str, part: PartReport | None, shown: dict[str, str]) -> list[str]:
    """Held-out figures before and after, in a line."""
    if part is None or not part.figures:
        return []
    before, after = part.figures["before"], part.figures["after"]
    told = ", ".join(f"{word} {before[key]:.4g} -> {after[key]:.4g}" for key, word in shown.items())
    return [f"  {name}, on what was held out: {told}"]
