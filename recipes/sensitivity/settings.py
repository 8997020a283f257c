"""Configuration of a screening, checked before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

Verb = Literal["dub", "convert", "scan", "reenact"]


class Settings(BaseModel):
    """What is screened and how long.

    Attributes:
        verbs: the commands.
        trajectories: r of Morris' design; of k factors each takes k + 1 runs.
        seconds: length of the clips.
        grid: clips of GRID beside the demo person, where there is such data.
        real_only: leave the demo person out, where there are real clips: its voice is made, so a
            scan has nothing real to see in it.
        network: of ``reenact``, by name or file; default the shipped one.
        seed: of the design and the bootstrap.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    verbs: tuple[Verb, ...]
    trajectories: Annotated[int, Field(ge=2)]
    seconds: Annotated[float, Field(ge=1.0, le=30.0)]
    grid: tuple[str, ...] = ()
    real_only: bool = False
    network: str | None = None
    seed: int = 0

    @classmethod
    def load(cls, path: Path) -> Settings:
        """Read a YAML file; ValidationError when it does not fit."""
        return cls.model_validate(yaml.safe_load(path.read_text("utf-8")))
