"""``probe``: what a file holds, from its headers and its first picture."""

from __future__ import annotations

import contextlib
import itertools
import os
from fractions import Fraction
from pathlib import Path

import av.container
import av.error
from av.audio.stream import AudioStream
from av.codec.context import ThreadType
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from avsynth.errors import InputError
from avsynth.media.colour import GBR
from avsynth.media.info import AudioInfo, ColourTags, MediaInfo, VideoInfo
from avsynth.media.opening import StrPath, checked_size, demuxed, main_video, open_input
from avsynth.media.orientation import Orientation
from avsynth.media.planes import native_format, planar_format
from avsynth.media.sidedata import side_data

_RATE_SAMPLE = 400  # packets looked at for the frame rate where the container has no full index
_FIRST_PICTURE_PACKETS = 300  # a damaged start is passed over this far
_MASTERING = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")


def probe(path: StrPath) -> MediaInfo:
    """Describe a media file; decodes one picture (for its orientation), never the whole file.

    Raises:
        InputError: missing, a directory, unreadable, empty, not media, without video and audio,
            or with pictures of no or enormous size.
    """
    with open_input(path) as container:
        stream = main_video(container)
        audio = tuple(_audio_info(found) for found in container.streams.audio)
        if stream is None and not audio:
            raise InputError("holds neither video nor audio", path)
        duration = None
        if container.duration is not None and container.duration > 0:
            duration = Fraction(container.duration, av.time_base)
        video = None if stream is None else _video_info(container, stream, path)
        return MediaInfo(
            path=os.fspath(path),
            container=container.format.name,
            duration=duration,
            video=video,
            audio=audio,
            subtitles=len(container.streams.subtitles),
            chapters=len(container.chapters()),
            metadata=dict(container.metadata),
            size_bytes=Path(path).stat().st_size,
        )


def _seconds(ticks: int | None, stream: Stream) -> Fraction | None:
    if ticks is None or stream.time_base is None:
        return None
    return ticks * stream.time_base


def _audio_info(stream: AudioStream) -> AudioInfo:
    context = stream.codec_context
    duration = _seconds(stream.duration, stream)
    return AudioInfo(
        index=stream.index,
        codec="unknown" if context is None else context.codec.canonical_name,
        rate=0 if context is None else context.sample_rate or 0,
        channels=0 if context is None else context.channels,
        layout="unknown" if context is None else context.layout.name,
        start=_seconds(stream.start_time, stream) or Fraction(0),
        duration=duration if duration else None,
        language=stream.language,
    )


def _video_info(
    container: av.container.InputContainer, stream: VideoStream, path: StrPath
) -> VideoInfo:
    context = stream.codec_context
    checked_size(context.width, context.height, path)
    first = _first_picture(container, stream)
    if container.duration:
        with contextlib.suppress(av.error.FFmpegError):  # not every file has a way back
            container.seek(0)
    variable = _variable_rate(container, stream)
    width, height = (first.width, first.height) if first else (context.width, context.height)
    checked_size(width, height, path)
    orientation = Orientation()
    mastering: dict[str, bytes] = {}
    if first is not None:
        side = side_data(first)
        orientation = Orientation.from_matrix(side.get("DISPLAYMATRIX", b""))
        mastering = {name: side[name] for name in _MASTERING if name in side}
    display = orientation.size(width, height)
    picture_format = first.format if first else context.format
    return VideoInfo(
        index=stream.index,
        codec=context.codec.canonical_name,
        width=display[0],
        height=display[1],
        coded_width=width,
        coded_height=height,
        orientation=orientation,
        pix_fmt=picture_format.name if picture_format else "unknown",
        bit_depth=max((part.bits for part in picture_format.components), default=8)
        if picture_format
        else 8,
        time_base=stream.time_base or Fraction(1, 90000),
        average_rate=stream.average_rate or stream.guessed_rate or Fraction(0),
        frames=_claimed_frames(container, stream),
        start=_seconds(stream.start_time, stream) or Fraction(0),
        duration=_seconds(stream.duration, stream) or None,
        interlaced=first.interlaced_frame if first else context.field_order > 1,
        variable_rate=variable,
        colour=_colour(context, first),
        sample_aspect_ratio=stream.sample_aspect_ratio or Fraction(1),
        bit_rate=stream.bit_rate or None,
        mastering=mastering,
    )


def _colour(context: av.VideoCodecContext, first: VideoFrame | None) -> ColourTags:
    """Tags of the picture; the container's where the picture has none."""

    def either(picture: int | None, header: int, unknown: int) -> int:
        return int(header if picture is None or picture == unknown else picture)

    shown = first.format if first else context.format
    in_rgb = shown is not None and planar_format(native_format(shown.name)).kind == "gbr"
    space = either(first.colorspace if first else None, context.colorspace, 2)
    return ColourTags(
        range=either(first.color_range if first else None, context.color_range, 0),
        space=GBR if in_rgb else space,  # a wrong tag would have decoders take it for Y'CbCr
        primaries=either(first.color_primaries if first else None, context.color_primaries, 2),
        transfer=either(first.color_trc if first else None, context.color_trc, 2),
    )


def _first_picture(
    container: av.container.InputContainer, stream: VideoStream
) -> VideoFrame | None:
    """The first picture that decodes, or None."""
    stream.codec_context.thread_type = ThreadType.SLICE  # one picture: frame threads only delay it
    packets = itertools.islice(demuxed(container, stream), _FIRST_PICTURE_PACKETS)
    for packet in itertools.chain(packets, [None]):
        try:
            for frame in stream.decode(packet):
                return frame
        except av.error.EOFError:
            return None
        except av.error.FFmpegError:
            continue  # damaged: the next key frame may be well
    return None


def _claimed_frames(container: av.container.InputContainer, stream: VideoStream) -> int | None:
    """How many frames there are to be shown by the container's index, None where it has none."""
    if not stream.frames:
        return None
    if not container.format.name.startswith("mov"):
        return stream.frames
    # An edit list may show fewer than are stored.
    shown = sum(not entry.is_discard for entry in stream.index_entries)
    return min(stream.frames, shown) or stream.frames


def _variable_rate(container: av.container.InputContainer, stream: VideoStream) -> bool | None:
    """Whether the frames come at uneven steps, as far as can be told without a full scan."""
    index = stream.index_entries
    complete = len(index) > 1 and len(index) == stream.frames
    if complete:
        times = sorted({entry.timestamp for entry in index})
    else:
        packets = itertools.islice(demuxed(container, stream), _RATE_SAMPLE)
        try:
            times = sorted({packet.pts for packet in packets if packet.pts is not None})
        except av.error.FFmpegError:
            return None
        times = times[: -min(16, len(times) // 2) or None]  # the tail may lack reordered frames
    steps = [after - before for before, after in itertools.pairwise(times)]
    if len(steps) < 2:
        return None
    # Coarse clocks (1 ms in Matroska) make even steps differ by one tick.
    spread = max(steps) - min(steps)
    uneven = spread > (1 if min(steps) >= 8 else 0)
    return True if uneven else (False if complete else None)
