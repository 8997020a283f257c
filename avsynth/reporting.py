"""The job report: what every verb writes beside its output, under one published JSON Schema."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

SCHEMA_VERSION = 1


def _speakable(text: str) -> str:
    """File names may hold bytes that are no text; JSON may not."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


PlainText = Annotated[str, BeforeValidator(_speakable)]


class Strict(BaseModel):
    """A part of a report: no field but those that are named."""

    model_config = ConfigDict(extra="forbid")


class WrittenReport(Strict):
    """A report that becomes a file."""

    def write(self, path: Path) -> None:
        """Write as readable JSON."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


class FileHash(Strict):
    """A file that took part, by its content."""

    path: PlainText
    sha256: str


class Weights(Strict):
    """A network that took part. ``kind`` says as what: "motion" or "lipsync"."""

    name: str
    kind: str = ""
    sha256: str
    engine: str


class Second(Strict):
    """Agreement of mouth and sound in one second of a face.

    ``offset`` is in seconds, positive where the mouth lags the sound; None where nothing is said.
    ``confidence`` is the correlation at that offset above the median of all offsets.
    """

    time: float
    offset: float | None
    confidence: float | None


class FaceReport(Strict):
    """One face: how it was chosen and how its mouth and the sound agree."""

    track: int
    shot: int
    first_frame: int
    last_frame: int
    audio: PlainText
    sync_before: list[Second] = Field(description="the original mouth with the original sound")
    sync_after: list[Second] = Field(description="the requested mouth with the new sound")


class SoundReport(Strict):
    """New sound: how it was made, how it measures. Pitch is the median, in Hz; 0 where unvoiced."""

    samples: int
    rate: int
    channels: int
    codec: str
    bandwidth_hz: int = Field(description="above it the new voice has nothing")
    speech_seconds: float
    loudness_before: float | None = Field(description="integrated, LUFS; None for silence")
    loudness_after: float | None
    true_peak_db: float | None = Field(description="of the finished file, dB below full scale")
    pitch_before: float
    pitch_target: float
    target_seconds: float = Field(description="speech that the target voice was described from")
    target_spread: float = Field(description="0 for one voice; large for several, or a noise")
    engine: str = Field(description="what converted: world, or the name of the weights")
    realtime_factor: float = Field(description="seconds of work for each second of sound")


class NewVoice(Strict):
    """The voice that a dub's new speech was given. ``pitch`` is its median, in Hz."""

    source: PlainText = Field(description="original: that of the film; or a file")
    engine: str = Field(description="what converted: world, or the name of the weights")
    pitch: float
    seconds: float = Field(description="of speech that it was described from; 0: imagined")
    spread: float = Field(description="0 for one voice; large for several, or a noise")
    synthetic: bool = Field(description="whether it belongs to nobody")
    consent: dict[str, Any]


class Followed(Strict):
    """How a reenactment follows what was asked, by landmarks found anew in frames of the output."""

    measured_frames: int
    lost_frames: int = Field(description="of those, in which no face was found any more")
    pose_error_degrees: float | None = Field(description="mean angle to the wanted head pose")
    expression_error: float | None = Field(
        description="mean distance of mouth and eye points from the wanted ones, head pose taken "
        "out, in distances of the outer eye corners"
    )


class Likeness(Strict):
    """Distances of the person in frames of the output to the person in the source."""

    embedder: str
    mean_distance: float
    largest_distance: float
    same_person_below: float = Field(description="the embedder's limit")
    frames: int


class Reenactment(Strict):
    """How a picture was made to move."""

    driver: str = Field(description="film, or motion file")
    driver_frame: int = Field(description="the driver's frame that the source stands for")
    source_seconds: float | None = Field(description="of the frame in a film; None for a picture")
    region: tuple[int, int, int, int] = Field(
        description="x0, y0, x1, y1 in pixels: outside of it no bit of the picture was changed"
    )
    face_frames: int = Field(description="frames of the driver in which the face was seen")
    followed: Followed
    likeness: Likeness | None = Field(description="None where no embedder of faces is installed")


class Report(WrittenReport):
    """What was done, to what, with what, and how it went."""

    schema_version: int = SCHEMA_VERSION
    verb: str
    avsynth_version: str
    output: FileHash
    inputs: list[FileHash]
    weights: list[Weights]
    settings: dict[str, Any]
    consent: dict[str, Any]
    frames: int = Field(description="pictures that were made; 0 where only sound was")
    seconds: float
    fit: str = Field(description="how picture and sound of different lengths were fitted")
    outcomes: dict[str, int] = Field(description="face frames by outcome: dubbed, or why not")
    faces: list[FaceReport]
    renderer: str = Field(default="", description="what painted faces: gan, classical or mesh")
    sound: SoundReport | None = Field(default=None, description="of a converted voice")
    voice: NewVoice | None = Field(default=None, description="of a dub, where it was given one")
    reenactment: Reenactment | None = None
    damaged_frames: int
    missing_frames: int = Field(
        default=0,
        description="of the damaged ones, those that the film claims but that cannot be decoded",
    )
    resumed: bool
    stage_seconds: dict[str, float]
    frames_per_second: float
    peak_memory_mb: float
    notes: list[str]


def schema() -> str:
    """The JSON Schema of the report, as text (also shipped as ``avsynth/report.schema.json``)."""
    return json.dumps(Report.model_json_schema(), indent=2, sort_keys=True) + "\n"


def peak_memory_mb() -> float:
    """Peak resident memory of this process so far, in MB (10^6 bytes)."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent process held before the fork
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import psutil

    memory = psutil.Process().memory_info()
    return float(getattr(memory, "peak_wset", memory.rss) / 1e6)
