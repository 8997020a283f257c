"""Small real files of every kind that is read, made on the spot: what mutations start from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.subtitles.subtitle import SubtitleSet
from numpy.typing import NDArray

from avsynth.media import read_audio, read_frames
from avsynth.media.scheduling import ordinary_scheduling
from avsynth.pipelines.demonstrate import demo_media

Pictures = list[NDArray[np.uint8]]
_ASS = (
    b"[Script Info]\nScriptType: v4.00+\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\n"
    b"Style: Default,Arial,16\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
)
FRAMES = 12


@dataclass(frozen=True)
class Kind:
    """How a file is made: codecs of picture and sound, and what is out of the ordinary."""

    name: str
    video: str | None = None
    audio: str | None = None
    pix_fmt: str = "yuv420p"
    rate: int = 16000
    layout: str = "mono"
    rotation: int = 0
    variable: bool = False
    sounds: int = 1
    subtitles: str | None = None
    chapters: bool = False
    attachment: bool = False
    cover: bool = False
    signed: bool = False
    options: tuple[tuple[str, str], ...] = ()
    encoding: tuple[tuple[str, str], ...] = ()
    container: str | None = None
    size: tuple[int, int] | None = None
    frames: int = FRAMES


_FAST = (("movflags", "faststart"),)
_QUICK = (("preset", "ultrafast"), ("crf", "28"))
KINDS: tuple[Kind, ...] = (
    Kind("h264-aac.mp4", "libx264", "aac", encoding=_QUICK, options=_FAST, chapters=True),
    Kind("moov-last.mp4", "libx264", "aac", encoding=_QUICK, subtitles="mov_text", sounds=2),
    Kind("fragments.mp4", "libx264", "aac", encoding=_QUICK,
         options=(("movflags", "frag_keyframe+empty_moov"),)),
    Kind("hevc-10bit.mp4", "libx265", "alac", "yuv420p10le",
         encoding=(("preset", "ultrafast"), ("x265-params", "log-level=none:pools=none"))),
    Kind("av1.mp4", "libsvtav1", "libopus", rate=48000, encoding=(("preset", "12"),)),
    Kind("rotated.mov", "libx264", "pcm_s16le", encoding=_QUICK, rotation=90),
    Kind("prores.mov", "prores_ks", "pcm_s16le", "yuv422p10le", frames=4),
    Kind("mjpeg.mov", "mjpeg", "pcm_u8", "yuvj420p"),
    Kind("variable.mkv", "libx264", "flac", encoding=_QUICK, variable=True, subtitles="ass",
         chapters=True, attachment=True, sounds=3),
    Kind("ffv1.mkv", "ffv1", "vorbis", layout="stereo", rate=44100),
    Kind("mpeg4.mkv", "mpeg4", "libmp3lame"),
    Kind("vp9.webm", "libvpx-vp9", "libopus", rate=48000, encoding=(("deadline", "realtime"),)),
    Kind("vp8.webm", "libvpx", "libopus", rate=48000, encoding=(("deadline", "realtime"),)),
    Kind("mpeg4.avi", "mpeg4", "libmp3lame"),
    Kind("mjpeg.avi", "mjpeg", "pcm_s16le", "yuvj420p"),
    Kind("mpeg2.ts", "mpeg2video", "mp2"),
    Kind("h264.ts", "libx264", "aac", encoding=_QUICK),
    Kind("mpeg2.mpg", "mpeg2video", "mp2", container="mpeg"),
    Kind("flv1.flv", "flv", "libmp3lame", rate=22050),
    Kind("wmv2.wmv", "wmv2", "wmav2", rate=22050, container="asf"),
    Kind("h263.3gp", "h263", "aac", size=(176, 144)),
    Kind("vp8.ogv", "vp8", "vorbis", layout="stereo", rate=44100, container="ogg"),
    Kind("dv.dv", "dvvideo", None, "yuv420p", size=(720, 576), frames=2),
    Kind("mpeg2.mxf", "mpeg2video", "pcm_s16le", "yuv422p", rate=48000),
    Kind("h264.nut", "libx264", "pcm_f32le", encoding=_QUICK),
    Kind("moving.gif", "gif", None, "rgb8", frames=5),
    Kind("moving.apng", "apng", None, "rgb24", frames=4),
    Kind("moving.webp", "libwebp_anim", None, "yuv420p"),
    Kind("raw.y4m", "rawvideo", None, size=(72, 90), container="yuv4mpegpipe"),
    Kind("av1.avif", "libsvtav1", None, encoding=(("preset", "12"),)),
    Kind("s16.wav", None, "pcm_s16le"),
    Kind("f32.wav", None, "pcm_f32le", rate=44100, layout="stereo"),
    Kind("adpcm.wav", None, "adpcm_ima_wav", rate=22050),
    Kind("sound.flac", None, "flac", cover=True),
    Kind("sound.mp3", None, "libmp3lame", cover=True),
    Kind("sound.ogg", None, "vorbis", layout="stereo", rate=44100),
    Kind("sound.opus", None, "libopus", rate=48000),
    Kind("sound.m4a", None, "aac", cover=True, chapters=True, container="mp4"),
    Kind("sound.aac", None, "aac", container="adts"),
    Kind("sound.wma", None, "wmav2", rate=22050, container="asf"),
    Kind("sound.ac3", None, "ac3", rate=48000, layout="stereo"),
    Kind("sound.aiff", None, "pcm_s16be"),
    Kind("sound.au", None, "pcm_s16be"),
    Kind("sound.caf", None, "alac"),
    Kind("sound.w64", None, "pcm_s16le"),
    Kind("sound.wv", None, "wavpack"),
    Kind("sound.tta", None, "tta"),
    Kind("still.png"), Kind("still.jpg"), Kind("still.webp"), Kind("still.bmp"),
    Kind("still.tiff"), Kind("still.jp2"),
    Kind("signed.mp4", "libx264", "aac", encoding=_QUICK, options=_FAST, signed=True),
    Kind("signed.mov", "mpeg4", "pcm_s16le", signed=True),
    Kind("signed.m4a", None, "aac", signed=True),
    Kind("signed.wav", None, "pcm_s16le", signed=True),
    Kind("signed.flac", None, "flac", signed=True),
    Kind("signed.mp3", None, "libmp3lame", signed=True),
    Kind("signed.png", signed=True), Kind("signed.jpg", signed=True),
    Kind("signed.webp", signed=True),
)  # fmt: skip


def make_bases(
    folder: Path, films: Sequence[Path] = (), kinds: Sequence[Kind] = KINDS
) -> dict[str, Path]:
    """One file of every kind, by name, with pictures and sound of the films in turn.

    ``films`` are real clips; without any, it is the demo person alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = [demo_media()[0], *films]
    found = {}
    for number, kind in enumerate(kinds):
        path = folder / kind.name
        with ordinary_scheduling():  # of AV1's encoder: it would make all later tests real-time
            _make(path, kind, _content(sources[number % len(sources)]))
        if kind.signed:
            _sign(path)
        found[kind.name] = path
    return found


