"""Every kind of discriminator by name: what weights files and judges build them from."""

from __future__ import annotations

import importlib
from typing import Any

from pydantic import BaseModel
from torch import Tensor, nn

#: Named by path, so that only what is used is imported: the config's class, the network's, and a
#: function from a config to a batch of typical size. A line here is all that makes a new kind
#: known to weights files and to detectors.
KINDS: dict[str, tuple[str, str, str]] = {
    "patch-discriminator": (
        "avsynth.models.discriminators:PatchConfig",
        "avsynth.models.discriminators:PatchDiscriminator",
        "avsynth.models.discriminators:example_patches",
    ),
    "sequence-discriminator": (
        "avsynth.models.discriminators:SequenceConfig",
        "avsynth.models.discriminators:SequenceDiscriminator",
        "avsynth.models.discriminators:example_sequences",
    ),
    "sync": (
        "avsynth.models.sync:SyncConfig",
        "avsynth.models.sync:SyncExpert",
        "avsynth.models.sync:example_films",
    ),
    "period-discriminator": (
        "avsynth.models.wave_discriminators:PeriodConfig",
        "avsynth.models.wave_discriminators:PeriodDiscriminator",
        "avsynth.models.wave_discriminators:example_sound",
    ),
    "resolution-discriminator": (
        "avsynth.models.wave_discriminators:ResolutionConfig",
        "avsynth.models.wave_discriminators:ResolutionDiscriminator",
        "avsynth.models.wave_discriminators:example_sound",
    ),
}


def build(kind: str, config: dict[str, Any]) -> nn.Module:
    """An untrained discriminator. ValueError for an unknown kind or a config that is not its."""
    config_path, network_path, _ = _paths(kind)
    network: nn.Module = _find(network_path)(_find(config_path).model_validate(config))
    return network


def example(kind: str, config: dict[str, Any]) -> dict[str, Tensor]:
    """A batch of typical size, ``x`` and perhaps ``condition``."""
    config_path, _, example_path = _paths(kind)
    settings: BaseModel = _find(config_path).model_validate(config)
    batch: dict[str, Tensor] = _find(example_path)(settings)
    return batch


def _paths(kind: str) -> tuple[str, str, str]:
    if kind not in KINDS:
        raise ValueError(f"no discriminator is of kind {kind!r}: known are {', '.join(KINDS)}")
    return KINDS[kind]


def _find(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
