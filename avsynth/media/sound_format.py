"""How the new sound of a file is encoded: as the source's, where its container can."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.container
import av.error

from avsynth.errors import UsageError
from avsynth.media.audio_encoding import AudioEncoder
from avsynth.media.info import AudioInfo, MediaInfo
from avsynth.media.opening import StrPath, main_video, open_input
from avsynth.media.streamcopy import accepted

SOUND_FILES = (".wav", ".flac", ".mp3", ".m4a", ".opus", ".ogg", ".mka")
FILMS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")

MUXERS = {".wav": "wav", ".flac": "flac", ".mp3": "mp3", ".m4a": "ipod", ".opus": "opus",
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
    if suffix not in MUXERS:
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
        with av.open(io.BytesIO(), "w", format=MUXERS[suffix]) as trial:
            sound_encoder(trial, found)
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
        if video is not None and not accepted(video, MUXERS[out.suffix.lower()]):
            name = video.codec_context.codec.canonical_name
            raise UsageError(f"this kind of file cannot hold {name} video", out, "write .mkv")


def sound_encoder(target: av.container.OutputContainer, how: SoundFormat) -> AudioEncoder:
    """The encoder, as a new stream of ``target``."""
    return AudioEncoder(target, how.codec, how.rate, how.channels, how.layout, how.sample_format)


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
