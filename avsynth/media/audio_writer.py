"""New sound for a file: a sound file of its own, or in place of the sound of a film."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import av.stream
from av.packet import Packet
from av.stream import Stream

from avsynth.errors import UsageError
from avsynth.media.audio import AudioChunk
from avsynth.media.audio_encoding import AudioEncoder
from avsynth.media.info import MediaInfo
from avsynth.media.opening import StrPath, open_input
from avsynth.media.output import atomic_output, close_quietly, same_file, writing
from avsynth.media.sound_format import FILMS, MUXERS, SOUND_FILES, SoundFormat, sound_encoder
from avsynth.media.streamcopy import (
    StreamCopier,
    copied_metadata,
    copy_tags,
    moment,
    needs_free_tags,
    shift,
)

_LARGEST_CLOCK = 2**31 - 1


def write_sound(
    out: StrPath,
    source: StrPath,
    info: MediaInfo,
    chunks: Iterable[AudioChunk],
    how: SoundFormat,
    stream: int = 0,
) -> tuple[str, ...]:
    """Write ``out``: new sound, and of the source all else that is not this sound.

    Into a film every other stream is copied, packet by packet, with its times, tags and place in
    the order; text subtitles are converted where the container wants another kind. A sound file
    gets tags and chapters alone, .mp3 and .flac cover pictures too. The file appears when it is
    complete. Constant memory.

    Args:
        out: one of ``SOUND_FILES`` or ``FILMS``.
        source: where all else comes from.
        info: ``probe(source)``.
        chunks: the new sound at ``how.rate``, float32 (n, channels), following on each other.
        how: ``sound_format`` of the output.
        stream: which of the source's audio streams it replaces.

    Returns:
        A line for each stream that is not in the output.

    Raises:
        UsageError: output equal to input.
        ResourceError: the output cannot be written.
    """
    if same_file(out, source):
        raise UsageError("the output would overwrite the input", out)
    suffix = Path(out).suffix.lower()
    metadata = copied_metadata(info.metadata)
    dropped: list[str] = []
    covers: set[int] = set()
    with ExitStack() as stack:
        temporary = stack.enter_context(atomic_output(out))
        origin = stack.enter_context(open_input(source))
        target = av.open(
            str(temporary), "w", format=MUXERS[suffix],
            container_options=_options(suffix, info, how, metadata),
        )  # fmt: skip
        stack.callback(close_quietly, target)
        target.metadata.update(metadata)
        target.set_chapters(origin.chapters())
        replaced = info.audio[stream]
        encoders: list[AudioEncoder] = []

        def add(index: int) -> None:
            if index == replaced.index:
                encoders.append(sound_encoder(target, how))
                copy_tags(origin.streams[index], encoders[0].stream)

        leave_out = {replaced.index}
        if suffix in SOUND_FILES:
            covers = {other.index for other in origin.streams if _is_cover(other, suffix)}
            others = [o for o in origin.streams if o.index not in covers | leave_out]
            leave_out |= {other.index for other in others}
            dropped = [f"{other.type} stream {other.index} ({other.name})" for other in others]
        copier = StreamCopier(origin, target, leave_out, out, instead=add, trusted=covers)
        dropped += copier.dropped
        late = max(Fraction(0), -(info.video.start if info.video else Fraction(0)))
        sound = _from_zero(chunks) if suffix in SOUND_FILES else iter(chunks)
        flows: list[Iterator[Packet[Any]]] = [encoders[0].packets(sound), copier.packets()]
        for packet in heapq.merge(*flows, key=moment):
            shift(packet, late)
            with writing(out):
                target.mux(packet)
        with writing(out):
            target.close()
    return tuple(dropped)


def _is_cover(stream: Stream, suffix: str) -> bool:
    """Whether it is a picture that goes with the sound, and ``suffix`` has a place for it."""
    attached = bool(stream.disposition & av.stream.Disposition.attached_pic)
    return attached and suffix in (".mp3", ".flac") and stream.name in ("mjpeg", "png")


def _from_zero(chunks: Iterable[AudioChunk]) -> Iterator[AudioChunk]:
    """The same sound, beginning at 0: only beside a picture does it matter when it begins."""
    start: Fraction | None = None
    for chunk in chunks:
        start = chunk.time if start is None else start
        yield replace(chunk, time=chunk.time - start)


def _options(
    suffix: str, info: MediaInfo, how: SoundFormat, metadata: dict[str, str]
) -> dict[str, str]:
    if suffix == ".wav":
        return {"rf64": "auto"}  # beyond 4 GB
    if suffix not in FILMS and suffix != ".m4a":
        return {}
    options = {"avoid_negative_ts": "disabled"}  # times are the source's, before 0 too
    if suffix in (".mp4", ".m4v", ".mov", ".m4a"):
        # Where sound begins and ends is told in ticks of the whole file: they must be as fine.
        clock = info.video.time_base.denominator if info.video else 1
        both = math.lcm(clock, how.rate)
        options["movie_timescale"] = str(both if 1000 <= both <= _LARGEST_CLOCK else how.rate)
        if needs_free_tags(metadata):
            options["movflags"] = "+use_metadata_tags"
    return options
