"""Segments: encoded apart, joined without a change of picture or time; the rest copied."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_clips import Extras, Sound, make_clip, tone

from avsynth.errors import InputError, ResourceError, UsageError
from avsynth.media import (
    AudioChunk,
    Box,
    EncoderSettings,
    MediaInfo,
    SegmentWriter,
    join,
    probe,
    read_audio,
    read_frames,
)

HALF = Fraction(1, 2)


def segments_of(
    path: Path, info: MediaInfo, settings: EncoderSettings, size: int = 5, change: bool = False
) -> list[Path]:
    """Encode in segments of ``size`` frames, with a box changed if asked for."""
    assert info.video is not None
    frames = read_frames(path)
    found: list[Path] = []
    while batch := list(itertools.islice(frames, size)):
        found.append(path.parent / f"segment {len(found)}.nut")
        with SegmentWriter(found[-1], info.video, settings) as writer:
            for frame in batch:
                if change:
                    box = Box(10, 8, 31, 27)
                    frame.put(box, 255 - frame.rgb(box), np.ones((19, 21), np.float32))
                writer.write(frame)
    return found


def same_planes(one: Path, two: Path) -> bool:
    pairs = itertools.zip_longest(read_frames(one), read_frames(two))
    return all(
        np.array_equal(a, b)
        for first, second in pairs
        for a, b in zip(first.planes(), second.planes(), strict=True)
    )


@pytest.mark.parametrize(
    ("pix_fmt", "size", "codec", "source"),
    [("yuv420p", (96, 64), "h264", "libx264"), ("yuv422p", (96, 64), "h264", "libx264"),
     ("yuv444p", (97, 65), "h264", "libx264"), ("yuv420p10le", (96, 64), "h264", "libx264"),
     ("yuv422p10le", (96, 64), "h264", "libx264"), ("yuv444p10le", (96, 64), "h264", "libx264"),
     ("yuv420p10le", (96, 64), "h264", "libx265"), ("yuv420p12le", (96, 64), "hevc", "libx265"),
     ("yuv420p", (97, 65), "vp9", "ffv1"), ("yuv420p10le", (97, 65), "ffv1", "ffv1"),
     ("bgr0", (97, 65), "hevc", "ffv1"), ("yuv422p", (95, 64), "vp9", "ffv1")],
)  # fmt: skip
@pytest.mark.parametrize("rotation", [0, 90])
def test_lossless_round_trip_is_bit_identical(
    pix_fmt: str, size: tuple[int, int], codec: str, source: str, rotation: int, tmp_path: Path
) -> None:
    options = {"libx265": {"x265-params": "lossless=1:log-level=none"}, "ffv1": {}}
    path = make_clip(
        tmp_path / "in.mkv", *size, pix_fmt=pix_fmt,
        codec=source, options=options.get(source), rotation=rotation,
        times=range(0, 1200, 100), time_base=Fraction(1, 1000),
    )  # fmt: skip
    info = probe(path)
    assert info.video is not None and info.video.rotation == rotation
    settings = EncoderSettings.for_source(info.video, lossless=True)
    assert settings.codec == codec
    out = tmp_path / "out.mkv"
    result = join(out, segments_of(path, info, settings), path, info)
    assert result.frames == 12
    assert same_planes(path, out)
    assert [f.time for f in read_frames(out)] == [f.time for f in read_frames(path)]
    after = probe(out).video
    assert after is not None and after.rotation == rotation
    assert (after.width, after.height) == (info.video.width, info.video.height)


def test_only_the_box_changes(tmp_path: Path) -> None:
    for pix_fmt in ("yuv420p", "yuv420p10le"):
        path = make_clip(tmp_path / f"{pix_fmt}.mp4", pix_fmt=pix_fmt)
        info = probe(path)
        assert info.video is not None
        settings = EncoderSettings.for_source(info.video, lossless=True)
        out = tmp_path / f"{pix_fmt} out.mp4"
        join(out, segments_of(path, info, settings, change=True), path, info)
        for before, after in zip(read_frames(path), read_frames(out), strict=True):
            for index, (a, b) in enumerate(zip(before.planes(), after.planes(), strict=True)):
                box = (10, 8, 31, 27) if index == 0 else (5, 4, 16, 14)
                inside = np.zeros(a.shape, bool)
                inside[box[1] : box[3], box[0] : box[2]] = True
                assert np.array_equal(a[~inside], b[~inside])
                assert not np.array_equal(a[inside], b[inside])


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize(
    ("times", "base"),
    [
        ([0, 1001, 2002, 3003, 4004, 5005, 6006], Fraction(1, 30000)),
        ([507, 1531, 2043, 2555, 3579, 4091, 9000, 9001, 9700], Fraction(1, 15360)),
        ([7, 8, 9, 12, 13, 20, 21], Fraction(1001, 30000)),
        ([900000, 903003, 906006, 909009], Fraction(1, 90000)),
        ([3], Fraction(1, 25)),
    ],
)
def test_times_survive_exactly(
    times: list[int], base: Fraction, suffix: str, tmp_path: Path
) -> None:
    path = make_clip(tmp_path / "in.nut", times=times, time_base=base)
    info = probe(path)
    assert info.video is not None
    settings = EncoderSettings.for_source(info.video)
    segments = segments_of(path, info, settings, size=3)
    out = tmp_path / f"out.{suffix}"
    join(out, segments, path, info)
    wanted = [time * base for time in times]
    assert [frame.time for frame in read_frames(path)] == wanted
    assert [frame.time for frame in read_frames(out)] == wanted
    with av.open(str(out)) as container:
        packets = [p for p in container.demux(container.streams.video[0]) if p.size]
    decoding = [p.dts for p in packets]
    assert all(a < b for a, b in itertools.pairwise(decoding))
    assert all(p.dts <= p.pts for p in packets)


def test_joined_segments_decode_like_each_alone(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", times=range(40), gop=40)
    info = probe(path)
    assert info.video is not None
    settings = EncoderSettings.for_source(info.video, preset="medium")  # B frames, pyramid
    segments = segments_of(path, info, settings, size=13)
    out = tmp_path / "out.mp4"
    join(out, segments, path, info)
    alone = [frame for segment in segments for frame in read_frames(segment)]
    joined = list(read_frames(out))
    assert [a.time for a in alone] == [b.time for b in joined]
    for a, b in zip(alone, joined, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a.planes(), b.planes(), strict=True))
    # Any part can be had on its own, and is the same.
    part = list(read_frames(out, joined[17].pts, joined[31].pts))
    assert [f.pts for f in part] == [f.pts for f in joined[17:31]]
    assert np.array_equal(part[0].planes()[0], joined[17].planes()[0])


def rich_clip(path: Path) -> Path:
    subtitles = "mov_text" if path.suffix in (".mp4", ".mov") else "subrip"
    extras = Extras(
        [Sound(tone(1), language="eng"), Sound(tone(1, hertz=880), language="deu")],
        subtitles=subtitles, chapters=True, attachment=path.suffix == ".mkv",
        metadata={"title": "A title", "comment": "kept", "my_own_key": "too"},
    )  # fmt: skip
    return make_clip(
        path, times=range(25), rotation=90, aspect=Fraction(4, 3), colour=(1, 9, 9, 16),
        extras=extras, container_options={"movflags": "use_metadata_tags"}
        if path.suffix == ".mp4" else None,
    )  # fmt: skip


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("replaced", [0, 1])
def test_everything_else_is_copied(suffix: str, replaced: int, tmp_path: Path) -> None:
    path = rich_clip(tmp_path / f"in.{suffix}")
    info = probe(path)
    assert info.video is not None and len(info.audio) == 2 and info.subtitles == 1
    settings = EncoderSettings.for_source(info.video)
    out = tmp_path / f"out.{suffix}"
    sound = iter([AudioChunk(Fraction(0), 16000, tone(1, 16000, 220))])
    result = join(out, segments_of(path, info, settings), path, info, sound, 16000, replaced)
    assert result.dropped == ()
    after = probe(out)
    assert after.video is not None
    assert after.video.colour == info.video.colour
    assert after.video.rotation == 90
    assert after.video.sample_aspect_ratio == Fraction(4, 3)
    assert after.chapters == 2 and after.subtitles == 1 and len(after.audio) == 2
    assert after.audio[0].rate == 16000
    assert after.audio[0].language == info.audio[replaced].language
    assert after.audio[1].language == info.audio[1 - replaced].language
    found = {key.lower(): value for key, value in after.metadata.items()}
    assert found["title"] == "A title" and found["my_own_key"] == "too"
    for container_path in (path, out):
        with av.open(str(container_path)) as container:
            lines = [bytes(p) for p in container.demux(container.streams.subtitles[0]) if p.size]
            titles = [chapter["metadata"]["title"] for chapter in container.chapters()]
            assert sum(b"line at" in line for line in lines) == 2
            assert titles == ["one", "two"]
            assert container.streams.subtitles[0].language == "fra"
            attachments = [s.data for s in container.streams if s.type == "attachment"]
            assert attachments == ([b"not really a font"] if suffix == "mkv" else [])
    kept = np.concatenate([c.samples for c in read_audio(out, 48000, stream=1)])
    original = np.concatenate([c.samples for c in read_audio(path, 48000, stream=1 - replaced)])
    assert np.array_equal(kept[:47000], original[:47000])


@pytest.mark.parametrize(("source", "target"), [("mp4", "mkv"), ("mkv", "mp4"), ("mkv", "mov")])
def test_subtitles_change_kind_with_the_container(source: str, target: str, tmp_path: Path) -> None:
    path = rich_clip(tmp_path / f"in.{source}")
    info = probe(path)
    assert info.video is not None
    segments = segments_of(path, info, EncoderSettings.for_source(info.video))
    out = tmp_path / f"out.{target}"
    result = join(out, segments, path, info)
    assert [line.split()[0] for line in result.dropped] == ["attachment"] * (source == "mkv")
    with av.open(str(out)) as container:
        packets = [p for p in container.demux(container.streams.subtitles[0])
                   if b"line at" in bytes(p)]  # fmt: skip
        assert [float(p.pts * p.time_base) for p in packets] == pytest.approx([0, 0.2], abs=1e-3)
        assert [float(p.duration * p.time_base) for p in packets] == pytest.approx([0.15] * 2)
    assert probe(out).chapters == 2 and len(probe(out).audio) == 2


def test_a_full_disk_is_said_to_be_one(tmp_path: Path) -> None:
    path = rich_clip(tmp_path / "in.mp4")
    info = probe(path)
    assert info.video is not None
    segments = segments_of(path, info, EncoderSettings.for_source(info.video))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, before[1]))
    try:
        for suffix in ("mp4", "mkv"):
            with pytest.raises(ResourceError, match="too large"):
                join(tmp_path / f"out.{suffix}", segments, path, info)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(("out", "."))]


def test_times_before_zero_start_at_zero(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.ts", times=range(-3, 20),
                     container_options={"avoid_negative_ts": "disabled"})  # fmt: skip
    info = probe(path)
    assert info.video is not None and info.video.start < 0
    segments = segments_of(path, info, EncoderSettings.for_source(info.video))
    for suffix in ("mp4", "mkv"):
        out = tmp_path / f"out.{suffix}"
        assert join(out, segments, path, info).frames == 23
        assert [f.time for f in read_frames(out)] == [Fraction(n, 25) for n in range(23)]


def test_a_new_time_line_leaves_the_rest_behind(tmp_path: Path) -> None:
    path = rich_clip(tmp_path / "in.mp4")
    info = probe(path)
    assert info.video is not None
    segments = segments_of(path, info, EncoderSettings.for_source(info.video))
    out = tmp_path / "out.mp4"
    sound = iter([AudioChunk(Fraction(0), 48000, tone(1))])
    join(out, segments, path, info, sound, 48000, copy_streams=False)
    after = probe(out)
    assert (len(after.audio), after.subtitles, after.chapters) == (1, 0, 0)
    assert after.metadata["title"] == "A title"


def clicks(seconds: int, rate: int) -> Iterator[AudioChunk]:
    """A click at every full second but the first, in blocks of a second."""
    for second in range(seconds):
        samples = np.zeros(rate, np.float32)
        if second:
            samples[:4] = 0.9
        yield AudioChunk(Fraction(second), rate, samples)


@pytest.mark.parametrize(
    ("suffix", "rate", "seconds"),
    [("mp4", 44100, 600), ("mp4", 16000, 30), ("mkv", 48000, 30), ("webm", 48000, 30)],
)
def test_no_drift(suffix: str, rate: int, seconds: int, tmp_path: Path) -> None:
    base = Fraction(1001, 30000)
    count = int(seconds / base)
    path = make_clip(
        tmp_path / "in.nut",
        64,
        64,
        range(count),
        base,
        gop=600,
        options={"preset": "ultrafast"},
        still=True,
    )
    info = probe(path)
    assert info.video is not None
    out = tmp_path / f"out.{suffix}"
    settings = EncoderSettings.for_source(info.video, preset="ultrafast", out=out)
    segments = segments_of(path, info, settings, size=1500)
    join(out, segments, path, info, clicks(seconds, rate), rate)
    positions: list[Fraction] = []
    coded = probe(out).audio[0].rate
    quiet = 0
    for chunk in read_audio(out, coded):
        for index in np.flatnonzero(np.abs(chunk.samples) > 0.15):
            moment = chunk.time + Fraction(int(index), coded)
            if not positions or moment - positions[-1] > HALF:
                positions.append(moment)
        quiet = max(quiet, len(chunk.samples))
    assert len(positions) == seconds - 1
    drift = [float(found - wanted) for wanted, found in enumerate(positions, start=1)]
    assert max(map(abs, drift)) < 1e-3, (min(drift), max(drift))
    if suffix == "mp4":
        assert [f.time for f in read_frames(out)] == [index * base for index in range(count)]


def test_a_source_that_starts_late_stays_late(tmp_path: Path) -> None:
    extras = Extras([Sound(tone(1), start=Fraction(3, 10))])
    path = make_clip(tmp_path / "in.mp4", times=range(5, 25), extras=extras)
    info = probe(path)
    assert info.video is not None and info.video.start == Fraction(1, 5)
    segments = segments_of(path, info, EncoderSettings.for_source(info.video))
    for suffix in ("mp4", "mkv"):
        out = tmp_path / f"out.{suffix}"
        join(out, segments, path, info, read_audio(path, 48000), 48000)
        assert next(read_frames(out)).time == Fraction(1, 5)
        samples = np.concatenate([c.samples for c in read_audio(out, 48000)])
        begin = next(read_audio(out, 48000)).time
        loud = begin + Fraction(int(np.flatnonzero(np.abs(samples) > 0.2)[0]), 48000)
        assert abs(loud - Fraction(3, 10)) < Fraction(1, 500)


def test_segments_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4")
    info = probe(path)
    assert info.video is not None
    settings = EncoderSettings.for_source(info.video)
    segments = segments_of(path, info, settings, size=6)
    out = tmp_path / "out.mp4"
    with pytest.raises(InputError, match="ended"):
        join(out, segments[::-1], path, info)
    other = EncoderSettings.for_source(info.video, codec="h264", preset="ultrafast")
    with SegmentWriter(tmp_path / "other.nut", info.video, other) as writer:
        for frame in read_frames(path, start=info.video.time_base.denominator // 4):
            writer.write(frame)
    with pytest.raises(InputError, match="other settings"):
        join(out, [segments[0], tmp_path / "other.nut"], path, info)
    with pytest.raises(UsageError, match="overwrite"):
        join(path, segments, path, info)
    with pytest.raises(UsageError, match="nothing to join"):
        join(out, [], path, info)
    with pytest.raises(UsageError, match="cannot hold h264"):
        join(tmp_path / "out.webm", segments, path, info)
    with pytest.raises(ResourceError, match="folder"):
        join(tmp_path / "no" / "out.mp4", segments, path, info)
    truncated = tmp_path / "cut.nut"
    truncated.write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        join(out, [truncated], path, info)
    with pytest.raises(ValueError, match="after one at"), \
            SegmentWriter(tmp_path / "x.nut", info.video, settings) as writer:  # fmt: skip
        for frame in read_frames(path):
            writer.write(frame, 3)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(("out", "x", "."))) == []


def _endless(path: Path, source: Path, ready: Path) -> None:
    info = probe(source)
    assert info.video is not None
    video = replace(info.video, time_base=Fraction(1, 25))
    with SegmentWriter(path, video, EncoderSettings.for_source(video)) as writer:
        for index in itertools.count():
            writer.write(next(read_frames(source)), index)
            if index == 30:
                ready.touch()


def test_a_killed_process_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4")
    path, ready = tmp_path / "segment.nut", tmp_path / "ready"
    process = multiprocessing.get_context("spawn").Process(
        target=_endless, args=(path, source, ready)
    )
    process.start()
    for _ in range(600):
        if ready.exists():
            break
        time.sleep(0.05)
    assert ready.exists() and process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not path.exists()


def test_interlaced_stays_interlaced(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", interlaced=True)
    info = probe(path)
    assert info.video is not None and info.video.interlaced
    out = tmp_path / "out.mp4"
    settings = EncoderSettings.for_source(info.video, lossless=True)
    join(out, segments_of(path, info, settings), path, info)
    assert all(frame.interlaced for frame in read_frames(out))
    assert same_planes(path, out)
