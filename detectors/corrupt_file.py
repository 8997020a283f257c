"""A media file after a corruption, as a media file: so that its scan is a scan of a real file."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from avsynth.errors import UsageError
from avsynth.media import (
    AudioChunk,
    EncoderSettings,
    Frame,
    MediaInfo,
    VideoInfo,
    Writer,
    probe,
    read_audio,
    read_frames,
    video_like,
)
from detectors.corruptions import Corruption, Film, Samples, corrupt_film, corrupt_sound

StrPath = str | Path

_PIECE_S = 60  # of sound corrupted at once
_CONTEXT_S = 2  # heard around each piece, so that no seam is heard


def corrupt_file(
    path: StrPath,
    corruption: Corruption | None,
    out: StrPath,
    start: Fraction | None = None,
    stop: Fraction | None = None,
) -> None:
    """Write ``path`` after ``corruption`` as ``out``; None only rewrites it, the control.

    Films become H.264 without loss (the corruption h264 itself: with its CRF) and 16-bit sound in
    Matroska, sounds 16-bit WAV or FLAC, so nothing but the corruption is lost. What a corruption
    does not speak of stays as it is: a film corrupted in sound keeps its pictures. Odd sizes lose
    their last row or column. Constant memory.

    Args:
        path: a film or a sound.
        corruption: see ``detectors.corruptions``.
        out: a .mkv for a film, a .wav or .flac for a sound.
        start: first time wanted, seconds.
        stop: end of what is wanted, seconds.

    Raises:
        InputError: ``path`` cannot be read.
        UsageError: it has no such stream, or ``out`` has another suffix.
        ResourceError: ``out`` cannot be written.
    """
    info = probe(path)
    _check(info, corruption, Path(out))
    like = None if info.video is None else _like(info.video, corruption)
    sound = info.audio[0] if info.audio else None
    settings = None if like is None else _settings(corruption)
    coded = "flac" if Path(out).suffix == ".flac" else "pcm_s16le"
    with Writer(
        out, like, settings,
        audio_rate=sound.rate if sound else None, channels=sound.channels if sound else 1,
        audio_codec=coded,
    ) as writer:  # fmt: skip
        if sound is not None:
            chunks = read_audio(path, sound.rate, start, stop, mono=False)
            for chunk in _sound(chunks, corruption):
                writer.write_audio(chunk.samples, max(chunk.time - (start or 0), Fraction(0)))
        if like is not None:
            _write_pictures(writer, path, like, corruption, start, stop)


def suffixes_for(info: MediaInfo) -> tuple[str, ...]:
    """What the name of a file may end in after a corruption."""
    return (".mkv",) if info.video is not None else (".wav", ".flac")


def fits(info: MediaInfo, corruption: Corruption) -> bool:
    """Whether a file has what a corruption is done to."""
    return info.video is not None if corruption.subject == "picture" else bool(info.audio)


def _check(info: MediaInfo, corruption: Corruption | None, out: Path) -> None:
    if out.suffix not in suffixes_for(info):
        hint = f"use {' or '.join(suffixes_for(info))}"
        raise UsageError("a corrupted file has another suffix", out, hint)
    if corruption is not None and not fits(info, corruption):
        what = "pictures" if corruption.subject == "picture" else "sound"
        raise UsageError(f"has no {what} that {corruption} could be done to", info.path)


def _as_stored(corruption: Corruption | None, video: VideoInfo) -> bool:
    """Whether pictures can go to the encoder in their own planes, colours never converted."""
    even = video.coded_width % 2 == 0 and video.coded_height % 2 == 0
    return even and (
        corruption is None or corruption.name == "h264" or corruption.subject == "sound"
    )


def _like(video: VideoInfo, corruption: Corruption | None) -> VideoInfo:
    if _as_stored(corruption, video):
        return video
    width, height = (max(side // 2 * 2, 2) for side in (video.width, video.height))
    rate = video.average_rate if 0 < video.average_rate <= 1000 else Fraction(25)
    return video_like(width, height, rate, time_base=video.time_base)


def _settings(corruption: Corruption | None) -> EncoderSettings:
    if corruption is not None and corruption.name == "h264":
        return EncoderSettings("h264", crf=int(corruption.setting), threads=1)
    return EncoderSettings("h264", lossless=True, preset="ultrafast", threads=1)


def _write_pictures(
    writer: Writer, path: StrPath, like: VideoInfo, corruption: Corruption | None,
    start: Fraction | None, stop: Fraction | None,
) -> None:  # fmt: skip
    base = like.time_base
    first, end = (None if limit is None else int(limit / base) for limit in (start, stop))
    stored = _as_stored(corruption, like) and like.codec != "rawvideo"
    last = -1
    for number, frame in enumerate(read_frames(path, first, end, threads=1)):
        last = max(last + 1, round((frame.time - (start or 0)) / base))
        writer.write(frame if stored else _picture(frame, like, corruption, number), last)


def _picture(frame: Frame, like: VideoInfo, corruption: Corruption | None, number: int) -> Film:
    picture = frame.rgb()
    if corruption is not None and corruption.subject == "picture" and corruption.name != "h264":
        picture = corrupt_film(picture[None], corruption, seed=number)[0]
    return np.ascontiguousarray(_fitted(picture, like))


def _fitted(picture: Film, like: VideoInfo) -> Film:
    """Cut to even sides; a side of one pixel is doubled."""
    for axis in (0, 1):
        if picture.shape[axis] == 1:
            picture = np.repeat(picture, 2, axis)
    return picture[: like.height, : like.width]


def _sound(chunks: Iterator[AudioChunk], corruption: Corruption | None) -> Iterator[AudioChunk]:
    """The same chunks, or longer pieces of them after a corruption of sound."""
    if corruption is None or corruption.subject != "sound":
        yield from chunks
        return
    for number, (before, piece, after) in enumerate(_pieces(chunks)):
        heard = np.concatenate([before, piece.samples, after])
        made = corrupt_sound(heard, piece.rate, corruption, seed=100 * number)
        yield AudioChunk(
            piece.time, piece.rate, made[len(before) : len(before) + len(piece.samples)]
        )


def _pieces(chunks: Iterator[AudioChunk]) -> Iterator[tuple[Samples, AudioChunk, Samples]]:
    """Pieces of a minute, each with up to two seconds of what lies before and after it."""
    held: list[Samples] = []
    before: Samples | None = None
    time, rate, count = Fraction(0), 0, 0
    for chunk in chunks:
        if not held:
            time, rate = chunk.time, chunk.rate
        held.append(chunk.samples)
        count += len(chunk.samples)
        if count >= (_PIECE_S + _CONTEXT_S) * rate:
            joined = np.concatenate(held)
            piece, after = joined[: _PIECE_S * rate], joined[_PIECE_S * rate :]
            yield piece[:0] if before is None else before, AudioChunk(time, rate, piece), after
            before, held, count = piece[-_CONTEXT_S * rate :], [after], len(after)
            time += _PIECE_S
    if held:
        last = np.concatenate(held)
        yield last[:0] if before is None else before, AudioChunk(time, rate, last), last[:0]
