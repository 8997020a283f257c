"""``read_audio``: one audio stream as float samples on an unbroken time line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av.container
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from avsynth.errors import InputError
from avsynth.media.opening import StrPath, demuxed, open_input

Samples = NDArray[np.float32]

_TOLERANCE = Fraction(1, 100)  # seconds that time stamps may stray before the time line follows
_JUMP = 10  # seconds ahead that one time stamp alone is not believed
_LONGEST_GAP = 86400  # seconds of silence that are filled in
_PREROLL = Fraction(1, 2)  # seconds decoded before a start in mid-stream, for codecs with memory
_BLOCK = Fraction(1, 4)  # seconds in a chunk, about
_WEIGHTS = {"LFE": 0.0, "LFE2": 0.0, "FC": 1.0, "FL": 0.7071, "FR": 0.7071}  # others 0.5


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A run of samples. ``time`` is that of the first one, in seconds; chunks follow on exactly.

    ``samples`` is float32, (n,) mono or (n, channels), nominally within -1 to 1 but not clipped.
    """

    time: Fraction
    rate: int
    samples: Samples

    @property
    def end(self) -> Fraction:
        """Time just after the last sample."""
        return self.time + Fraction(len(self.samples), self.rate)


def read_audio(
    path: StrPath,
    rate: int,
    start: Fraction | None = None,
    stop: Fraction | None = None,
    stream: int = 0,
    mono: bool = True,
) -> Iterator[AudioChunk]:
    """Read an audio stream, resampled to ``rate`` where it differs.

    The first chunk starts at the stream's own start (which may lie after or before 0), or at the
    first sample at or after ``start``. Gaps in the stream come as silence, overlaps are cut; NaN
    and infinity come as 0; damaged packets leave silence. Several channels are mixed to mono with
    the usual weights (stereo in equal parts).

    Args:
        path: A local media file.
        rate: Samples a second wanted.
        start: First time wanted, in seconds.
        stop: End of the range in seconds, not included.
        stream: Which of the file's audio streams, from 0.
        mono: Mix down; otherwise samples are (n, channels).

    Raises:
        InputError: (on the first ``next``) not readable, no such audio stream, or nothing decodes.
    """
    blocks = _unbroken(path, stream, mono, start)
    for chunk in _resampled(blocks, rate):
        chunk = _cut(chunk, start, stop)
        if len(chunk.samples):
            yield chunk
        if stop is not None and chunk.end >= stop:
            return


def _cut(chunk: AudioChunk, start: Fraction | None, stop: Fraction | None) -> AudioChunk:
    count = len(chunk.samples)
    first, last = 0, count
    if start is not None:
        first = min(count, max(0, math.ceil((start - chunk.time) * chunk.rate)))
    if stop is not None:
        last = min(count, max(first, math.ceil((stop - chunk.time) * chunk.rate)))
    if (first, last) == (0, count):
        return chunk
    time = chunk.time + Fraction(first, chunk.rate)
    return AudioChunk(time, chunk.rate, chunk.samples[first:last])


def _resampled(blocks: Iterator[AudioChunk], rate: int) -> Iterator[AudioChunk]:
    """Change the rate, channel by channel (which works for every layout)."""
    resamplers: list[AudioResampler] = []
    origin, source, done = Fraction(0), 0, 0
    for block in blocks:
        if block.rate == rate:
            yield block
            continue
        if not resamplers:
            origin, source = block.time, block.rate
            channels = 1 if block.samples.ndim == 1 else block.samples.shape[1]
            resamplers = [AudioResampler("fltp", "mono", rate) for _ in range(channels)]
        samples = _through(resamplers, block.samples, source)
        if len(samples):
            yield AudioChunk(origin + Fraction(done, rate), rate, samples)
            done += len(samples)
    if resamplers:
        yield AudioChunk(origin + Fraction(done, rate), rate, _through(resamplers, None, source))


def _through(resamplers: list[AudioResampler], samples: Samples | None, source: int) -> Samples:
    """Push one block through; None flushes. Returns (n,) or (n, channels)."""
    columns = []
    for index, resampler in enumerate(resamplers):
        frame = None
        if samples is not None:
            column = samples if samples.ndim == 1 else samples[:, index]
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(column)[None], "fltp", "mono")
            frame.sample_rate = source
        parts: list[NDArray[Any]] = [out.to_ndarray()[0] for out in resampler.resample(frame)]
        columns.append(np.concatenate(parts) if parts else np.empty(0, np.float32))
    mixed = columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
    return np.ascontiguousarray(mixed, np.float32)


