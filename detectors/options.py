"""What a scan is told, checked before any work."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import avsynth
from avsynth.errors import UsageError

Share = Annotated[float, Field(gt=0.0, lt=1.0)]


class ScanOptions(BaseModel):
    """Options of ``scan``; the command line's have the same names.

    Attributes:
        detectors: names of those that look; empty: all there are.
        operating_point: share of real files that may be called synthetic, 0 to 1.
        period: seconds of video of which one burst of frames is looked at.
        max_faces: how many faces are followed at a time.
        max_pixels: pictures with more are refused before they are decoded.
        max_duration: seconds; of longer files the beginning is looked at.
        sensitivity: also see how the score moves under small disturbances.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    detectors: tuple[str, ...] = ()
    operating_point: Share = 0.01
    period: Annotated[float, Field(ge=0.1, le=3600.0)] = 1.0
    max_faces: Annotated[int, Field(ge=1, le=64)] = 8
    max_pixels: Annotated[int, Field(ge=64, le=2**28)] = 2**26
    max_duration: Annotated[float, Field(gt=0.0, le=7 * 86400.0)] = 6 * 3600.0
    sensitivity: bool = False

    def settings(self) -> dict[str, Any]:
        """All of them for a report, with ``fingerprint``: equal where nothing that matters differs.

        The fingerprint covers the options, the package's version, the shipped weights and what
        was fitted to them.
        """
        given = self.model_dump(mode="json")
        steered = hashlib.sha256(json.dumps([given, avsynth.__version__]).encode())
        steered.update((resources.files("avsynth.weights") / "shipped/manifest.json").read_bytes())
        for folder in ("calibrations", "parameters"):
            for fitted in sorted((Path(__file__).parent / folder).glob("*.json")):
                steered.update(fitted.read_bytes())
        return given | {"fingerprint": steered.hexdigest()}


def checked(given: dict[str, Any]) -> ScanOptions:
    """Options from named values; None means the default. UsageError for one out of range."""
    try:
        return ScanOptions(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).replace("_", "-") if first["loc"] else "the options"
        raise UsageError(f"{name}: {first['msg'].lower()}") from error
