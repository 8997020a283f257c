"""A voice converted on a cluster: pieces of the sound are remade there, and joined here.

A piece is a window of about eight seconds with what is heard around it; what is made of it depends
on nothing else, so the result is that of one process. Hearing the voice, joining the pieces and
finishing the file stay with the driver.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avsynth.cluster.connection import Cluster
from avsynth.cluster.files import run_with_files
from avsynth.cluster.worker import alive
from avsynth.errors import ResourceError
from avsynth.models.voice_engine import Shifts, SourceVoice
from avsynth.models.voice_print import Voice
from avsynth.pipelines.stages import grouped
from avsynth.weights.elsewhere import NetworkFile
from avsynth.weights.voice_engines import ConversionModels, voice_engine

_TOGETHER = 4  # pieces that go to a worker at once: about half a minute

#: Makes of the pieces of a sound what is joined, in order.
Remake = Callable[[Iterator[Any], SourceVoice], Iterator[Any]]
_Numbered = tuple[int, list[Any]]


@dataclass(frozen=True)
class VoiceWork:
    """How pieces of one voice are remade. ``networks`` are the engine's; WORLD has none."""

    networks: Sequence[NetworkFile]
    source: SourceVoice
    target: Voice
    shifts: Shifts

    @property
    def files(self) -> Sequence[Path]:
        """The networks."""
        return [network.path for network in self.networks]

    def begin(self, here: Mapping[Path, Path]) -> Callable[[_Numbered], bytes]:
        """See ``cluster.files.Work``."""
        engine = voice_engine(*(network.load(here[network.path]) for network in self.networks))

        def together(unit: _Numbered) -> bytes:
            made = []
            for piece in unit[1]:
                made.append(engine.remake(piece, self.source, self.target, self.shifts))
                alive()
            return pickle.dumps(made)  # as Ray hands arrays over, nobody may write to them

        return together


def remade(
    models: ConversionModels, target: Voice, shifts: Shifts, cluster: Cluster | None
) -> Remake:
    """In the voice of ``target``: on ``cluster``, or one piece after the other in this process.

    Raises, when it is iterated:
        ResourceError: the cluster cannot be used, or lost a piece with every try.
        AvsynthError: as a worker raised it.
    """
    if cluster is None:
        remake = models.voice.remake
        return lambda pieces, source: (remake(each, source, target, shifts) for each in pieces)
    networks = [NetworkFile.of(model) for model in models.loaded]

    def all_of_them(pieces: Iterator[Any], source: SourceVoice) -> Iterator[Any]:
        work = VoiceWork(networks, source, target, shifts)
        waiting: dict[int, list[Any]] = {}
        following = 0
        for done in run_with_files(cluster, work, enumerate(grouped(pieces, _TOGETHER))):
            if done.result is None:
                raise ResourceError(f"a part could not be converted: {done.lost}")
            waiting[done.unit[0]] = pickle.loads(done.result)
            while following in waiting:
                yield from waiting.pop(following)
                following += 1

    return all_of_them
