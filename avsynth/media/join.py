"""``join``: segments, new sound and everything else of the source into one file."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

from avsynth.errors import InputError, UsageError
from avsynth.media.audio import AudioChunk
from avsynth.media.audio_encoding import AudioEncoder, audio_codec_for
from avsynth.media.info import MediaInfo, VideoInfo
from avsynth.media.opening import StrPath, demuxed, open_input
from avsynth.media.output import atomic_output, close_quietly, same_file, writing
from avsynth.media.segments import segment_lead
from avsynth.media.streamcopy import (
    StreamCopier,
    copied_metadata,
    copy_tags,
    moment,
    needs_free_tags,
    shift,
    tag_video,
)
from avsynth.media.timing import Ticks, decoding_times, reorder_depth

_LOSSLESS = {"flac", "alac", "truehd", "wavpack", "tta"}
_MP4_LIKE = {".mp4", ".m4v", ".mov"}


@dataclass(frozen=True, slots=True)
class Joined:
    """What ``join`` did: pictures written, and streams that the container could not hold."""

    frames: int
    dropped: tuple[str, ...]


def join(
    out: StrPath,
    segments: Sequence[StrPath],
    source: StrPath,
    info: MediaInfo,
    audio: Iterable[AudioChunk] | None = None,
    audio_rate: int = 48000,
    replace_audio: int | None = 0,
    copy_streams: bool = True,
    sound_only: bool = False,
) -> Joined:
    """Write ``out`` from encoded segments, without encoding pictures again.

    The video is that of the segments, with their exact times. ``audio`` is encoded as the first
    sound stream in place of the source's ``replace_audio``; the source's other streams, chapters
    and tags are copied; text subtitles are converted where the container wants another kind. When
    the source's pictures start before 0, which these containers cannot say, everything is moved to
    start at 0. The file appears when it is complete. One pass, constant memory.

    Args:
        out: .mp4, .m4v, .mov, .mkv or .webm.
        segments: Files of ``SegmentWriter`` in order, with times in the source's video time base.
        source: Where everything else comes from.
        info: ``probe(source)``.
        audio: The new sound, mono or (n, channels), chunks that follow on each other.
        audio_rate: Its samples a second.
        replace_audio: Which of the source's audio streams the new sound replaces; None keeps all.
        copy_streams: False leaves out the source's other streams and chapters, for a result whose
            time line is not the source's.
        sound_only: Of the source's other streams copy only sound: no chapters, no covers.

    Raises:
        UsageError: no segments, unknown container, output equal to input, or a codec that the
            container cannot hold.
        InputError: segments that do not fit together, or an unreadable source.
        ResourceError: the output cannot be written.
    """
    if not segments or info.video is None:
        raise UsageError("nothing to join: no segments, or a source without video", source)
    if same_file(out, source):
        raise UsageError("the output would overwrite the input", out)
    survey = _Survey(segments, info.video)
    metadata = copied_metadata(info.metadata)
    options = _muxer_options(out, info.video, metadata)
    late = max(Fraction(0), -info.video.start)
    with ExitStack() as stack:
        temporary = stack.enter_context(atomic_output(out))
        origin = stack.enter_context(open_input(source))
        target = av.open(str(temporary), "w", container_options=options)
        stack.callback(close_quietly, target)
        target.metadata.update(metadata)
        video = _add_video(target, segments[0], out)
        tag_video(video, info.video)
        copy_tags(origin.streams[info.video.index], video)
        replaced = None
        if replace_audio is not None and replace_audio < len(info.audio):
            replaced = info.audio[replace_audio]
        flows: list[Iterator[Packet[Any]]] = [survey.packets(video)]
        if audio is not None:
            chunks = iter(audio)
            first = next(chunks, None)
            if first is not None:
                codec = audio_codec_for(out)
                if Path(out).suffix.lower() == ".mkv" and replaced and _is_lossless(replaced.codec):
                    codec = "flac"
                channels = 1 if first.samples.ndim == 1 else first.samples.shape[1]
                encoder = AudioEncoder(target, codec, audio_rate, channels)
                if replaced is not None:
                    copy_tags(origin.streams[replaced.index], encoder.stream)
                flows.append(encoder.packets(itertools.chain([first], chunks)))
        dropped: list[str] = []
        if copy_streams:
            leave_out = {info.video.index}
            if audio is not None and replaced is not None:
                leave_out.add(replaced.index)
            if sound_only:
                leave_out |= {s.index for s in origin.streams if s.type != "audio"}
            copier = StreamCopier(origin, target, leave_out, out)
            dropped = copier.dropped
            if not sound_only:
                target.set_chapters(origin.chapters())
            flows.append(copier.packets())
        for packet in heapq.merge(*flows, key=moment):
            shift(packet, late)
            with writing(out):
                target.mux(packet)
        with writing(out):
            target.close()
    return Joined(survey.frames, tuple(dropped))


def _muxer_options(out: StrPath, video: VideoInfo, metadata: dict[str, str]) -> dict[str, str]:
    options = {"avoid_negative_ts": "disabled"}  # times are the source's, before 0 too
    if Path(out).suffix.lower() in _MP4_LIKE:
        # A late start is stored in ticks of the whole file: they must be as fine as the video's.
        clock = video.time_base.denominator
        options["movie_timescale"] = str(clock if 1000 <= clock < 2**31 else 90000)
        if needs_free_tags(metadata):
            options["movflags"] = "+use_metadata_tags"
    return options


def _is_lossless(codec: str) -> bool:
    return codec in _LOSSLESS or codec.startswith("pcm_")


def _add_video(target: av.container.OutputContainer, segment: StrPath, out: StrPath) -> VideoStream:
    with open_input(segment) as container:
        template = container.streams.video[0]
        try:
            return target.add_stream_from_template(template, opaque=True)
        except ValueError as error:
            raise UsageError(
                f"this kind of file cannot hold {template.name} video",
                out,
                "write .mkv, or choose another codec",
            ) from error


class _Survey:
    """All presentation times of the segments, read once before anything is written."""

    def __init__(self, segments: Sequence[StrPath], video: VideoInfo) -> None:
        self._segments = segments
        self._base = video.time_base
        self._times: list[Ticks] = []
        lead = segment_lead(video)
        extradata: bytes | None = None
        last: int | None = None
        for index, segment in enumerate(segments):
            with open_input(segment) as container:
                stream = container.streams.video[0]
                scale = (stream.time_base or self._base) / self._base
                times = [
                    round(packet.pts * scale) - lead
                    for packet in demuxed(container, stream)
                    if packet.size and packet.pts is not None
                ]
                found = stream.codec_context.extradata
            if not times:
                raise InputError("a segment without pictures", segment)
            if index and found != extradata:
                raise InputError("encoded with other settings than the first segment", segment)
            if last is not None and min(times) <= last:
                raise InputError("begins before the segment in front of it has ended", segment)
            extradata, last = found, max(times)
            self._times.append(np.array(times, np.int64))
        self.frames = sum(map(len, self._times))
        ordered = np.sort(np.concatenate(self._times))
        steps = np.diff(ordered)
        self._step = int(np.median(steps)) if len(steps) else 1
        self._last_step = int(steps[-1]) if len(steps) else 1
        if video.duration is not None:
            left = round((video.start + video.duration) / self._base) - int(ordered[-1])
            if 0 < left <= 2 * max(self._last_step, self._step):
                self._last_step = left
        if len(steps) == 0 and video.duration:
            self._step = self._last_step = max(1, round(video.duration / self._base))

    def packets(self, stream: VideoStream) -> Iterator[Packet[Any]]:
        """The packets of all segments on one time line, addressed to ``stream``."""
        depth = max(reorder_depth(times) for times in self._times)
        before = np.empty(0, np.int64)
        firsts = [int(times.min()) for times in self._times[1:]]
        for segment, times, end in itertools.zip_longest(self._segments, self._times, firsts):
            decoding = decoding_times(times, depth, before, self._step)
            ordered = np.sort(times)
            before = np.concatenate([before, ordered])[-max(depth, 1) :]
            end = int(ordered[-1]) + self._last_step if end is None else end
            following = dict(itertools.pairwise([*ordered.tolist(), end]))
            with open_input(segment) as container:
                packets = (p for p in demuxed(container, container.streams.video[0]) if p.size)
                for packet, pts, dts in zip(
                    packets, times.tolist(), decoding.tolist(), strict=True
                ):
                    packet.stream = stream
                    packet.time_base = self._base
                    packet.pts, packet.dts = pts, dts
                    packet.duration = following[pts] - pts
                    yield packet
