"""Copying what is left alone: other streams, chapters, metadata, tags."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import av.error
from av.packet import Packet
from av.stream import Stream
from av.subtitles.subtitle import SubtitleSet
from av.video.stream import VideoStream

from avsynth.media.info import VideoInfo
from avsynth.media.opening import StrPath, demuxed

# Written by the muxer itself, and wrong after a change of container or length.
_OWN_KEYS = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
_OWN_STREAM_KEYS = {"encoder", "vendor_id", "duration", "number_of_frames", "number_of_bytes",
                    "_statistics_writing_app", "_statistics_writing_date_utc",
                    "_statistics_tags", "bps"}  # fmt: skip
# What the plain tag atoms of MP4 can hold; anything else needs the free-form ones.
_MP4_KEYS = {"title", "artist", "album_artist", "composer", "album", "date", "comment", "genre",
             "copyright", "grouping", "lyrics", "description", "synopsis", "show", "episode_id",
             "network", "keywords", "season_number", "episode_sort", "media_type", "hd_video",
             "gapless_playback", "compilation", "rating", "encoding_tool", "track", "disc", "tmpo",
             "creation_time", "language"}  # fmt: skip
_SUBTITLES = {".mp4": "mov_text", ".m4v": "mov_text", ".mov": "mov_text", ".mkv": "subrip",
              ".webm": "webvtt"}  # fmt: skip
_REORDERED = 32  # packets without a decoding time that may come before one that has it
_TEXT = {"subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text"}
_ASS_HEADER = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\n"
    b"Style: Default,Arial,16\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
)


def copied_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """The file's tags without those that every muxer writes itself."""
    return {key: value for key, value in metadata.items() if key.lower() not in _OWN_KEYS}


def needs_free_tags(metadata: dict[str, str]) -> bool:
    """True when MP4's plain tags would lose some of ``metadata``."""
    return any(key.lower() not in _MP4_KEYS for key in metadata)


def copy_tags(source: Stream, target: Stream) -> None:
    """Language, title and the like, and the disposition flags."""
    tags = {
        key: value
        for key, value in source.metadata.items()
        if key.lower().split("-")[0] not in _OWN_STREAM_KEYS
    }
    target.metadata.update(tags)
    target.disposition = source.disposition


def tag_video(stream: VideoStream, info: VideoInfo) -> None:
    """Clock, colour tags, aspect ratio and orientation of the source, on a stream of packets."""
    context: Any = stream.codec_context
    stream.time_base = info.time_base
    context.color_range = info.colour.range
    context.colorspace = info.colour.space
    context.color_primaries = info.colour.primaries
    context.color_trc = info.colour.transfer
    context.sample_aspect_ratio = info.sample_aspect_ratio
    if info.average_rate > 0:
        context.framerate = info.average_rate
    if not info.orientation.is_identity:
        stream.set_display_matrix(info.orientation.matrix())


def moment(packet: Packet[Any]) -> Fraction:
    """When a packet is due, in seconds."""
    ticks = packet.dts if packet.dts is not None else packet.pts
    return Fraction(0) if ticks is None else ticks * packet.time_base


def shift(packet: Packet[Any], late: Fraction) -> None:
    """Move a packet by ``late`` seconds."""
    ticks = round(late / packet.time_base)
    if ticks and packet.pts is not None:
        packet.pts += ticks
    if ticks and packet.dts is not None:
        packet.dts += ticks


def _dated(packets: list[Packet[Any]], following: int | None) -> Iterator[Packet[Any]]:
    """``packets`` with decoding times, those that lack one as even steps before ``following``.

    Matroska stores presentation times alone; the decoding times of the first pictures of a stream
    that reorders them cannot be told from these.
    """
    for number, packet in enumerate(packets):
        if packet.dts is None:
            packet.dts = packet.pts
            if following is not None and packet.pts is not None:
                step = max(packet.duration or 1, 1)
                packet.dts = min(packet.pts, following - step * (len(packets) - number))
        yield packet


