"""What an adaptation is told, checked before any work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from avsynth.errors import InputError, UsageError
from avsynth.media import MediaInfo, probe
from avsynth.pipelines.film_options import Face
from avsynth.pipelines.inputs import check_outputs, report_path

_SUFFIX = ".safetensors"
_RANGES = {"minutes": "0.1 to 600", "steps": "1 to 100000", "seed": "0 or more"}


class AdaptOptions(BaseModel):
    """Options of ``adapt``; the command line's have the same names.

    Attributes:
        face: which face is the subject, as for ``dub``, but one.
        purpose: what the work is for; default all purposes of the consent record.
        language: checked against a subject's consent, as for ``dub``.
        weights: the motion network to begin with, a name or a file; default the best allowed.
        generator: the lip-sync generator to begin with, a name or a file; "none" leaves it out.
        minutes: the training ends so long after the start, or, where reading the footage took
            most of that, after half as long again.
        steps: of the generator. Runs that time does not cut short are equal under equal seeds.
        seed: of all that is random.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    face: Face = "largest"
    purpose: str | None = None
    language: str | None = None
    weights: str | None = None
    generator: str | None = None
    minutes: Annotated[float, Field(ge=0.1, le=600.0)] = 5.0
    steps: Annotated[int, Field(ge=1, le=100_000)] = 600
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


def adapt_options(**given: Any) -> AdaptOptions:
    """``AdaptOptions`` with errors of the family.

    Raises:
        UsageError: an unknown option or a value outside its range.
    """
    try:
        return AdaptOptions(**given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = str(problem["loc"][0])
        if name == "face":
            words = "largest, speaking, a number, or a box x,y,w,h"
            raise UsageError(f"--face: {problem['input']!r} is none of {words}") from error
        raise UsageError(f"--{name} must be {_RANGES.get(name, 'another')}") from error


def check_footage(videos: Sequence[Path], consent: Path, output: Path) -> dict[Path, MediaInfo]:
    """The films, probed; refuses all that can be refused without work.

    Raises:
        UsageError: no film, an output of another kind, or one that would overwrite an input.
        InputError: a film that cannot be read, has no picture or no sound.
        ResourceError: an output that cannot be written.
    """
    if not videos:
        raise UsageError("no footage was given")
    if output.suffix.lower() != _SUFFIX:
        raise UsageError(f"the output is a weights file: let its name end in {_SUFFIX}", output)
    check_outputs([output, report_path(output)], [*videos, consent])
    found = {}
    for video in dict.fromkeys(videos):
        found[video] = probe(video)
        if found[video].video is None:
            raise InputError("holds no picture", video)
        if not found[video].audio:
            raise InputError("holds no sound: how a mouth moves cannot be learnt from it", video)
    return found
