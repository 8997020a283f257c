"""The networks that an adaptation begins with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from avsynth.errors import ConsentError, WeightsError
from avsynth.face.mouth_space import MouthSpace
from avsynth.models.discriminators import PatchDiscriminator
from avsynth.models.lipsync import MAPS, LipsyncNetwork
from avsynth.models.motion import MotionNetwork
from avsynth.weights import file as files
from avsynth.weights import manifest
from avsynth.weights.file import WeightsFile
from avsynth.weights.manifest import Purpose
from avsynth.weights.motion import best_motion
from avsynth.weights.subject import read_parts, refuse_other_consent

NONE = "none"


@dataclass(frozen=True)
class Base:
    """A network with the name it was asked for by."""

    name: str
    file: WeightsFile

    @property
    def purpose(self) -> str:
        """As for ``LoadedModel``: files without a word about it count as research."""
        return str(self.file.metadata.get("purpose", "research"))


@dataclass(frozen=True)
class Bases:
    """What is copied and taught: a motion network with its mouth space, perhaps a generator, and
    perhaps a discriminator to compare pictures by."""

    motion: Base
    lipsync: Base | None
    judge: PatchDiscriminator | None

    @property
    def network(self) -> MotionNetwork:
        """The motion network."""
        assert isinstance(self.motion.file.network, MotionNetwork)
        return self.motion.file.network

    @property
    def space(self) -> MouthSpace:
        """Where its motion lies."""
        return MouthSpace.from_arrays({k: v.numpy() for k, v in self.motion.file.extras.items()})

    @property
    def generator(self) -> LipsyncNetwork | None:
        """The generator."""
        if self.lipsync is None:
            return None
        assert isinstance(self.lipsync.file.network, LipsyncNetwork)
        return self.lipsync.file.network

    @property
    def purpose(self) -> Purpose:
        """Research if any of them is."""
        bases = [self.motion, *([self.lipsync] if self.lipsync else [])]
        return "research" if any(base.purpose == "research" for base in bases) else "commercial"


def find_bases(
    motion: str | None, lipsync: str | None, purpose: Purpose, record_sha256: str
) -> Bases:
    """The networks of these names or files, or the best for ``purpose``.

    ``lipsync`` "none" leaves the generator out; so does there being none for the purpose.

    Raises:
        WeightsError: one cannot be read, or is of another kind.
        ConsentError: research weights for commercial work; weights of a person under another
            consent record than that of hash ``record_sha256``.
    """
    moving = _base(motion or best_motion(purpose).name, "motion", purpose)
    refuse_other_consent(moving.name, moving.file.metadata, record_sha256)
    if lipsync is None:
        lipsync = next((entry.name for entry in _fitting("lipsync", purpose)), NONE)
    if lipsync == NONE:
        return Bases(moving, None, None)
    painting = _base(lipsync, "lipsync", purpose)
    refuse_other_consent(painting.name, painting.file.metadata, record_sha256)
    return Bases(moving, painting, _judge(purpose))


def _judge(purpose: Purpose) -> PatchDiscriminator | None:
    """The shipped discriminator of still mouths, if there is one for ``purpose``."""
    for entry in _fitting("patch-discriminator", purpose):
        judge = files.read(entry.path, entry.sha256).network
        assert isinstance(judge, PatchDiscriminator)
        if (judge.config.channels, judge.config.condition) == (3, MAPS):  # others judge films
            return judge
    return None


def _fitting(kind: str, purpose: Purpose) -> list[manifest.Entry]:
    """Named weights that a purpose allows, its own first."""
    found = [
        entry
        for entry in manifest.list_weights()
        if entry.kind == kind and (purpose == "research" or entry.purpose == "commercial")
    ]
    return sorted(found, key=lambda entry: entry.purpose != purpose)


def _base(name: str, kind: str, purpose: Purpose) -> Base:
    if "/" in name or os.sep in name or name.endswith(".safetensors"):
        path = Path(name)
        parts, called = read_parts(path), path.stem
    else:
        entry = manifest.find(name)
        parts, called = read_parts(entry.path, entry.sha256), entry.name
    if kind not in parts:
        raise WeightsError(f"holds no {kind} network", name)
    base = Base(called, parts[kind])
    if base.purpose == "research" and purpose == "commercial":
        raise ConsentError(
            f"the consent is for commercial work, which excludes {base.name}",
            hint="use weights without -research",
        )
    return base
