"""avsynth voice: voices as files, of a consenting person or of nobody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from avsynth.cli.printing import printable

if TYPE_CHECKING:
    from avsynth.pipelines.voice_report import VoiceFigures, VoiceReport

app = typer.Typer(no_args_is_help=True, help="Voices as files: enrol, imagine, show.")

Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="A .safetensors file.")]


@app.command()
def enroll(
    references: Annotated[list[Path], typer.Argument(help="Recordings of one person's speech.")],
    output: Output,
    consent: Annotated[Path, typer.Option(help="Consent record of scope voice that covers them.")],
    purpose: Annotated[
        str | None, typer.Option(help="Such as commercial. Default: all the consent allows.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Of the speech, such as de.")] = None,
    as_json: Json = False,
) -> None:
    """Describe a person's voice once, for avsynth convert --to and dub --voice-from."""
    from avsynth.pipelines.enroll import enroll as run

    report = run(references, consent, output, purpose=purpose, language=language)
    print(report.model_dump_json(indent=2) if as_json else summary(report))


@app.command()
def imagine(
    output: Output,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal voices.")],
    pitch: Annotated[str | None, typer.Option(help="low, middle, high, or Hz.")] = None,
    min_distance: Annotated[
        float | None,
        typer.Option(help="To the nearest training speaker. Default: the least that is allowed."),
    ] = None,
    purpose: Annotated[
        list[str] | None,
        typer.Option(help="Of the consent record. Repeatable. Default: research, commercial."),
    ] = None,
    consent_out: Annotated[
        Path | None,
        typer.Option(help="Where its consent record goes. Default: OUTPUT.consent.json."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw a voice that belongs to nobody, with the signed record that says so."""
    from avsynth.pipelines.imagine_voice import imagine as run

    report = run(
        output, seed, pitch=pitch, min_distance=min_distance, purposes=purpose or (),
        record=consent_out,
    )  # fmt: skip
    print(report.model_dump_json(indent=2) if as_json else summary(report))


@app.command()
def show(
    voice: Annotated[Path, typer.Argument(help="A stored voice.")], as_json: Json = False
) -> None:
    """Say what a voice file holds and where it comes from."""
    import json

    from avsynth.pipelines.voice_report import figures
    from avsynth.weights.voices import read_voice

    stored, metadata = read_voice(voice)
    found = figures(stored)
    if as_json:
        print(json.dumps({"voice": found.model_dump(), "metadata": metadata}, indent=2))
        return
    imagined, consent = metadata.get("imagined"), metadata.get("consent")
    lines = [str(voice), *_figures(found)]
    if stored.synthetic and isinstance(imagined, dict):
        lines.append(
            f"  of nobody: seed {imagined.get('seed')}, {imagined.get('distance')} from the "
            f"nearest of {imagined.get('compared')} speakers"
        )
    elif isinstance(consent, dict):
        lines.append(f"  enrolled under the consent record {consent.get('record_sha256')}")
    print(_printable(lines))


def summary(report: VoiceReport) -> str:
    """A finished job in a few lines."""
    lines = [report.output.path, *_figures(report.voice)]
    if report.imagined is not None:
        found = report.imagined
        lines += [
            f"  of nobody: {found.distance:.2f} from the nearest of {found.compared} training "
            f"speakers, {found.threshold:.2f} at least ({found.measure})",
            f"  consent record: {found.record.path}",
        ]
    lines += [f"  note: {note}" for note in report.notes]
    return _printable(lines)


def _figures(voice: VoiceFigures) -> list[str]:
    heard = "" if voice.synthetic else f"; {voice.seconds:.1f} s of speech"
    return [f"  pitch {voice.pitch:.0f} Hz, spread {voice.pitch_spread:.1f} semitones{heard}"]


def _printable(lines: list[str]) -> str:
    return printable(lines)
