"""Who converts a voice: the contract of its engines, neural or WORLD.

An engine hears 16 kHz mono sound twice: once to ``listen`` (what the voice is like that is to be
changed), once to ``convert`` it. Both times it comes as chunks of any length, however long it is,
and what comes out does not depend on how it was cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from avsynth.models.voice_print import Voice
    from avsynth.speech.pitch_track import PitchStatistics

Floats = NDArray[np.float32]


class Shifts(NamedTuple):
    """What is changed beside the voice, in semitones: 12 is an octave up, negative is down.

    ``pitch`` moves the fundamental frequency, ``formant`` the resonances of the vocal tract.
    """

    pitch: float = 0.0
    formant: float = 0.0


@dataclass(frozen=True)
class SourceVoice:
    """The voice that is to be changed, as ``VoiceEngine.listen`` heard it.

    Attributes:
        level: its loudness by ``activity.speech_level``; engines bring it to ``SPEECH_LEVEL``.
        pitch: statistics of its log fundamental frequency, over voiced frames.
        spectrum_mean: (80,) mean log-mel of active frames at ``SPEECH_LEVEL``.
        spectrum_std: (80,) their standard deviation.
        active_seconds: how long somebody speaks; 0 where nobody does.
    """

    level: float
    pitch: PitchStatistics
    spectrum_mean: Floats
    spectrum_std: Floats
    active_seconds: float


class VoiceEngine(Protocol):
    """Changes one voice into another, piece by piece.

    ``convert`` says how the parts go together: as many samples as come in, aligned in time. Memory
    is constant, and nothing but rounding depends on how the input is cut. The level follows that of
    the input roughly; the pipeline matches it.

    Attributes:
        name: such as "world" or the name of the weights.
        rate: samples a second that it takes and gives.
    """

    name: str
    rate: int

    def listen(self, chunks: Iterable[Floats]) -> SourceVoice:
        """Describe the voice in samples (n,) at ``rate``, in constant memory.

        Sound without a voice gives ``active_seconds`` of 0; the caller decides what that means.
        """
        ...

    def pieces(self, chunks: Iterable[Floats], source: SourceVoice) -> Iterator[Any]:
        """The stream in pieces that hold all that is to be heard for them; to be pickled."""
        ...

    def remake(self, piece: Any, source: SourceVoice, target: Voice, shifts: Shifts) -> Any:
        """What is made of a piece, by itself: a pure function of the arguments, to be pickled."""
        ...

    def join(self, made: Iterable[Any], source: SourceVoice) -> Iterator[Floats]:
        """Samples of what was made of all pieces, in order."""
        ...


def convert(
    engine: VoiceEngine, chunks: Iterable[Floats], source: SourceVoice, target: Voice,
    shifts: Shifts,
) -> Iterator[Floats]:  # fmt: skip
    """The same words in the voice of ``target``, all of it made here."""
    pieces = engine.pieces(chunks, source)
    return engine.join((engine.remake(each, source, target, shifts) for each in pieces), source)
