"""New sound for a file: a sound file of its own, or in place of the sound of a film."""

from __future__ import annotations

import heapq
import io
import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import av.error
import av.stream
from av.packet import Packet
from av.stream import Stream

from avsynth.errors import UsageError
from avsynth.media.audio import AudioChunk
from avsynth.media.audio_encoding import AudioEncoder
from avsynth.media.info import AudioInfo, MediaInfo
from avsynth.media.opening import StrPath, main_video, open_input
from avsynth.media.output import atomic_output, close_quietly, same_file, writing
from avsynth.media.streamcopy import (
    StreamCopier,
    accepted,
    copied_metadata,
    copy_tags,
    moment,
    needs_free_tags,
    shift,
)

SOUND_FILES = (".wav", ".flac", ".mp3", ".m4a", ".opus", ".ogg", ".mka")
FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")

_MUXERS = {".wav": "wav", ".flac": "flac", ".mp3": "mp3", ".m4a": "ipod", ".opus": "opus",
           ".ogg": "ogg", ".mka": "matroska", ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov",
           ".mkv": "matroska", ".webm": "webm"}  # fmt: skip
# The usual encoder of each, and the codecs that are kept where the source has them.
_USUAL = {".wav": "pcm_s16le", ".flac": "flac", ".mp3": "libmp3lame", ".m4a": "aac",
          ".opus": "libopus", ".ogg": "libopus", ".webm": "libopus"}  # fmt: skip
_PCM = {"pcm_s24le": "pcm_s24le", "pcm_s24be": "pcm_s24le", "pcm_s32le": "pcm_s32le",
        "pcm_s32be": "pcm_s32le", "pcm_f32le": "pcm_f32le", "pcm_f32be": "pcm_f32le",
        "pcm_f64le": "pcm_f32le", "pcm_f64be": "pcm_f32le"}  # fmt: skip
_ENCODERS = {"aac": "aac", "mp3": "libmp3lame", "opus": "libopus", "flac": "flac", "alac": "alac"}
_KEPT = {".m4a": ("aac", "alac"), ".mka": ("aac", "mp3", "opus", "flac"),
         ".mkv": ("aac", "mp3", "opus", "flac"), ".mp4": ("aac", "mp3", "opus", "flac", "alac"),
         ".mov": ("aac", "alac"), ".ogg": ("opus", "flac")}  # fmt: skip
_LOSSLESS = {"flac", "alac", "truehd", "wavpack", "tta", "ape"}
_DEEP = {"flac": "s32", "alac": "s32p"}  # sample formats of 24 bits
_LARGEST_CLOCK = 2**31 - 1


@dataclass(frozen=True)
class SoundFormat:
    """How sound is written: encoder, samples a second, channels and their layout, sample format.

    ``layout`` is None for the usual one, ``sample_format`` for the encoder's first.
    """

    codec: str
    rate: int
    channels: int
    layout: str | None = None
    sample_format: str | None = None

    @property
    def lossless(self) -> bool:
        """Whether what is written is read back as it was, but for rounding."""
        return self.codec in _LOSSLESS or self.codec.startswith("pcm_")


def sound_format(out: Path, source: MediaInfo, stream: int = 0) -> SoundFormat:
    """How the sound of ``out`` is written: as the source's where its container can, at its rate.

    Raises:
        UsageError: an unknown suffix, or a codec that cannot hold so many channels.
    """
    suffix = out.suffix.lower()
    if suffix not in _MUXERS:
        known = ", ".join((*SOUND_FILES, *FILMS))
        raise UsageError("the output's kind is not known", out, f"use {known}")
    sound = source.audio[stream]
    deep = _is_deep(source, sound)
    codec = _codec(suffix, sound, deep)
    rates = av.Codec(codec, "w").audio_rates
    rate = sound.rate
    if rates and rate not in rates:
        rate = min((r for r in rates if r >= rate), default=max(rates))
    # A file that does not say where its channels belong has them in the usual places.
    layout = None if sound.layout.endswith("channels") else sound.layout
    found = SoundFormat(codec, rate, sound.channels, layout, _DEEP.get(codec) if deep else None)
    try:
        with av.open(io.BytesIO(), "w", format=_MUXERS[suffix]) as trial:
            _encoder(trial, found)
            trial.start_encoding()
    except (ValueError, av.error.FFmpegError) as error:
        raise UsageError(
            f"{sound.channels} channels ({sound.layout}) at {rate} Hz cannot be written as {codec}",
            out, "use .flac or .wav",
        ) from error  # fmt: skip
    return found


def refuse_lost_picture(out: Path, source: StrPath) -> None:
    """UsageError where the film ``out`` could not hold the picture of ``source`` as it is."""
    with open_input(source) as container:
        video = main_video(container)
        if video is not None and not accepted(video, _MUXERS[out.suffix.lower()]):
            name = video.codec_context.codec.canonical_name
            raise UsageError(f"this kind of file cannot hold {name} video", out, "write .mkv")


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
            str(temporary), "w", format=_MUXERS[suffix],
            container_options=_options(suffix, info, how, metadata),
        )  # fmt: skip
        stack.callback(close_quietly, target)
        target.metadata.update(metadata)
        target.set_chapters(origin.chapters())
        replaced = info.audio[stream]
        encoders: list[AudioEncoder] = []

        def add(index: int) -> None:
            if index == replaced.index:
                encoders.append(_encoder(target, how))
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


def _codec(suffix: str, sound: AudioInfo, deep: bool) -> str:
    if suffix in (".wav", ".mov") and sound.codec.startswith("pcm_"):
        return _PCM.get(sound.codec, "pcm_s16le")
    if suffix == ".wav":
        return "pcm_s24le" if deep else "pcm_s16le"
    if sound.codec in _KEPT.get(suffix, ()):
        return _ENCODERS[sound.codec]
    if suffix in (".mkv", ".mka") and _is_lossless(sound.codec):
        return "flac"
    return _USUAL.get(suffix, "aac")


def _is_lossless(codec: str) -> bool:
    return codec in _LOSSLESS or codec.startswith("pcm_")


def _is_deep(source: MediaInfo, sound: AudioInfo) -> bool:
    """Whether it holds more than 16 bits: lossy sound does not, whatever it is decoded to."""
    if not _is_lossless(sound.codec):
        return False
    with open_input(source.path) as container:
        stored: Any = container.streams[sound.index].codec_context
        return bool(stored.format.bytes > 2)


def _encoder(target: av.container.OutputContainer, how: SoundFormat) -> AudioEncoder:
    return AudioEncoder(target, how.codec, how.rate, how.channels, how.layout, how.sample_format)


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