@dataclass(frozen=True)
class _Content:
    pictures: Pictures
    sound: Callable[[int], NDArray[np.float32]]


def _content(film: Path) -> _Content:
    with read_frames(film) as frames:
        pictures = [frame.rgb() for _, frame in zip(range(FRAMES), frames, strict=False)]
    scale = 180 / max(pictures[0].shape[:2])
    width, height = (round(side * scale / 2) * 2 for side in pictures[0].shape[1::-1])
    small = [cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA) for each in pictures]

    def sound(rate: int) -> NDArray[np.float32]:
        wanted = round(rate * FRAMES / 25)
        chunks, have = [], 0
        for chunk in read_audio(film, rate):
            chunks.append(chunk.samples)
            have += len(chunk.samples)
            if have >= wanted:
                break
        return np.concatenate(chunks)[:wanted]

    return _Content([np.asarray(each, np.uint8) for each in small], sound)


def _make(path: Path, kind: Kind, content: _Content) -> None:
    if kind.video is None and kind.audio is None:
        assert cv2.imwrite(str(path), content.pictures[0][..., ::-1])
        return
    with av.open(str(path), "w", format=kind.container, options=dict(kind.options)) as output:
        output.metadata.update({"title": "a title", "artist": "nobody", "comment": "a comment"})
        video = _add_video(output, kind, content) if kind.video else None
        sounds = [_add_sound(output, kind) for _ in range(kind.sounds)] if kind.audio else []
        cover = _add_cover(output, content) if kind.cover else None
        text = output.add_stream(kind.subtitles) if kind.subtitles else None
        if text is not None:
            text.codec_context.subtitle_header = _ASS
        if kind.attachment:
            output.add_attachment("font.ttf", "font/ttf", b"not really a font")
        if kind.chapters:
            output.set_chapters([_chapter(0, 0, 200, "one"), _chapter(1, 200, 400, "two")])
        if video is not None:
            _write_video(output, video, kind, content)
        for track in sounds:
            _write_sound(output, track, kind, content)
        if cover is not None:
            output.mux(cover)
        if text is not None:
            _write_text(output, text)


