"""avsynth motion: how a face moved, as a file without the face."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avsynth.cli.printing import printable

if TYPE_CHECKING:
    from avsynth.pipelines.motion_report import MotionFigures, MotionReport

app = typer.Typer(no_args_is_help=True, help="Motion as files, without the face: extract, show.")

Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


@app.command()
def extract(
    driver: Annotated[Path, typer.Argument(help="The film whose motion is wanted.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A .safetensors file.")],
    consent: Annotated[Path, typer.Option(help="Consent record of scope face that covers it.")],
    face: Annotated[
        str, typer.Option(help="largest, speaking, a number, or a box x,y,w,h.")
    ] = "largest",
    purpose: Annotated[
        str | None, typer.Option(help="Such as commercial. Default: all the consent allows.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="That is spoken, such as de.")] = None,
    as_json: Json = False,
) -> None:
    """Store how a face moves in a film, for avsynth reenact --driver: no picture, no face."""
    from avsynth.cli.progress import bars
    from avsynth.pipelines.extract_motion import extract_motion
    from avsynth.pipelines.reenact_options import reenact_options

    options = reenact_options(driver_face=face, purpose=purpose, language=language)
    with bars(quiet=as_json) as show:
        report = extract_motion(
            driver, consent, output, face=options.driver_face, purpose=purpose,
            language=language, progress=show,
        )  # fmt: skip
    print(report.model_dump_json(indent=2) if as_json else summary(report))


@app.command()
def show(
    motion: Annotated[Path, typer.Argument(help="A stored motion.")], as_json: Json = False
) -> None:
    """Say what a motion file holds and where it comes from."""
    import json

    from avsynth.pipelines.motion_report import figures
    from avsynth.weights.head_motions import read_motion
    from avsynth.weights.subject import consent_record

    stored = read_motion(motion)
    found = figures(stored)
    if as_json:
        print(json.dumps({"motion": found.model_dump(), "metadata": stored.metadata}, indent=2))
        return
    lines = [
        str(motion),
        *_figures(found),
        f"  extracted under the consent record {consent_record(stored.metadata)}",
        f"  from a film of sha256 {stored.metadata.get('source_sha256')}, of which it holds no "
        "picture and no face",
    ]
    print(printable(lines))


def summary(report: MotionReport) -> str:
    """A finished job in a few lines."""
    lines = [
        report.output.path,
        *_figures(report.motion),
        f"  {report.frames_per_second:.0f} frames/s, peak memory {report.peak_memory_mb:.0f} MB",
        *(f"  note: {note}" for note in report.notes),
    ]
    return printable(lines)


def _figures(motion: MotionFigures) -> list[str]:
    cuts = f", {motion.cuts} cuts" if motion.cuts else ""
    return [
        f"  {motion.frames} frames, {motion.seconds:.2f} s, a face in {motion.face_frames}{cuts}",
        f"  yaw {motion.yaw.least:+.0f} to {motion.yaw.most:+.0f} degrees, "
        f"pitch {motion.pitch.least:+.0f} to {motion.pitch.most:+.0f}, "
        f"roll {motion.roll.least:+.0f} to {motion.roll.most:+.0f}, "
        f"mouth {motion.mouth_opening.least:.2f} to {motion.mouth_opening.most:.2f} eye distances "
        "open",
    ]
