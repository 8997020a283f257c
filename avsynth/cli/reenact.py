"""avsynth reenact: a picture of a person moves as a driver moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from avsynth.cli.clustering import ClusterAddress, Jobs, chosen_cluster, reached
from avsynth.cli.printing import printable
from avsynth.cli.signing import Cert, Key, chosen_signer

if TYPE_CHECKING:
    from avsynth.reporting import Report


def reenact(
    source: Annotated[str, typer.Option(help="Who moves: a picture, or a film.")],
    driver: Annotated[
        str, typer.Option(help="Whose motion: a film, or a motion file (.safetensors).")
    ],
    output: Annotated[str, typer.Option("--output", "-o", help=".mp4, .mov, .mkv or .webm.")],
    consent: Annotated[str, typer.Option(help="Consent record that covers the source.")],
    driver_consent: Annotated[
        str | None,
        typer.Option(help="Record that covers the driver's motion. Default: --consent."),
    ] = None,
    face: Annotated[
        str, typer.Option(help="Of the source: largest, a number, or a box x,y,w,h.")
    ] = "largest",
    driver_face: Annotated[
        str, typer.Option(help="Of the driver: largest, speaking, a number, or a box x,y,w,h.")
    ] = "largest",
    source_at: Annotated[
        float | None,
        typer.Option(
            help="Seconds into a source film. Default: the frame most like the driver's usual "
            "look, and sharp."
        ),
    ] = None,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="Take the driver's own head pose.")
    ] = False,
    parts: Annotated[str, typer.Option(help="Any of mouth,eyes,head, or all.")] = "all",
    strength: Annotated[float, typer.Option(help="How far it moves, 0 to 2.")] = 1.0,
    audio: Annotated[str, typer.Option(help="keep: the driver's sound; none.")] = "none",
    quality: Annotated[
        str, typer.Option(help="best: painted by the reenactment network; fast: without it.")
    ] = "best",
    weights: Annotated[
        str | None, typer.Option(help="Network, by name or file. Default: the best allowed.")
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(help="Such as commercial. Default: all the consents allow.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="That is spoken, such as de.")] = None,
    codec: Annotated[str | None, typer.Option(help="h264, hevc, vp9, av1 or ffv1.")] = None,
    crf: Annotated[
        int | None, typer.Option(help="Encoder quality, lower is better.", show_default="18")
    ] = None,
    preset: Annotated[str, typer.Option(help="Encoder speed.")] = "veryfast",
    lossless: Annotated[bool, typer.Option("--lossless", help="Encode without loss.")] = False,
    preview: Annotated[
        str | None, typer.Option(help="Write a contact sheet (PNG): source, driver, result.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    engine: Annotated[str, typer.Option(help="auto, torch or openvino.")] = "auto",
    cluster: ClusterAddress = None,
    jobs: Jobs = None,
    cert: Cert = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Make a face move as another did; all of the picture but the head stays.

    Both the person in the source and the driver must have consented. Run the same command again
    after an interruption: finished segments are not done twice. Files and outputs may be URLs,
    such as s3://bucket/film.mp4.
    """
    signer, where = chosen_signer(cert, key), chosen_cluster(cluster, jobs, device)
    from avsynth.cli.progress import bars
    from avsynth.pipelines.by_url import Workplace
    from avsynth.pipelines.reenact import reenact as run
    from avsynth.pipelines.reenact_options import reenact_options

    options = reenact_options(
        face=face, driver_face=driver_face, source_at=source_at, absolute=absolute, parts=parts,
        strength=strength, audio=audio, quality=quality, weights=weights, purpose=purpose,
        language=language, codec=codec, preset=preset, lossless=lossless, device=device,
        engine=engine, **({} if crf is None else {"crf": crf}),
    )  # fmt: skip
    with (
        reached(where),
        bars(quiet=as_json) as show,
        Workplace(output, preview, show) as place,
    ):
        report = run(
            place.bring(source), place.bring(driver), place.bring(consent), place.output, options,
            driver_consent=None if driver_consent is None else place.bring(driver_consent),
            preview=place.preview, signer=signer, progress=show, cluster=where,
        )  # fmt: skip
        report = place.deliver(report)
    print(report.model_dump_json(indent=2) if as_json else summary(report))


def summary(report: Report) -> str:
    """A finished job in a few lines."""
    outcomes = ", ".join(f"{count} {reason}" for reason, count in sorted(report.outcomes.items()))
    used = ", ".join(weights.name for weights in report.weights) or "none"
    lines = [
        f"{report.output.path}",
        f"  {report.frames} frames, {report.seconds:.2f} s: {outcomes}",
        f"  networks: {used}; painted by the {report.renderer} renderer; signed and read back",
        *_followed(report),
        f"  {report.frames_per_second:.0f} frames/s, peak memory {report.peak_memory_mb:.0f} MB",
        *(f"  note: {note}" for note in report.notes),
    ]
    return printable(lines)


def _followed(report: Report) -> list[str]:
    """How well the result follows, and whether it is still the person, in a line."""
    if report.reenactment is None:
        return []
    found, like = report.reenactment.followed, report.reenactment.likeness
    if found.pose_error_degrees is None:
        return [f"  no face was found again in {found.measured_frames} frames of the result"]
    line = (
        f"  measured again in {found.measured_frames} frames: pose {found.pose_error_degrees:.1f} "
        f"degrees off, mouth and eyes {found.expression_error:.3f} eye distances"
    )
    if like is not None:
        line += f"; {like.embedder} distance to the source {like.mean_distance:.2f}"
    return [line]
