"""Sound of one rate to another as a stream, sample for sample in time."""

from __future__ import annotations

from typing import Any

import numpy as np

from avsynth.media.audio import Samples


class Resampler:
    """Changes the rate of a stream by soxr, whose delay is taken out.

    The output begins with the first sample's time and is ``round(n * target / source)`` samples
    long, give or take one. Nothing depends on how the stream is cut.
    """

    def __init__(self, source: int, target: int, channels: int = 1) -> None:
        """From ``source`` to ``target`` samples a second."""
        import soxr

        self._channels = channels
        self._stream: Any = None
        if source != target:
            self._stream = soxr.ResampleStream(source, target, channels, "float32", "HQ")

    def push(self, samples: Samples) -> Samples:
        """Samples (n,), or (n, channels) of several, -> what is ready of the output."""
        if self._stream is None or not len(samples):
            return samples
        made: Samples = self._stream.resample_chunk(np.ascontiguousarray(samples, np.float32))
        return made

    def flush(self) -> Samples:
        """What is left at the end; call once."""
        empty = np.zeros(0 if self._channels == 1 else (0, self._channels), np.float32)
        if self._stream is None:
            return empty
        made: Samples = self._stream.resample_chunk(empty, last=True)
        return made
