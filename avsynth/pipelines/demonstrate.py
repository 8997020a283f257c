"""The demo: a composite person who does not exist says a new, synthetic line.

The line is also said by a voice that belongs to nobody.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from avsynth.errors import ResourceError
from avsynth.pipelines.convert import convert
from avsynth.pipelines.dub import dub
from avsynth.pipelines.imagine_voice import imagine
from avsynth.pipelines.inputs import report_path
from avsynth.pipelines.options import DubOptions
from avsynth.pipelines.progress import Callback
from avsynth.provenance import consent as consents
from avsynth.provenance.credentials import CredentialReport, read
from avsynth.provenance.records import Nearest
from avsynth.reporting import Report

_SEED = 8  # of the voice of nobody


@dataclass(frozen=True)
class Demo:
    """What the demo made: its files with a word on each, the film's report, its credentials."""

    files: dict[Path, str]
    report: Report
    credentials: CredentialReport


def demo_media() -> tuple[Path, Path]:
    """The shipped person and the shipped line."""
    folder = Path(str(resources.files("avsynth.pipelines"))) / "demo"
    return folder / "person.mp4", folder / "line.flac"


def demo_consent(out: Path) -> Path:
    """A record, signed here, that says: this person does not exist.

    How far the composite is from the nearest real speaker was measured by
    ``recipes/demo_person/evaluate.py`` and is shipped beside it.
    """
    person, _ = demo_media()
    measured = json.loads(person.with_name("nearest.json").read_text())
    record = consents.new_synthetic(
        "composite demo person", [person], Nearest(**measured), ["demonstration", "commercial"]
    )
    consents.save(consents.sign(record), out)
    return out


def run_demo(out: Path, progress: Callback | None = None) -> Demo:
    """Dub, sign and verify the demo person into the folder ``out``; give the line another voice.

    Raises:
        ResourceError: the folder cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"cannot make the folder: {error.strerror}", out) from error
    person, line = demo_media()
    result, sheet = out / "dubbed.mp4", out / "before-after.png"
    record = demo_consent(out / "consent.json")
    report = dub(
        person, [("largest", line)], record, result, DubOptions(),
        preview=sheet, progress=progress,
    )  # fmt: skip
    nobody, voice, voice_record = (
        out / name for name in ("nobody.wav", "nobody.safetensors", "nobody.json")
    )
    imagine(voice, _SEED, record=voice_record)
    convert(line, [voice], voice_record, nobody, progress=progress)
    files = {
        result: "the dubbed film, signed",
        sheet: "moments before (left) and after (right)",
        report_path(result): "what was done and how it went",
        record: "the consent record it was made under",
        nobody: "the line in a voice of nobody, signed",
        voice: "that voice, for convert --to and dub --voice-from",
    }
    return Demo(files, report, read(result))
