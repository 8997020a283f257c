"""A network as another process loads it: the same file, for the same engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from avsynth.weights import file as files
from avsynth.weights.registry import LoadedModel, make_ready
from avsynth.weights.subject import PARTS, read_parts


@dataclass(frozen=True)
class NetworkFile:
    """What is to be loaded: ``kind`` out of the file ``path`` with that hash. Can be pickled."""

    name: str
    kind: str
    path: Path
    sha256: str
    engine: str

    @classmethod
    def of(cls, model: LoadedModel) -> NetworkFile:
        """The file and engine of a network that is loaded here."""
        return cls(model.name, model.kind, model.path, model.sha256, model.engine)

    def load(self, path: Path) -> LoadedModel:
        """The network from where the file lies now, for one caller, on the processor.

        Raises:
            WeightsError: missing, another file, or an engine that is not installed here.
        """
        if self.kind in PARTS:
            source = read_parts(path, self.sha256)[self.kind]
        else:
            source = files.read(path, self.sha256)
        return make_ready(self.name, source, self.engine, "cpu")