def _add_video(output: Any, kind: Kind, content: _Content) -> Any:
    assert kind.video is not None
    height, width = content.pictures[0].shape[:2]
    width, height = kind.size or (width, height)
    video = output.add_stream(
        kind.video, rate=25, options=dict(kind.encoding), width=width, height=height
    )
    video.codec_context.pix_fmt = kind.pix_fmt
    video.codec_context.gop_size = 6
    video.codec_context.thread_count = 1
    if kind.variable:
        video.time_base = video.codec_context.time_base = Fraction(1, 1000)
    if kind.rotation:
        video.set_display_rotation(-kind.rotation)
    return video


def _write_video(output: Any, video: Any, kind: Kind, content: _Content) -> None:
    context = video.codec_context
    for index, rgb in enumerate(content.pictures[: kind.frames]):
        fitted = cv2.resize(rgb, (context.width, context.height))
        frame = av.VideoFrame.from_ndarray(fitted, "rgb24").reformat(format=kind.pix_fmt)
        if kind.variable:
            frame.pts, frame.time_base = index * 40 + (index % 3) * 7, Fraction(1, 1000)
        else:
            frame.pts, frame.time_base = index, Fraction(1, 25)
        output.mux(video.encode(frame))
    output.mux(video.encode(None))


def _add_sound(output: Any, kind: Kind) -> Any:
    track = output.add_stream(kind.audio, rate=kind.rate, options={"strict": "experimental"})
    track.codec_context.layout = kind.layout
    track.codec_context.bit_rate = 64000
    track.metadata["language"] = "eng"
    return track


def _write_sound(output: Any, track: Any, kind: Kind, content: _Content) -> None:
    samples = content.sound(kind.rate)
    context = track.codec_context
    convert = av.AudioResampler(
        context.format, context.layout, kind.rate, context.frame_size or 1024
    )
    frame = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
    frame.sample_rate, frame.time_base, frame.pts = kind.rate, Fraction(1, kind.rate), 0
    for fitted in [*convert.resample(frame), *convert.resample(None)]:
        output.mux(track.encode(fitted))
    output.mux(track.encode(None))


def _add_cover(output: Any, content: _Content) -> Any:
    """A picture as players show it beside the sound; the packet to be written."""
    height, width = content.pictures[0].shape[:2]
    stream = output.add_stream("mjpeg", width=width, height=height)
    stream.codec_context.pix_fmt = "yuvj420p"
    stream.disposition = av.stream.Disposition.attached_pic
    coded = cv2.imencode(".jpg", content.pictures[0][..., ::-1])[1].tobytes()
    packet = av.Packet(coded)
    packet.stream, packet.pts, packet.dts = stream, 0, 0
    packet.time_base = Fraction(1, 90000)
    return packet


def _write_text(output: Any, text: Any) -> None:
    for start in (0, 200):
        line = b"0,0,Default,,0,0,0,,line at %d" % start
        packet = text.codec_context.encode_subtitle(SubtitleSet.create(line, 0, 150))
        packet.stream, packet.time_base = text, Fraction(1, 1000)
        packet.pts = packet.dts = start
        packet.duration = 150
        output.mux(packet)


def _chapter(number: int, start: int, end: int, title: str) -> Any:
    return {"id": number, "start": start, "end": end, "time_base": Fraction(1, 1000),
            "metadata": {"title": title}}  # fmt: skip


def _sign(path: Path) -> None:
    from c2pa_forms import sign

    plain = path.with_name(f"unsigned-{path.name}")
    path.rename(plain)
    sign(plain, path)
    plain.unlink()
