"""avsynth dub: new speech for a filmed face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from avsynth.cli.clustering import ClusterAddress, Jobs, chosen_cluster, reached
from avsynth.cli.printing import printable
from avsynth.cli.signing import Cert, Key, chosen_signer
from avsynth.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from avsynth.reporting import Report


def dub(
    video: Annotated[str, typer.Argument(help="The film: anything with a picture.")],
    output: Annotated[str, typer.Option("--output", "-o", help=".mp4, .mov, .mkv or .webm.")],
    consent: Annotated[str, typer.Option(help="Consent record that covers the film.")],
    audio: Annotated[str | None, typer.Option(help="The new speech: anything with sound.")] = None,
    cast: Annotated[
        str | None, typer.Option(help="Several people: a JSON file of faces and their audio.")
    ] = None,
    face: Annotated[
        str | None,
        typer.Option(help="largest (default), speaking, all, a number, or a box x,y,w,h."),
    ] = None,
    fit: Annotated[
        str, typer.Option(help="Lengths differ: trim, hold, loop, ping-pong or error.")
    ] = "trim",
    purpose: Annotated[
        str | None, typer.Option(help="Such as commercial. Default: all the consent allows.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Of the new speech, such as de.")] = None,
    quality: Annotated[
        str, typer.Option(help="best: mouths by the lip-sync network; fast: without it.")
    ] = "best",
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="Networks, by name or file: motion, lip-sync, or a subject's. Repeatable. "
            "Default: the best the consent allows."
        ),
    ] = None,
    strength: Annotated[float, typer.Option(help="How far the mouth moves.")] = 1.2,
    codec: Annotated[str | None, typer.Option(help="h264, hevc, vp9, av1 or ffv1.")] = None,
    crf: Annotated[
        int | None, typer.Option(help="Encoder quality, lower is better.", show_default="18")
    ] = None,
    preset: Annotated[str, typer.Option(help="Encoder speed.")] = "veryfast",
    lossless: Annotated[bool, typer.Option("--lossless", help="Encode without loss.")] = False,
    voice_from: Annotated[
        str | None,
        typer.Option(
            help="Give the new speech a voice first: original (the film's own), or a file: a "
            "recording, or a stored voice."
        ),
    ] = None,
    voice_consent: Annotated[
        str | None, typer.Option(help="Record that covers that voice. Default: --consent.")
    ] = None,
    voice_weights: Annotated[
        str | None, typer.Option(help="What converts the voice: weights, or world.")
    ] = None,
    preview: Annotated[
        str | None, typer.Option(help="Write a contact sheet (PNG), before and after.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    engine: Annotated[str, typer.Option(help="auto, torch or openvino.")] = "auto",
    cluster: ClusterAddress = None,
    jobs: Jobs = None,
    cert: Cert = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Give a filmed face new speech; everything but the mouth and the sound stays.

    Run the same command again after an interruption: finished segments are not done twice. Files
    and outputs may be URLs, such as s3://bucket/film.mp4.
    """
    if (audio is None) == (cast is None):
        raise UsageError("either --audio or --cast is needed, and not both")
    if face is not None and cast is not None:
        raise UsageError("--face does not go with --cast: the cast names the faces")
    signer, where = chosen_signer(cert, key), chosen_cluster(cluster, jobs, device)
    from avsynth.cli.progress import bars
    from avsynth.pipelines.by_url import Workplace
    from avsynth.pipelines.dub import dub as run
    from avsynth.pipelines.options import ORIGINAL, Cast, dub_options

    options = dub_options(
        face=face or "largest", fit=fit, purpose=purpose, language=language,
        quality=quality, weights=tuple(weights or ()), strength=strength, codec=codec,
        preset=preset, lossless=lossless, voice_from=voice_from, voice_consent=voice_consent,
        voice_weights=voice_weights, device=device, engine=engine,
        **({} if crf is None else {"crf": crf}),
    )  # fmt: skip
    with (
        reached(where),
        bars(quiet=as_json) as show,
        Workplace(output, preview, show) as place,
    ):
        parts = [(options.face, place.bring(audio))] if audio is not None else []
        if cast is not None:
            parts = Cast.load(place.bring(cast), place.bring)
        voices = {
            name: str(place.bring(file))
            for name in ("voice_from", "voice_consent")
            if (file := getattr(options, name)) not in (None, ORIGINAL)
        }
        report = run(
            place.bring(video), parts, place.bring(consent), place.output,
            options.model_copy(update=voices), preview=place.preview, signer=signer,
            progress=show, cluster=where,
        )  # fmt: skip
        report = place.deliver(report)
    print(report.model_dump_json(indent=2) if as_json else summary(report))
    if report.missing_frames:
        raise typer.Exit(ExitCode.PARTIAL)


def summary(report: Report) -> str:
    """A finished job in a few lines."""
    outcomes = ", ".join(f"{count} {reason}" for reason, count in sorted(report.outcomes.items()))
    used = ", ".join(weights.name for weights in report.weights)
    lines = [
        f"{report.output.path}",
        f"  {report.frames} frames, {report.seconds:.2f} s ({report.fit}); faces: {outcomes}",
        f"  networks: {used}; mouths by the {report.renderer} renderer; signed and read back",
        *_voice(report),
        f"  {report.frames_per_second:.0f} frames/s, peak memory {report.peak_memory_mb:.0f} MB",
        *(f"  note: {note}" for note in report.notes),
    ]
    return printable(lines)


def _voice(report: Report) -> list[str]:
    """Whose voice is heard, in a line."""
    if report.voice is None:
        return []
    whose = "of nobody" if report.voice.synthetic else report.voice.source
    return [f"  voice: {whose}, {report.voice.pitch:.0f} Hz, by {report.voice.engine}"]
