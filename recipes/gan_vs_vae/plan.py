"""What is compared: kinds of training, seeds, and what all runs have in common."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

sys.path.append(str(Path(__file__).parents[1] / "faces"))
from settings import Settings


class Plan(BaseModel):
    """The config file.

    Attributes:
        seeds: each kind is trained once with each of them.
        common: values of ``recipes/faces`` settings for all runs.
        kinds: values that differ, by kind.
        latents: how long the latent is in further runs of the VAE, with the first seed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seeds: tuple[int, ...]
    common: dict[str, Any]
    kinds: dict[str, dict[str, Any]]
    latents: tuple[int, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Plan:
        """From YAML."""
        return cls.model_validate(yaml.safe_load(path.read_text("utf-8")))

    def runs(self) -> Iterator[Settings]:
        """Seed by seed, so that what is done when time is up are whole seeds."""
        for seed in self.seeds:
            for kind, own in self.kinds.items():
                yield self._run(kind, seed, own)
        for latent in self.latents:
            own = self.kinds["vae"]
            network = own["network"] | {"latent": latent}
            yield self._run("vae", self.seeds[0], own | {"network": network}, f"-of-{latent}")

    def _run(self, kind: str, seed: int, own: dict[str, Any], suffix: str = "") -> Settings:
        named = {"name": f"{kind}-{seed}{suffix}", "kind": kind, "seed": seed}
        return Settings.model_validate(self.common | own | named)
