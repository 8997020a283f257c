"""Films and sounds of hours, made by writing the same packets over and over; no encoding."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from dub_helpers import LINE, PERSON

from avsynth.media import EncoderSettings, Writer, read_audio, read_frames
from avsynth.media.writer import video_like

_FRAMES = 50  # of the person, then from the beginning again
_PACKETS = slice(5, 65)  # of sound, the same
_SAMPLES = 1024  # in each


def long_film(out: Path, seconds: int, every: Fraction) -> Path:
    """The demo person, a picture ``every`` so many seconds, with sound of the usual speed."""
    short = out.with_suffix(".short.mp4")
    like = video_like(360, 288, 25)
    # The fastest preset keeps pictures in order.
    settings = EncoderSettings.for_source(like, crf=18, preset="ultrafast", out=short)
    with Writer(short, like, settings, audio_rate=22050) as writer, read_frames(PERSON) as frames:
        for _, frame in zip(range(_FRAMES), frames, strict=False):
            writer.write(frame)
        writer.write_audio(np.concatenate([c.samples for c in read_audio(PERSON, 22050)]))
    return _looped(short, out, seconds, every)


def long_speech(out: Path, seconds: int) -> Path:
    """The demo line, again and again."""
    short = out.with_suffix(".short.m4a")
    samples, rate = soundfile.read(LINE, dtype="float32")
    with Writer(short, audio_rate=rate) as writer:
        writer.write_audio(samples)
    return _looped(short, out, seconds, Fraction(1))


def _looped(short: Path, out: Path, seconds: int, every: Fraction) -> Path:
    """Picture and sound in turn, a second or a picture at a time."""
    with av.open(str(short)) as source, av.open(str(out), "w") as target:
        pictures, sounds = _packets(source, "video"), _packets(source, "audio")[_PACKETS]
        heard: Any = target.add_stream_from_template(source.streams.audio[0])
        seen: Any = pictures and target.add_stream_from_template(source.streams.video[0])
        length = Fraction(_SAMPLES, source.streams.audio[0].rate)
        given = 0
        for number in range(int(seconds / every)):
            if pictures:
                _put(target, seen, *pictures[number % len(pictures)], number, every)
            while given * length < (number + 1) * every:
                _put(target, heard, *sounds[given % len(sounds)], given, length)
                given += 1
    short.unlink()
    return out


def _packets(source: Any, kind: str) -> list[tuple[bytes, bool]]:
    """Content of a stream, and whether each is a key frame."""
    found = []
    for stream in getattr(source.streams, kind):
        source.seek(0)
        for packet in source.demux(stream):
            if packet.size:
                assert packet.pts == packet.dts, "pictures out of order cannot be looped so"
                found.append((bytes(packet), packet.is_keyframe))
    return found


def _put(target: Any, stream: Any, data: bytes, key: bool, number: int, length: Fraction) -> None:
    packet: Any = av.Packet(data)
    packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 90000), key
    packet.pts = packet.dts = round(number * length * 90000)
    packet.duration = round(length * 90000)
    target.mux(packet)
