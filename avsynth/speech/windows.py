"""A stream of sound in overlapping windows of whole motion steps, in constant memory.

Training features and predictions are both made from these windows, so that a network hears at work
what it heard when it was trained.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avsynth.speech.activity import speech_level
from avsynth.speech.front_end import RATE, STEP
from avsynth.speech.mel import SAMPLE_RATE

Floats = NDArray[np.float32]

KEPT = 10 * RATE  # steps of a window that are used
CONTEXT = RATE  # steps heard on either side of them


class Chunk(Protocol):
    """The part of an audio chunk that is needed here (see ``avsynth.media.AudioChunk``)."""

    @property
    def time(self) -> Fraction:
        """Time of the first sample, seconds."""

    @property
    def rate(self) -> int:
        """Samples a second."""

    @property
    def samples(self) -> Floats:
        """Mono samples (n,)."""


@dataclasses.dataclass(frozen=True)
class Window:
    """``samples`` (N,), N a multiple of 640, at 16 kHz; steps ``used`` of it are to be kept.

    ``level`` is the speech level to normalise by: that of the window, or half of what it was
    before, so that a pause is not made loud.
    """

    samples: Floats
    used: slice
    level: float


class Windows:
    """Windows over 16 kHz mono chunks in order of time, without gaps. ``start`` is known after
    the first window: the time of the first sample. ValueError for another sample rate.
    """

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._chunks = chunks
        self._level = 0.0
        self.start: Fraction | None = None

    def __iter__(self) -> Iterator[Window]:
        held = np.zeros(0, np.float32)
        before = 0  # steps of context at the start of what is held
        for samples in self._sound():
            held = np.concatenate([held, samples])
            while len(held) >= (before + KEPT + CONTEXT) * STEP:
                whole = before + KEPT + CONTEXT
                yield self._window(held[: whole * STEP], before, KEPT)
                held = held[(before + KEPT - CONTEXT) * STEP :]
                before = CONTEXT
        steps = -(-(len(held) - before * STEP) // STEP)
        if self.start is not None and steps > 0:
            whole = (before + steps) * STEP
            yield self._window(np.pad(held, (0, whole - len(held))), before, steps)

    def _window(self, samples: Floats, before: int, kept: int) -> Window:
        self._level = max(speech_level(samples), self._level / 2)
        return Window(samples, slice(before, before + kept), self._level)

    def _sound(self) -> Iterator[Floats]:
        for chunk in self._chunks:
            if chunk.rate != SAMPLE_RATE:
                raise ValueError(f"motion is made from {SAMPLE_RATE} Hz sound, not {chunk.rate}")
            if self.start is None and len(chunk.samples):
                self.start = chunk.time
            yield np.nan_to_num(chunk.samples, posinf=0.0, neginf=0.0).astype(np.float32)
