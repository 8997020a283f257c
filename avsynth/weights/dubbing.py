"""The networks of a dub: speech to motion, and the lip-sync generator that paints the mouth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from avsynth.errors import UsageError
from avsynth.face.render import ClassicalRenderer, Renderer
from avsynth.face.warp import Floats
from avsynth.models.lipsync import LipsyncConfig
from avsynth.models.lipsync_renderer import LipsyncRenderer
from avsynth.models.speech_to_motion import SpeechToMotion
from avsynth.weights.file import WeightsFile
from avsynth.weights.manifest import Entry, Purpose, list_weights
from avsynth.weights.motion import best_motion
from avsynth.weights.registry import LoadedModel, locate, make_ready
from avsynth.weights.subject import read_parts

Quality = Literal["fast", "best"]


@dataclass(frozen=True)
class DubbingModels:
    """What a dub runs: ``lipsync`` is None where mouths are painted by the classical renderer."""

    motion: LoadedModel
    speech: SpeechToMotion
    lipsync: LoadedModel | None

    @property
    def loaded(self) -> tuple[LoadedModel, ...]:
        """All networks."""
        return (self.motion,) if self.lipsync is None else (self.motion, self.lipsync)

    @property
    def research(self) -> LoadedModel | None:
        """A network that may be used for research alone, None where there is none."""
        return next((model for model in self.loaded if model.purpose == "research"), None)

    def renderer(self, mean: Floats) -> Renderer:
        """The renderer for a person with ``mean`` vertices, float32 (V, 2), pixels."""
        return mouth_renderer(self.lipsync, mean)


def mouth_renderer(lipsync: LoadedModel | None, mean: Floats) -> Renderer:
    """The renderer for a person with ``mean`` vertices, float32 (V, 2); None: the classical one."""
    if lipsync is None:
        return ClassicalRenderer(mean)
    assert isinstance(lipsync.config, LipsyncConfig)
    return LipsyncRenderer(mean, lipsync, lipsync.config.size)


def best_lipsync(purpose: Purpose) -> Entry | None:
    """The first lip-sync weights of the manifest that ``purpose`` allows, None without any.

    A commercial purpose excludes research weights; research may use any, and gets its own first.
    """
    usable = [
        entry
        for entry in list_weights()
        if entry.kind == "lipsync" and (purpose == "research" or entry.purpose == "commercial")
    ]
    return min(usable, key=lambda entry: entry.purpose != purpose, default=None)


def load_dubbing(
    weights: Sequence[str], purpose: Purpose, quality: Quality = "best",
    engine: str = "auto", device: str = "cpu", *, callers: int = 1, frames: int = 0,
) -> DubbingModels:  # fmt: skip
    """Load the networks of a dub: those that are named, the best for ``purpose`` for the others.

    Args:
        weights: names or files of a motion network, a lip-sync network, or a subject's both.
        purpose: what the networks that are not named must allow.
        quality: "fast" does without the lip-sync network.
        engine: "auto", "torch" or "openvino".
        device: "cpu", "cuda" or "cuda:N".
        callers: threads that will paint at once.
        frames: how many will be painted, 0 where nobody knows.

    Raises:
        UsageError: two networks of one kind, or a lip-sync network that "fast" would not use.
        WeightsError: missing, changed, of another kind, or a front end that is not installed.
    """
    named: dict[str, tuple[str, WeightsFile]] = {}
    for name_or_path in weights:
        name, path, digest = locate(name_or_path)
        parts = read_parts(path, digest)
        if quality == "fast" and parts.keys() == {"lipsync"}:
            raise UsageError(f"--quality fast does not use --weights {name}, a lip-sync network")
        for kind, part in parts.items():
            if kind in named:
                raise UsageError(f"--weights names two {kind} networks: {named[kind][0]}, {name}")
            named[kind] = (name, part)
    if "motion" not in named:
        entry = best_motion(purpose)
        named["motion"] = (entry.name, read_parts(entry.path, entry.sha256)["motion"])
    chosen = best_lipsync(purpose)
    if "lipsync" not in named and chosen is not None:
        named["lipsync"] = (chosen.name, read_parts(chosen.path, chosen.sha256)["lipsync"])
    motion = make_ready(*named["motion"], engine, device)
    lipsync = None
    if quality == "best" and "lipsync" in named:
        lipsync = make_ready(*named["lipsync"], engine, device, callers=callers, runs=frames)
    return DubbingModels(motion, SpeechToMotion(motion, device), lipsync)
