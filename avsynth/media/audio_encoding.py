"""The audio encoder behind ``Writer`` and ``join``."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.container
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet

from avsynth.errors import UsageError
from avsynth.media.audio import AudioChunk, Samples
from avsynth.media.opening import StrPath

_BY_SUFFIX = {".mp4": "aac", ".m4v": "aac", ".m4a": "aac", ".mov": "aac", ".webm": "libopus",
              ".mkv": "aac", ".wav": "pcm_s16le", ".flac": "flac", ".nut": "pcm_s16le",
              ".ts": "aac", ".avi": "libmp3lame"}  # fmt: skip
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


def audio_codec_for(path: StrPath) -> str:
    """The encoder that suits a container, by its suffix.

    Raises:
        UsageError: a suffix that is not one of the known containers.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _BY_SUFFIX:
        raise UsageError(f"unknown kind of output {suffix!r}", path, ", ".join(sorted(_BY_SUFFIX)))
    return _BY_SUFFIX[suffix]


class AudioEncoder:
    """An audio stream of an output container, fed with chunks that follow on each other."""

    def __init__(
        self, container: av.container.OutputContainer, codec: str, rate: int, channels: int = 1,
        layout: str | None = None, sample_format: str | None = None,
    ) -> None:  # fmt: skip
        """Add the stream; codecs that know few sample rates get the nearest one above.

        ``layout`` is by default the usual one of so many channels, ``sample_format`` the first of
        those that the codec knows.
        """
        coded = next((r for r in _OPUS_RATES if r >= rate), 48000) if codec == "libopus" else rate
        stream: Any = container.add_stream(codec, rate=coded)
        stream.codec_context.layout = layout or _LAYOUTS.get(channels, f"{channels}c")
        if sample_format is not None:
            stream.codec_context.format = sample_format
        if codec in ("aac", "libopus", "libmp3lame"):
            stream.codec_context.bit_rate = channels * min(128_000, 4 * coded)
        stream.codec_context.time_base = Fraction(1, coded)
        stream.time_base = Fraction(1, coded)
        self.stream: AudioStream = stream
        self._rate = rate
        self._channels = channels
        self._position: int | None = None

    def encode(self, samples: Samples, time: Fraction | None = None) -> list[Packet[AudioStream]]:
        """Encode (n,) or (n, channels) float32 samples, clipped to -1..1 where the codec must.

        Args:
            samples: What follows on the samples before.
            time: Time of the first sample; heeded in the first call only.

        Raises:
            ValueError: the number of channels is not the stream's.
        """
        if self._position is None:
            self._position = round((time or Fraction(0)) * self._rate)
        if len(samples) == 0:
            return []
        columns = samples.reshape(len(samples), -1)
        if columns.shape[1] != self._channels:
            raise ValueError(f"{columns.shape[1]} channels for a stream of {self._channels}")
        finite = np.nan_to_num(columns.T, nan=0.0, posinf=0.0, neginf=0.0)
        planes = np.ascontiguousarray(np.clip(finite, -1, 1), np.float32)
        frame = AudioFrame.from_ndarray(planes, "fltp", self.stream.codec_context.layout.name)
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._position
        self._position += len(samples)
        return list(self.stream.encode(frame))

    def flush(self) -> list[Packet[AudioStream]]:
        """What the encoder still holds; call once, at the end."""
        return list(self.stream.encode(None)) if self._position is not None else []

    def packets(self, chunks: Iterator[AudioChunk]) -> Iterator[Packet[AudioStream]]:
        """All packets of ``chunks``, made as they are asked for."""
        for chunk in chunks:
            yield from self.encode(chunk.samples, chunk.time)
        yield from self.flush()
