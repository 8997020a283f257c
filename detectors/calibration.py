"""What turns raw logits into log-likelihood ratios: fitted numbers, stored as JSON, typed.

Fitted by ``recipes/fusion`` on files whose people, speakers and, for the weights of the members,
generators the detectors had not seen.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from avsynth.errors import WeightsError

Floats = NDArray[np.float64]
PartName = Literal["face", "voice", "sync"]

FOLDER: Final = Path(__file__).with_name("calibrations")
#: No single detector is believed beyond this, in either direction: about 1 to 3,000.
MOST: Final = 8.0


class Member(BaseModel):
    """One detector's logistic calibration: ratio = slope x raw + offset.

    ``low`` and ``high`` are the range of raw logits that it was fitted on; what lies outside is
    moved to the edge, as nothing is known there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    slope: float = Field(ge=0)
    offset: float
    low: float
    high: float

    def ratio(self, raw: float | Floats) -> Floats:
        """Raw logits of any shape -> log-likelihood ratios, within ``MOST`` of 0."""
        inside = np.clip(np.asarray(raw, np.float64), self.low, self.high)
        return np.clip(self.slope * inside + self.offset, -MOST, MOST)


class PartFusion(BaseModel):
    """How the members that speak of a face (a voice, the agreement) are weighed together.

    ratio = offset + sum of weight x the member's ratio; a member that abstains counts as 0, no
    evidence. ``draws`` are offset and weights fitted on resampled people: how sure the fit is.
    ``thresholds``: share of real people above it -> ratio, where there were enough to say so.
    ``miss``: one synthetic file in twenty, of people not trained on, lies below it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    members: tuple[str, ...]
    weights: tuple[float, ...]
    offset: float
    draws: tuple[tuple[float, ...], ...]
    thresholds: dict[str, float]
    miss: float
    most: float = Field(MOST, gt=0, description="no fused ratio goes beyond, in either direction")
    real: int = Field(ge=0, description="real files it was fitted on")
    synthetic: int = Field(ge=0)
    people: int = Field(ge=0)


class Calibration(BaseModel):
    """Everything that ``fuse`` needs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    made_by: str
    data: str
    weights: dict[str, str] = Field(description="networks -> SHA-256 that it was fitted with")
    members: dict[str, Member]
    parts: dict[PartName, PartFusion]


@functools.cache
def load(name: str = "small") -> Calibration:
    """A shipped calibration by name; WeightsError when there is none, or it is damaged."""
    path = FOLDER / f"{name}.json"
    try:
        return Calibration.model_validate_json(path.read_text("utf-8"))
    except OSError as error:
        raise WeightsError(f"no calibration is called {name!r}") from error
    except ValidationError as error:
        raise WeightsError(f"the calibration is damaged: {error}", path) from error
