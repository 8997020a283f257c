"""``read_frames``: a file's pictures, one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from fractions import Fraction
from types import TracebackType
from typing import Self

import av.container
import av.error
import numpy as np
from av.codec.context import ThreadType
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from avsynth.errors import InputError
from avsynth.media.frame import Frame
from avsynth.media.opening import StrPath, checked_size, demuxed, main_video, open_input
from avsynth.media.orientation import Orientation
from avsynth.media.planes import native_format
from avsynth.media.sidedata import side_data
from avsynth.media.timeline import Clock, packet_times

_READ_ERRORS = 64  # in a row, before what follows is given up


class FrameReader(Iterator[Frame]):
    """Iterator of ``read_frames``; also a context manager, to stop early.

    Attributes:
        damaged: Packets skipped because they did not decode, and pictures that the decoder had to
            patch, so far.
    """

    def __init__(self, path: StrPath, start: int | None, stop: int | None, threads: int) -> None:
        """See ``read_frames``."""
        self.damaged = 0
        self._path = path
        self._threads = threads
        self._frames = self._read(start, stop)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        return next(self._frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; further frames are not to be had."""
        self._frames.close()

    def _read(self, start: int | None, stop: int | None) -> Generator[Frame, None, None]:
        times = None if start is None else packet_times(self._path)
        if start is not None and times is not None:
            later = times[np.searchsorted(times, start) :]
            if len(later) == 0:
                return
            if start > times[0]:
                frames = self._decode(start)
                first = next((frame for frame in frames if frame.pts >= start), None)
                if first is not None and first.pts == later[0]:
                    yield from _until(itertools.chain([first], frames), stop)
                    return
                # Seeking landed where the decoder cannot start: the long way round.
                frames.close()
                self.damaged = 0
        frames = self._decode(None)
        yield from _until((f for f in frames if start is None or f.pts >= start), stop)

    def _decode(self, start: int | None) -> Generator[Frame, None, None]:
        """All frames, or those from the key frame before ``start`` on."""
        decoded = 0
        with ExitStack() as stack:
            container = stack.enter_context(open_input(self._path))
            stream = self._open_stream(container)
            packets = self._packets(container, stream)
            if start is not None:
                found = _seek(container, stream, start)
                if found is None:
                    return
                packets = itertools.chain([found], packets)
            clock, shape = Clock(stream), _Shape(stream)
            time_base = stream.time_base or Fraction(1, 90000)
            orientation: Orientation | None = None
            for raw in self._pictures(stream, packets):
                if orientation is None:
                    matrix = side_data(raw).get("DISPLAYMATRIX", b"")
                    orientation = Orientation.from_matrix(matrix)
                pts = clock.stamp(raw)
                self.damaged += raw.is_corrupt
                decoded += 1
                yield Frame(shape.fit(raw), pts, time_base, orientation)
        if not decoded and start is None:
            raise InputError("no picture in it can be decoded", self._path)

    def _open_stream(self, container: av.container.InputContainer) -> VideoStream:
        stream = main_video(container)
        if stream is None:
            raise InputError("has no video", self._path)
        checked_size(stream.codec_context.width, stream.codec_context.height, self._path)
        stream.codec_context.thread_type = ThreadType.AUTO
        stream.codec_context.thread_count = self._threads
        return stream

    def _packets(
        self, container: av.container.InputContainer, stream: VideoStream
    ) -> Iterator[Packet[VideoStream]]:
        """Packets of the stream, going on after read errors while there is progress."""
        errors = 0
        while errors < _READ_ERRORS:
            try:
                for packet in demuxed(container, stream):
                    if packet.size:
                        errors = 0
                        yield packet
                return
            except av.error.FFmpegError:
                errors += 1
                self.damaged += 1

    def _pictures(
        self, stream: VideoStream, packets: Iterator[Packet[VideoStream]]
    ) -> Iterator[VideoFrame]:
        for packet in itertools.chain(packets, [None]):
            try:
                yield from stream.decode(packet)
            except av.error.EOFError:
                return
            except av.error.MemoryError:
                raise
            except av.error.FFmpegError:
                self.damaged += 1


class _Shape:
    """Brings every picture to the size and planar format that the stream's header promised."""

    def __init__(self, stream: VideoStream) -> None:
        context = stream.codec_context
        self._size = context.width, context.height
        self._format = native_format(context.format.name) if context.format else None
        self._scaler = VideoReformatter()

    def fit(self, raw: VideoFrame) -> VideoFrame:
        if self._format is None:
            self._format = native_format(raw.format.name)
        if (raw.width, raw.height) == self._size and raw.format.name == self._format:
            return raw
        return self._scaler.reformat(
            raw,
            *self._size,
            self._format,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
            threads=1,
        )


def _seek(
    container: av.container.InputContainer, stream: VideoStream, start: int
) -> Packet[VideoStream] | None:
    """Go to a key frame shown at or before ``start``; its packet, or None where that fails.

    Containers seek by decoding time, so the key frame found may be shown *after* ``start``.
    """
    second = max(1, int(1 / stream.time_base)) if stream.time_base else 1
    target, back = start, second
    for _ in range(12):
        try:
            container.seek(target, stream=stream)
            packet = next(packet for packet in demuxed(container, stream))
        except av.error.FFmpegError:
            return None
        if packet.size and packet.is_keyframe and packet.pts is not None and packet.pts <= start:
            return packet
        target, back = target - back, back * 2
    return None


def _until(frames: Iterator[Frame], stop: int | None) -> Iterator[Frame]:
    return itertools.takewhile(lambda frame: stop is None or frame.pts < stop, frames)


def read_frames(
    path: StrPath, start: int | None = None, stop: int | None = None, threads: int = 0
) -> FrameReader:
    """Read the main video's frames in presentation order, each exactly once.

    Times increase strictly; missing or repeated time stamps are repaired as ``Clock`` says, in the
    same way whether or not ``start`` is given. Damaged packets are skipped and counted in
    ``.damaged`` of the returned iterator; a truncated file gives what can be decoded. Pictures that
    change size or format in mid-stream are scaled to that of the header; packed pixel formats come
    as the planar format of the same depth.

    Args:
        path: A local media file.
        start: First time wanted, in the video stream's time base; seeks to the key frame before.
        stop: End of the range, not included.
        threads: Decoder threads; 0 for as many as there are processors.

    Raises:
        InputError: (on the first ``next``) not readable, without video, no picture decodes, or
            pictures of no or enormous size.
    """
    return FrameReader(path, start, stop, threads)