def _unbroken(
    path: StrPath, index: int, mono: bool, start: Fraction | None
) -> Iterator[AudioChunk]:
    """Decoded audio at its own rate without gaps or overlaps, in blocks of about ``_BLOCK``."""
    origin: Fraction | None = None
    rate = done = waiting = 0
    parts: list[Samples] = []
    for frame, time in _believable(_decoded(path, index, start)):
        samples = _floats(frame, mono)
        if origin is None:
            rate = frame.sample_rate
            origin = time if time is not None else Fraction(0)
        elif frame.sample_rate != rate or (parts and parts[0].shape[1:] != samples.shape[1:]):
            raise InputError("its audio changes rate or channels in the middle", path)
        if time is not None:
            ahead = time - (origin + Fraction(done + waiting, rate))
            gap = round(ahead * rate)
            if ahead > _LONGEST_GAP:
                hint = "its time stamps are damaged"
                raise InputError(f"its audio has a gap of {float(ahead):.3g} s", path, hint)
            if ahead > _TOLERANCE:
                for length in _pieces(gap, rate):
                    silence = np.zeros((length, *samples.shape[1:]), np.float32)
                    yield from _flush(parts, origin, done, rate)
                    done, waiting, parts = done + waiting, 0, []
                    yield AudioChunk(origin + Fraction(done, rate), rate, silence)
                    done += length
            elif ahead < -_TOLERANCE:
                samples = samples[-gap:]
        parts.append(samples)
        waiting += len(samples)
        if waiting >= _BLOCK * rate:
            yield from _flush(parts, origin, done, rate)
            done, waiting, parts = done + waiting, 0, []
    if origin is None:
        if start is None:
            raise InputError("none of its audio can be decoded", path)
        return
    yield from _flush(parts, origin, done, rate)


def _believable(
    decoded: Iterator[tuple[AudioFrame, Fraction | None]],
) -> Iterator[tuple[AudioFrame, Fraction | None]]:
    """Without times far ahead of the frame before that the frame after does not bear out.

    Followed, one damaged time stamp would give hours of silence and lose all sound after it.
    """
    end: Fraction | None = None  # of the frame before
    nothing: list[tuple[AudioFrame | None, Fraction | None]] = [(None, None)]
    for (frame, time), (_, following) in itertools.pairwise(itertools.chain(decoded, nothing)):
        assert frame is not None
        ahead = time is not None and end is not None and time > end + _JUMP
        if ahead and time is not None and following is not None and following < time:
            time = None
        end = end if time is None else time
        if end is not None:
            end += Fraction(frame.samples, frame.sample_rate or 1)
        yield frame, time


def _flush(parts: list[Samples], origin: Fraction, done: int, rate: int) -> Iterator[AudioChunk]:
    if sum(map(len, parts)):
        yield AudioChunk(origin + Fraction(done, rate), rate, np.concatenate(parts))


def _pieces(count: int, rate: int) -> Iterator[int]:
    """A long silence in pieces of a second: memory stays constant."""
    for begin in range(0, count, rate):
        yield min(rate, count - begin)


def _floats(frame: AudioFrame, mono: bool) -> Samples:
    """Samples as float32 (n,) or (n, channels), finite."""
    raw = frame.to_ndarray()
    channels = frame.layout.nb_channels
    data: NDArray[Any] = raw.T if frame.format.is_planar else raw.reshape(-1, channels)
    if data.dtype == np.uint8:
        data = (data.astype(np.float32) - 128) / 128
    elif data.dtype.kind == "i":
        data = data.astype(np.float32) / float(-np.iinfo(data.dtype).min)
    if not mono:
        mixed = data
    elif channels == 1:
        mixed = data[:, 0]
    else:
        names = [channel.name for channel in frame.layout.channels]
        weights = np.array([_WEIGHTS.get(name, 0.5) for name in names])
        mixed = data @ (weights / weights.sum()).astype(np.float32)
    return np.nan_to_num(np.asarray(mixed, np.float32), nan=0.0, posinf=0.0, neginf=0.0)


def _decoded(
    path: StrPath, index: int, start: Fraction | None
) -> Iterator[tuple[AudioFrame, Fraction | None]]:
    """Decoded frames with their times in seconds."""
    with open_input(path) as container:
        streams = container.streams.audio
        if index >= len(streams):
            count = {0: "no audio", 1: "one audio stream"}.get(
                len(streams), f"{len(streams)} audio streams"
            )
            wanted = "" if index == 0 else f", number {index + 1} was asked for"
            raise InputError(f"has {count}{wanted}", path)
        stream = streams[index]
        if stream.codec_context is None:
            raise InputError("its audio is in a format that cannot be decoded", path)
        if start is not None:
            _seek(container, stream, start)
        for packet in demuxed(container, stream):
            try:
                frames = stream.decode(packet)
            except av.error.EOFError:
                return
            except av.error.MemoryError:
                raise
            except av.error.FFmpegError:
                continue  # the time line fills what is missing with silence
            for frame in frames:
                base = frame.time_base or stream.time_base
                yield frame, None if frame.pts is None or base is None else frame.pts * base


def _seek(container: av.container.InputContainer, stream: AudioStream, start: Fraction) -> None:
    """Go a little before ``start`` when that lies inside; else stay at the beginning."""
    base = stream.time_base or Fraction(1, 90000)
    target = int((start - _PREROLL) / base)
    if target > (stream.start_time or 0):
        container.seek(target, stream=stream)
