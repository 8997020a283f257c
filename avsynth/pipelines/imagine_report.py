"""What imagining people reports: every portrait, whom it is nearest to, and what was refused."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from avsynth.reporting import FileHash, Strict, Weights, WrittenReport


class Portrait(Strict):
    """One portrait and how it was found."""

    file: FileHash
    record: FileHash = Field(
        description="its consent record; the hash is that which it is cited by"
    )
    draws: int = Field(description="pictures that were drawn for it, this one included")
    refused: dict[str, int] = Field(description="the others, by reason")
    nearest: str = Field(description="the training person it is nearest to, as the data set says")
    distance: float = Field(description="to that person")
    threshold: float = Field(description="that the distance had to exceed")


class ImagineReport(WrittenReport):
    """The whole job."""

    schema_version: int = 1
    verb: str = "imagine"
    avsynth_version: str
    output: str = Field(description="the folder")
    wanted: int
    portraits: list[Portrait]
    inputs: list[FileHash] = Field(default_factory=list)
    weights: list[Weights]
    settings: dict[str, Any]
    measure: str = Field(description="what the distances are")
    compared: int = Field(description="training people")
    draws: int
    refused: dict[str, int] = Field(description="draws by the reason why they were refused")
    resumed: bool
    stage_seconds: dict[str, float]
    seconds: float = Field(description="that it took")
    peak_memory_mb: float
    notes: list[str]
