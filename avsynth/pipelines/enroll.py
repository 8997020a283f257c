"""Enrol: recordings of a person become a voice file that conversions and dubs take.

The file holds a few hundred numbers, hashes of the recordings and the hash of the consent record,
no sound. It belongs to that very record.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import avsynth
from avsynth.errors import UsageError
from avsynth.media import atomic_output
from avsynth.pipelines.inputs import check_outputs, report_path
from avsynth.pipelines.voice_report import VoiceReport, figures
from avsynth.pipelines.voice_target import Target, find_target
from avsynth.reporting import FileHash, Weights
from avsynth.weights import speakers
from avsynth.weights.voices import is_voice_file, write_voice

_SUFFIX = ".safetensors"


def enroll(
    references: Sequence[Path],
    consent: Path,
    output: Path,
    *,
    purpose: str | None = None,
    language: str | None = None,
) -> VoiceReport:
    """Describe the voice in ``references``; write ``output`` and ``OUTPUT.report.json``.

    Args:
        references: recordings of one person: anything with sound.
        consent: the consent record that covers every one of them, scope voice.
        output: a .safetensors file, for ``convert --to`` and ``dub --voice-from``.
        purpose: what the work is for; default all purposes of the record.
        language: of the speech, where a subject's record limits languages.

    Raises:
        AvsynthError: one of the family, see ``avsynth.errors``; then nothing is left under the
            output's name. Silence is a ``NothingToDoError``; a noise, several speakers and less
            than three seconds of speech are told in the report's notes.
    """
    began = time.monotonic()
    check_voice_output(output, [*references, consent])
    stored = next((path for path in references if is_voice_file(path)), None)
    if stored is not None:
        raise UsageError("is an enrolled voice already", stored, "enrol recordings")
    found = find_target(references, consent, purpose, language)
    with atomic_output(output) as path:
        sha256 = write_voice(path, found.voice, _metadata(output.stem, found))
    report = VoiceReport(
        verb="voice enroll",
        avsynth_version=avsynth.__version__,
        output=FileHash(path=str(output), sha256=sha256),
        inputs=[FileHash(path=str(path), sha256=digest) for path, digest in found.files.items()],
        weights=[Weights(name=speakers.NAME, kind="speaker", sha256=found.voice.encoder,
                         engine="torch")],
        settings={"purpose": purpose, "language": language},
        consent=[each.as_dict() for each in found.allowed],
        voice=figures(found.voice),
        seconds=round(time.monotonic() - began, 3),
        notes=list(found.notes),
    )  # fmt: skip
    with atomic_output(report_path(output)) as path:
        report.write(path)
    return report


def check_voice_output(output: Path, given: Sequence[Path]) -> None:
    """Refuse an output that is no .safetensors file, cannot be written, or is one of ``given``."""
    if output.suffix.lower() != _SUFFIX:
        raise UsageError(f"the output is a voice file: let its name end in {_SUFFIX}", output)
    check_outputs([output, report_path(output)], given)


def _metadata(name: str, found: Target) -> dict[str, object]:
    """What the file says of itself: hashes, and no more."""
    consent = found.allowed[0]  # one record allows them all
    return {
        "name": name,
        "purpose": "research" if any(each.label for each in found.allowed) else "commercial",
        "licence": "as the consent record allows",
        "consent": {
            "record_id": consent.record_id,
            "record_sha256": consent.record_sha256,
            "kind": consent.kind,
            "purposes": list(consent.purposes),
        },
        "references": list(found.files.values()),
    }
