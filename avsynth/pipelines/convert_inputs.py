"""What a conversion is told and works on, checked before any work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from avsynth.errors import InputError, UsageError
from avsynth.media import MediaInfo, probe, sha256_file
from avsynth.media.sound_format import FILMS, SoundFormat, refuse_lost_picture, sound_format
from avsynth.models.voice_engine import Shifts
from avsynth.pipelines.inputs import check_outputs, report_path
from avsynth.provenance.c2pa_library import sidecar_of

_SAID = {
    "pitch": "--pitch must be -24 to 24 semitones",
    "formant": "--formant must be -12 to 12 semitones",
    "device": "--device must be auto, cpu, cuda or cuda:N",
    "engine": "--engine must be auto, torch or openvino",
}


class ConvertOptions(BaseModel):
    """Options of ``convert``; the command line's have the same names.

    Attributes:
        pitch: semitones that the pitch is moved by, beyond that of the target voice.
        formant: semitones that the resonances are moved by.
        purpose: what the work is for; default all purposes of the consent record.
        language: of the speech, such as "de"; checked against a subject's consent.
        weights: name or file of voice weights, or "world"; default the best the consent allows.
        device: "auto", "cpu", "cuda" or "cuda:N".
        engine: "auto", "torch" or "openvino".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pitch: Annotated[float, Field(ge=-24.0, le=24.0)] = 0.0
    formant: Annotated[float, Field(ge=-12.0, le=12.0)] = 0.0
    purpose: str | None = None
    language: str | None = None
    weights: str | None = None
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    engine: Literal["auto", "torch", "openvino"] = "auto"

    @model_validator(mode="after")
    def _agree(self) -> ConvertOptions:
        if self.engine == "openvino" and self.device.startswith("cuda"):
            raise ValueError("--engine openvino runs on processors and excludes --device cuda")
        return self

    @property
    def shifts(self) -> Shifts:
        """For the engine."""
        return Shifts(self.pitch, self.formant)


def convert_options(**given: Any) -> ConvertOptions:
    """``ConvertOptions`` with errors of the family.

    Raises:
        UsageError: an unknown option or a value outside its range.
    """
    try:
        return ConvertOptions(**given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] == "extra_forbidden":
            raise UsageError(f"there is no option --{name}") from error
        said = _SAID.get(name) or problem["msg"].removeprefix("Value error, ")
        raise UsageError(said) from error


@dataclass(frozen=True)
class ConvertInputs:
    """What a conversion works on, checked: the file, its hash, and how its new sound is stored."""

    source: Path
    info: MediaInfo
    sha256: str
    how: SoundFormat


def check_inputs(
    source: Path, references: Sequence[Path], consent: Path, output: Path
) -> ConvertInputs:
    """Refuse all that can be refused without work; hash the source.

    Raises:
        UsageError: no reference, an unknown kind of output or one that could not hold the sound
            or the picture, an output that would overwrite an input.
        InputError: a source that cannot be read or holds no sound.
        ResourceError: an output that cannot be written.
    """
    if not references:
        raise UsageError("no voice was given")
    made = [output, report_path(output), sidecar_of(output)]
    check_outputs(made, [source, *references, consent])
    info = probe(source)
    if not info.audio:
        raise InputError("holds no sound", source)
    if not info.audio[0].rate:
        raise InputError("its audio is in a format that cannot be decoded", source)
    how = sound_format(output, info)
    if output.suffix.lower() in FILMS:
        refuse_lost_picture(output, source)
    return ConvertInputs(source, info, sha256_file(source), how)
