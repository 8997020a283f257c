"""What an adaptation reports: what was learnt, from what, and what it brought."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import Field

from avsynth.reporting import FileHash, Strict, Weights, WrittenReport
from avsynth.training.adapt_lipsync import AdaptedLipsync
from avsynth.training.adapt_motion import AdaptedMotion


class FootageReport(Strict):
    """One film: ``lag`` is how many 25ths of a second its mouth comes after its sound, ``clarity``
    how well they correlate then; ``heard`` says whether the motion learnt from it."""

    file: FileHash
    seconds: float
    speech_seconds: float
    lag: int
    clarity: float
    heard: bool


class PartReport(Strict):
    """One network: what it was, how much of it is new, held-out figures before and after."""

    base: Weights
    share: float = Field(description="of the new weights; 0: as it was")
    steps: int
    figures: dict[str, dict[str, float]]


class AdaptReport(WrittenReport):
    """The whole job."""

    schema_version: int = 1
    verb: str = "adapt"
    avsynth_version: str
    output: FileHash
    purpose: str
    footage: list[FootageReport]
    motion: PartReport
    lipsync: PartReport | None
    settings: dict[str, Any]
    consent: list[dict[str, Any]]
    resumed: bool
    stage_seconds: dict[str, float]
    peak_memory_mb: float
    notes: list[str]


def part_report(
    name: str, sha256: str, adapted: AdaptedMotion | AdaptedLipsync | None
) -> PartReport:
    """What became of the network ``name``; ``adapted`` None: nothing was learnt."""
    base = Weights(name=name, sha256=sha256, engine="torch")
    if adapted is None:
        return PartReport(base=base, share=0.0, steps=0, figures={})
    figures = {"before": asdict(adapted.before), "after": asdict(adapted.after)}
    if isinstance(adapted, AdaptedLipsync):
        figures["classical"] = asdict(adapted.classical)
    return PartReport(base=base, share=adapted.share, steps=adapted.steps, figures=figures)


def gains(motion: PartReport, lipsync: PartReport | None) -> list[str]:
    """What the parts brought, in a line each, for notes."""
    lines = []
    if motion.figures and motion.share == 0.0:
        lines.append("the motion network did not get better on held-out speech: it is as it was")
    if lipsync is not None and lipsync.figures:
        if lipsync.share == 0.0:
            lines.append("the generator did not get better on held-out pictures: it is as it was")
        if lipsync.figures["after"]["l1"] >= lipsync.figures["classical"]["l1"]:
            lines.append("the classical renderer is nearer to this person's pictures")
    return lines
