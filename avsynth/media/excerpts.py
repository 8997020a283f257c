"""Some sound of a file, however long it is: stretches spread over the whole of it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from avsynth.media.audio import Samples, read_audio
from avsynth.media.opening import StrPath
from avsynth.media.probe import probe

_STRETCHES = 8


def sound_excerpts(path: StrPath, rate: int, seconds: int) -> list[Samples]:
    """Mono samples (N,) of at most ``seconds`` in all: the whole sound where it is no longer.

    Of a longer one eight stretches of equal length, the first at the beginning and the last at the
    end; its first ``seconds`` where nobody knows how long it is.

    Raises:
        InputError: it cannot be read, or holds no sound.
    """
    info = probe(path)
    length = info.audio[0].duration or info.duration if info.audio else None
    if length is None or length <= seconds:
        return _read(path, rate, None, Fraction(seconds))
    start = info.audio[0].start
    stretch = Fraction(seconds, _STRETCHES)
    apart = (length - stretch) / (_STRETCHES - 1)
    begins = [start + apart * number for number in range(_STRETCHES)]
    found = [piece for begin in begins for piece in _read(path, rate, begin, stretch)]
    return found or _read(path, rate, None, Fraction(seconds))


def _read(path: StrPath, rate: int, start: Fraction | None, seconds: Fraction) -> list[Samples]:
    """The sound from ``start`` on as one piece; none where there is none."""
    pieces: list[Samples] = []
    wanted = round(seconds * rate)
    # By count, not by time: a stream may begin at any time.
    for chunk in read_audio(path, rate, start=start):
        pieces.append(chunk.samples[:wanted])
        wanted -= len(pieces[-1])
        if wanted <= 0:
            break
    return [np.concatenate(pieces)] if pieces else []
