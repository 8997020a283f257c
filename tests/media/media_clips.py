"""Small clips of every awkward kind, made on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.subtitles.subtitle import SubtitleSet
from numpy.typing import NDArray

_ASS = (
    b"[Script Info]\nScriptType: v4.00+\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\n"
    b"Style: Default,Arial,16\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
)
LOSSLESS = {"preset": "ultrafast", "qp": "0"}


@dataclass
class Sound:
    """An audio stream: float32 samples (n,) and how to store them."""

    samples: NDArray[np.float32]
    rate: int = 48000
    codec: str = "aac"
    language: str = "eng"
    start: Fraction = Fraction(0)


@dataclass
class Extras:
    """What a clip carries beside its pictures."""

    sounds: Sequence[Sound] = ()
    subtitles: str | None = None  # codec
    chapters: bool = False
    attachment: bool = False
    metadata: dict[str, str] = field(default_factory=dict)


def tone(seconds: float, rate: int = 48000, hertz: float = 440.0) -> NDArray[np.float32]:
    """A sine of amplitude 0.5."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def picture(width: int, height: int, index: int, seed: int = 0) -> NDArray[np.uint8]:
    """A smooth colourful picture with some texture that differs for every index."""
    rng = np.random.default_rng(seed * 1000 + index)
    coarse = rng.integers(40, 216, (5, 5, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noise = rng.normal(0, 3, (height, width, 1))
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)


def raw_frame(
    width: int, height: int, index: int, pix_fmt: str, colour: tuple[int, int] = (1, 1)
) -> av.VideoFrame:
    """The picture in native planes, all bits of deep formats in use."""
    frame = av.VideoFrame.from_ndarray(picture(width, height, index), "rgb24").reformat(
        format=pix_fmt, dst_colorspace=colour[0], dst_color_range=colour[1], src_color_range=2
    )
    depth = max(part.bits for part in frame.format.components)
    if depth > 8:
        rng = np.random.default_rng(index)
        for plane in frame.planes:
            values = np.frombuffer(memoryview(plane), np.uint16)
            values ^= rng.integers(0, 1 << (depth - 8), values.shape, np.uint16)
    return frame


def make_clip(
    path: Path,
    width: int = 96,
    height: int = 64,
    times: Sequence[int] = tuple(range(12)),
    time_base: Fraction = Fraction(1, 25),
    pix_fmt: str = "yuv420p",
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    rotation: int = 0,
    interlaced: bool = False,
    aspect: Fraction | None = None,
    colour: tuple[int, int, int, int] = (1, 1, 1, 1),  # range, space, primaries, transfer
    extras: Extras | None = None,
    gop: int = 6,
    container_options: dict[str, str] | None = None,
    still: bool = False,
) -> Path:
    """Write a clip; ``times`` are the presentation times in ``time_base`` units."""
    extras = extras or Extras()
    with av.open(str(path), "w", container_options=container_options or {}) as output:
        output.metadata.update(extras.metadata)
        video: Any = output.add_stream(
            codec, rate=round(1 / time_base) if time_base > Fraction(1, 100) else 25,
            options=LOSSLESS if options is None else options, time_base=time_base,
            width=width, height=height,
        )  # fmt: skip
        video.time_base = time_base
        context = video.codec_context
        context.pix_fmt, context.gop_size = pix_fmt, gop
        context.color_range, context.colorspace = colour[0], colour[1]
        context.color_primaries, context.color_trc = colour[2], colour[3]
        if aspect:
            context.sample_aspect_ratio = aspect
        if interlaced:
            context.flags |= av.codec.context.Flags.interlaced_dct
        if rotation:
            video.set_display_rotation(-rotation)
        tracks = [_add_sound(output, sound) for sound in extras.sounds]
        text = output.add_stream(extras.subtitles) if extras.subtitles else None
        if text is not None:
            text.metadata["language"] = "fra"
            text.codec_context.subtitle_header = _ASS
        if extras.attachment:
            output.add_attachment("font.ttf", "font/ttf", b"not really a font")
        if extras.chapters:
            output.set_chapters([_chapter(0, 0, 200, "one"), _chapter(1, 200, 400, "two")])
        matrix = {5: 5, 6: 5, 9: 9}.get(colour[1], 1)
        for index, time in enumerate(times):
            if not still or index == 0:
                frame = raw_frame(width, height, index, pix_fmt, (matrix, colour[0]))
            frame.pts, frame.time_base = time, time_base
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        for track, sound in zip(tracks, extras.sounds, strict=True):
            _write_sound(output, track, sound)
        if text is not None:
            for start in (0, 200):
                line = b"0,0,Default,,0,0,0,,line at %d" % start
                packet = text.codec_context.encode_subtitle(SubtitleSet.create(line, 0, 150))
                packet.stream, packet.time_base = text, Fraction(1, 1000)
                packet.pts = packet.dts = start
                packet.duration = 150
                output.mux(packet)
    return path


def _chapter(number: int, start: int, end: int, title: str) -> Any:
    return {"id": number, "start": start, "end": end, "time_base": Fraction(1, 1000),
            "metadata": {"title": title}}  # fmt: skip


def _add_sound(output: av.container.OutputContainer, sound: Sound) -> Any:
    track: Any = output.add_stream(sound.codec, rate=sound.rate)
    track.codec_context.layout = "mono"
    track.time_base = track.codec_context.time_base = Fraction(1, sound.rate)
    track.metadata["language"] = sound.language
    return track


def _write_sound(output: av.container.OutputContainer, track: Any, sound: Sound) -> None:
    begin = round(sound.start * sound.rate)
    for position in range(0, len(sound.samples), 4096):
        block = sound.samples[position : position + 4096]
        frame = av.AudioFrame.from_ndarray(block[None], "fltp", "mono")
        frame.sample_rate, frame.time_base = sound.rate, Fraction(1, sound.rate)
        frame.pts = begin + position
        output.mux(track.encode(frame))
    output.mux(track.encode(None))
