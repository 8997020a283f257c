"""The network of a reenactment, and the renderer that goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from avsynth.errors import UsageError, WeightsError
from avsynth.face.matte import Layers
from avsynth.face.portrait import MeshPortrait, Portrait, PortraitRenderer
from avsynth.models.reenact import ReenactConfig
from avsynth.models.reenact_renderer import ReenactPortrait
from avsynth.weights import file as weights_file
from avsynth.weights.manifest import Entry, Purpose, list_weights
from avsynth.weights.registry import LoadedModel, locate, make_ready

Quality = Literal["fast", "best"]


@dataclass(frozen=True)
class ReenactModels:
    """What a reenactment runs: ``network`` is None where the mesh alone moves the portrait."""

    network: LoadedModel | None

    @property
    def loaded(self) -> tuple[LoadedModel, ...]:
        """All networks."""
        return () if self.network is None else (self.network,)

    @property
    def research(self) -> LoadedModel | None:
        """A network that may be used for research alone, None where there is none."""
        return next((model for model in self.loaded if model.purpose == "research"), None)

    def renderer(self, portrait: Portrait) -> PortraitRenderer:
        """What makes ``portrait`` move, over a background that stays."""
        layers = Layers(portrait.rgb)
        if self.network is None:
            return MeshPortrait(portrait, layers)
        config = self.network.config
        assert isinstance(config, ReenactConfig)
        return ReenactPortrait(portrait, self.network, config.size, layers)


def best_reenact(purpose: Purpose) -> Entry | None:
    """The first reenactment weights of the manifest that ``purpose`` allows, None without any.

    A commercial purpose excludes research weights; research may use any, and gets its own first.
    """
    usable = [
        entry
        for entry in list_weights()
        if entry.kind == "reenact" and (purpose == "research" or entry.purpose == "commercial")
    ]
    return min(usable, key=lambda entry: entry.purpose != purpose, default=None)


def reenact_models(
    quality: Quality = "best", weights: str | None = None, allows_research: bool = False,
    device: str = "cpu", engine: str = "auto", *, callers: int = 1, frames: int = 0,
) -> ReenactModels:  # fmt: skip
    """Load the network of a reenactment: the one that is named, or the best that is allowed.

    Args:
        quality: "fast" does without a network.
        weights: name or file of a reenactment network.
        allows_research: whether one for research alone may be taken where none is named.
        device: "cpu", "cuda" or "cuda:N".
        engine: "auto", "torch" or "openvino".
        callers: threads that will render at once.
        frames: how many will be rendered, 0 where nobody knows.

    Raises:
        UsageError: weights are named that "fast" would not use.
        WeightsError: missing, changed, or of another kind.
    """
    if quality == "fast":
        if weights is not None:
            raise UsageError(f"--quality fast does not use --weights {weights}")
        return ReenactModels(None)
    if weights is None:
        entry = best_reenact("research" if allows_research else "commercial")
        if entry is None:
            return ReenactModels(None)
        weights = entry.name
    name, path, digest = locate(weights)
    source = weights_file.read(path, digest)
    if source.kind != "reenact":
        raise WeightsError(f"weights of kind {source.kind!r} do not move portraits", path)
    return ReenactModels(make_ready(name, source, engine, device, callers=callers, runs=frames))