class StreamCopier:
    """Takes streams over from one container to another without decoding them.

    Only text subtitles are rewritten, where the other container knows another kind.

    Attributes:
        dropped: A line for each stream that the output container cannot hold.
    """

    def __init__(
        self,
        source: av.container.InputContainer,
        target: av.container.OutputContainer,
        leave_out: set[int],
        out: StrPath,
        instead: Callable[[int], None] = lambda index: None,
        trusted: Collection[int] = (),
    ) -> None:
        """Add the streams to ``target``, in their order.

        Args:
            source: Copied from.
            target: Copied to; its header is not written yet.
            leave_out: Indices of source streams that are replaced.
            out: Name of the output, for its suffix.
            instead: Called with the index of each stream that is left out, when it is its turn.
            trusted: Indices of streams that are known to fit in beside others.
        """
        self.dropped: list[str] = []
        self._source = source
        self._pairs: dict[int, Stream] = {}
        self._rewritten: set[int] = set()
        for stream in source.streams:
            if stream.index in leave_out:
                instead(stream.index)
            if stream.index in leave_out or _is_chapter_text(source, stream):
                continue
            text_codec = _SUBTITLES.get(Path(out).suffix.lower())
            if stream.index in trusted or accepted(stream, target.format.name):
                added = target.add_stream_from_template(stream, opaque=True)
            elif stream.type == "subtitle" and stream.name in _TEXT and text_codec:
                added = _text_stream(target, stream, text_codec)
                self._rewritten.add(stream.index)
            else:
                self.dropped.append(f"{stream.type} stream {stream.index} ({stream.name})")
                continue
            copy_tags(stream, added)
            self._pairs[stream.index] = added

    def packets(self) -> Iterator[Packet[Any]]:
        """Packets of all copied streams in file order, addressed to the target's streams."""
        wanted = [stream for stream in self._source.streams if stream.index in self._pairs]
        if not wanted:
            return
        undated: dict[int, list[Packet[Any]]] = {}
        for packet in demuxed(self._source, *wanted):
            if packet.size == 0 and packet.pts is None:
                continue  # the marks that end a stream
            index = packet.stream_index
            for copied in self._rewrite(packet) if index in self._rewritten else [packet]:
                copied.stream = self._pairs[index]
                held = undated.setdefault(index, [])
                if copied.dts is None and len(held) < _REORDERED:
                    held.append(copied)
                else:
                    yield from _dated(held, copied.dts)
                    held.clear()
                    yield from _dated([copied], None)
        for held in undated.values():
            yield from _dated(held, None)

    def _rewrite(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """A subtitle in the other container's kind; none for one that shows nothing."""
        text: Any = self._pairs[packet.stream_index]
        found = packet.stream.codec_context.decode2(packet) if packet.size else None
        if found is None or len(found) == 0:
            return []
        lines = b"\\N".join(getattr(rect, "ass", b"").split(b",", 8)[-1] for rect in found)
        length = round((packet.duration or 0) * packet.time_base * 1000)
        written: Packet[Any] = text.codec_context.encode_subtitle(
            SubtitleSet.create(b"0,0,Default,,0,0,0,," + lines, 0, length)
        )
        written.time_base = packet.time_base
        written.pts = written.dts = packet.pts
        written.duration = packet.duration
        return [written]


def _text_stream(target: av.container.OutputContainer, source: Stream, codec: str) -> Stream:
    """An encoded subtitle stream that has the styles of ``source``."""
    added: Any = target.add_stream(codec)
    header = getattr(source.codec_context, "subtitle_header", None)
    added.codec_context.subtitle_header = header or _ASS_HEADER
    stream: Stream = added
    return stream


def accepted(stream: Stream, container: str) -> bool:
    """Whether a container takes this stream as it is: a header is written to memory to see."""
    try:
        with av.open(io.BytesIO(), "w", format=container.split(",")[0]) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def _is_chapter_text(source: av.container.InputContainer, stream: Stream) -> bool:
    """MP4 keeps chapter titles in a track of their own, which the muxer writes anew."""
    return stream.type == "data" and stream.name == "bin_data" and bool(source.chapters())
