"""avsynth convert: the same words in another voice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from avsynth.cli.clustering import ClusterAddress, Jobs, chosen_cluster, reached
from avsynth.cli.printing import printable
from avsynth.cli.signing import Cert, Key, chosen_signer

if TYPE_CHECKING:
    from avsynth.reporting import Report


def convert(
    source: Annotated[str, typer.Argument(help="Speech: a sound file, or a film's sound.")],
    to: Annotated[
        list[str],
        typer.Option(help="Recordings of the target, or one stored voice. Repeatable."),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", help=".wav, .flac, .mp3, .m4a, .opus, .ogg, .mka; or a film's suffix."
        ),
    ],
    consent: Annotated[str, typer.Option(help="Consent record that covers the target's voice.")],
    pitch: Annotated[float, typer.Option(help="Semitones beyond the target's pitch.")] = 0.0,
    formant: Annotated[float, typer.Option(help="Semitones that resonances are moved by.")] = 0.0,
    purpose: Annotated[
        str | None, typer.Option(help="Such as commercial. Default: all the consent allows.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Of the speech, such as de.")] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Voice weights, by name or file, or world (no network). "
            "Default: the best the consent allows."
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    engine: Annotated[str, typer.Option(help="auto, torch or openvino.")] = "auto",
    cluster: ClusterAddress = None,
    jobs: Jobs = None,
    cert: Cert = None,
    key: Key = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Give speech another voice; words, timing, loudness and all other streams stay.

    The target is heard in recordings of it, or is a stored voice of avsynth voice. Files and
    outputs may be URLs, such as s3://bucket/speech.wav.
    """
    signer, where = chosen_signer(cert, key), chosen_cluster(cluster, jobs, device)
    from avsynth.cli.progress import bars
    from avsynth.pipelines.by_url import Workplace
    from avsynth.pipelines.convert import convert as run
    from avsynth.pipelines.convert_inputs import convert_options

    options = convert_options(
        pitch=pitch, formant=formant, purpose=purpose, language=language, weights=weights,
        device=device, engine=engine,
    )  # fmt: skip
    with (
        reached(where),
        bars(quiet=as_json) as show,
        Workplace(output, progress=show) as place,
    ):
        report = run(
            place.bring(source), [place.bring(each) for each in to], place.bring(consent),
            place.output, options, signer=signer, progress=show, cluster=where,
        )  # fmt: skip
        report = place.deliver(report)
    print(report.model_dump_json(indent=2) if as_json else summary(report))


def summary(report: Report) -> str:
    """A finished job in a few lines."""
    sound = report.sound
    assert sound is not None
    pitches = f"pitch {sound.pitch_before:.0f} Hz to {sound.pitch_target:.0f} Hz"
    loudness = "loudness unchanged: silence"
    if sound.loudness_before is not None and sound.loudness_after is not None:
        loudness = f"loudness {sound.loudness_before:.1f} to {sound.loudness_after:.1f} LUFS"
    if sound.true_peak_db is not None:
        loudness += f", true peak {sound.true_peak_db:.1f} dB"
    lines = [
        f"{report.output.path}",
        f"  {report.seconds:.2f} s, {sound.speech_seconds:.0f} s of it speech; {sound.rate} Hz, "
        f"{sound.channels} channel(s), {sound.codec}; signed and read back",
        f"  by {sound.engine}; {pitches}; {loudness}",
        f"  real-time factor {sound.realtime_factor:.3f}, "
        f"peak memory {report.peak_memory_mb:.0f} MB",
        *(f"  note: {note}" for note in report.notes),
    ]
    return printable(lines)
