"""The first tab's work: a dub, and whether its consent record allows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avsynth.pipelines.options import DubOptions
from avsynth.pipelines.progress import Callback
from avsynth.reporting import Report
from avsynth.studio.jobs import TellPart

#: What a dub leaves in its folder.
RESULT, REPORT, SHEET = "result.mp4", "result.mp4.report.json", "preview.png"
#: Under this name the page asks for the film that was dubbed.
FILM = "original"


@dataclass(frozen=True)
class DubOrder:
    """A dub in ``folder``; paths are relative to it. ``names`` are those that people gave."""

    folder: Path
    film: Path
    speech: Path
    record: Path
    options: DubOptions
    names: dict[str, str] = field(default_factory=dict)

    def carry_out(self, tell: Callback, found: TellPart) -> dict[str, Any]:
        """Dub; what the page tells of the result."""
        from avsynth.pipelines.dub import dub
        from avsynth.provenance.reading import read
        from detectors.report.credentials import shown

        report = dub(
            self.film, [(self.options.face, self.speech)], self.record, Path(RESULT), self.options,
            preview=Path(SHEET), progress=tell,
        )  # fmt: skip
        credentials = shown(read(Path(RESULT)).as_dict())
        return {
            **_told(report),
            "sheet": Path(SHEET).is_file(),
            "credentials": {
                "state": credentials.state,
                "summary": credentials.summary,
                "fields": credentials.fields,
                "actions": credentials.actions,
                "ingredients": [
                    f"{each.title} ({each.relationship}): {each.state}"
                    for each in credentials.ingredients
                ],
                "problems": credentials.problems,
            },
        }


@dataclass(frozen=True)
class CheckOrder:
    """Whether a record allows to make a face from a film; comparing people is work."""

    folder: Path
    record: Path
    film: Path
    purpose: str | None
    language: str | None
    names: dict[str, str] = field(default_factory=dict)

    def carry_out(self, tell: Callback, found: TellPart) -> dict[str, Any]:
        """Ask the record, as a dub will; the reasons why it allows."""
        from avsynth.provenance.consent import authorise

        allowed = authorise(self.record, self.film, "face", self.purpose, language=self.language)
        return {
            "reasons": allowed.reasons, "purposes": allowed.purposes, "label": allowed.label,
            "identity": allowed.identity, "signed_by": allowed.signed_by,
        }  # fmt: skip


def _told(report: Report) -> dict[str, Any]:
    """The report in the few figures that one wants first."""
    return {
        "frames": report.frames,
        "seconds": report.seconds,
        "fit": report.fit,
        "outcomes": report.outcomes,
        "renderer": report.renderer,
        "networks": list(dict.fromkeys(weights.name for weights in report.weights)),
        "rate": report.frames_per_second,
        "resumed": report.resumed,
        "missing": report.missing_frames,
        "notes": report.notes,
        "output": report.output.sha256,
    }
