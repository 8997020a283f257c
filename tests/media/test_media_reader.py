"""Reading pictures: every one once, exact times, seeking, damage, hostile files."""

from __future__ import annotations

import base64
import itertools
import shutil
import socket
import subprocess
import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from media_clips import Extras, Sound, make_clip, tone

from avsynth.errors import InputError
from avsynth.media import (
    Box,
    Frame,
    MediaInfo,
    VideoInfo,
    probe,
    read_audio,
    read_frames,
    sha256_file,
)  # fmt: skip


def video_of(path: Path) -> VideoInfo:
    info = probe(path).video
    assert info is not None
    return info


def same(one: Sequence[Frame], two: Sequence[Frame]) -> bool:
    return [f.pts for f in one] == [f.pts for f in two] and all(
        np.array_equal(x, y)
        for a, b in zip(one, two, strict=True)
        for x, y in zip(a.planes(), b.planes(), strict=True)
    )


def assert_any_range_is_a_part_of_the_whole(path: Path) -> None:
    whole = list(read_frames(path))
    assert all(a.pts < b.pts for a, b in itertools.pairwise(whole))
    count = len(whole)
    for first, last in {(0, count), (1, count // 2), (count // 2, count - 1), (count - 1, count)}:
        stop = whole[last].pts if last < count else None
        part = list(read_frames(path, whole[first].pts, stop))
        assert same(part, whole[first:last]), (first, last)
    assert list(read_frames(path, whole[-1].pts + 1)) == []
    assert same(list(read_frames(path, whole[0].pts - 1000)), whole)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts", "mov", "flv", "h264", "mpg", "webm"])
def test_ranges_in_every_container(suffix: str, tmp_path: Path) -> None:
    codec, options = {"avi": ("mpeg4", {"bf": "2"}), "mpg": ("mpeg2video", {"bf": "2"}),
                      "webm": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
                      }.get(suffix, ("libx264", {"preset": "veryfast", "bf": "3"}))  # fmt: skip
    path = make_clip(tmp_path / f"c.{suffix}", times=range(40), codec=codec, options=options, gop=9)
    assert len(list(read_frames(path))) == 40
    assert_any_range_is_a_part_of_the_whole(path)


@pytest.mark.parametrize("params", ["open-gop=1:bframes=3:b-pyramid=normal", "intra-refresh=1"])
def test_open_groups_of_pictures(params: str, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "c.mp4", times=range(60), gop=12,
                     options={"preset": "veryfast", "x264-params": params})  # fmt: skip
    assert_any_range_is_a_part_of_the_whole(path)


def test_open_groups_of_hevc(tmp_path: Path) -> None:
    path = make_clip(
        tmp_path / "c.mp4", times=range(60), gop=12, codec="libx265",
        options={"preset": "veryfast", "x265-params": "open-gop=1:log-level=none"},
    )  # fmt: skip
    assert_any_range_is_a_part_of_the_whole(path)


def test_uneven_times(tmp_path: Path) -> None:
    times = [507, 1531, 2043, 2555, 3579, 4091, 9000, 9001, 9700, 30000]
    path = make_clip(tmp_path / "c.mp4", times=times, time_base=Fraction(1, 15360))
    info = video_of(path)
    assert info.variable_rate is True
    frames = list(read_frames(path))
    assert [f.time for f in frames] == [Fraction(t, 15360) for t in times]
    assert_any_range_is_a_part_of_the_whole(path)


def test_even_times_are_told_from_uneven_ones(tmp_path: Path) -> None:
    even = make_clip(tmp_path / "e.mp4", times=range(0, 40040, 1001), time_base=Fraction(1, 30000))
    assert video_of(even).variable_rate is False
    film = make_clip(tmp_path / "f.mkv", times=range(40), time_base=Fraction(1001, 24000))
    assert video_of(film).variable_rate is not True  # 41 and 42 ms in turn
    uneven = make_clip(
        tmp_path / "u.mkv", times=[0, 40, 80, 200, 240, 280, 320], time_base=Fraction(1, 1000)
    )
    assert video_of(uneven).variable_rate is True


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_late_start_is_kept(suffix: str, tmp_path: Path) -> None:
    path = make_clip(tmp_path / f"c.{suffix}", times=range(50, 70))
    info = video_of(path)
    frames = list(read_frames(path))
    first = {"ts": None}.get(suffix, Fraction(2))
    assert first is None or frames[0].time == first
    assert info.start == frames[0].time
    assert_any_range_is_a_part_of_the_whole(path)


def test_times_before_zero(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "c.ts", times=range(-3, 20),
                     container_options={"avoid_negative_ts": "disabled"})  # fmt: skip
    frames = list(read_frames(path))
    assert len(frames) == 23 and frames[0].time == Fraction(-3, 25)
    assert video_of(path).start == Fraction(-3, 25)
    assert_any_range_is_a_part_of_the_whole(path)


def rewritten(path: Path, out: Path, drop_times: str) -> Path:
    """Copy the packets with some time stamps missing, or repeated."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size == 0:
                continue
            if drop_times == "repeated" and number % 4 == 3:
                packet.pts = packet.dts = packet.pts - packet.duration
            packet.stream = stream
            target.mux(packet)
    return out


def test_repeated_times_are_repaired(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "c.mkv", times=range(24), codec="mpeg4", options={})
    broken = rewritten(path, tmp_path / "b.mkv", "repeated")
    frames = list(read_frames(broken))
    assert len(frames) == 24
    assert_any_range_is_a_part_of_the_whole(broken)
    assert [f.time for f in frames[:3]] == [Fraction(0), Fraction(1, 25), Fraction(2, 25)]


def test_missing_times_follow_the_average_rate(tmp_path: Path) -> None:
    path = make_clip(
        tmp_path / "c.h264", times=range(24), options={"preset": "veryfast", "bf": "2"}
    )
    frames = list(read_frames(path))
    steps = {b.time - a.time for a, b in itertools.pairwise(frames)}
    assert len(frames) == 24 and steps == {Fraction(1, 25)}


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_an_edit_list_that_starts_inside_a_group(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "c.mp4", times=range(60), gop=30, options={"preset": "veryfast"})
    cut = tmp_path / "cut.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-ss", "0.5", "-i", path, "-c", "copy", cut], check=True
    )
    frames = list(read_frames(cut))
    whole = list(read_frames(path))
    assert frames[0].time == 0
    assert np.array_equal(frames[-1].planes()[0], whole[-1].planes()[0])
    assert abs(len(frames) - 47.5) < 2
    assert_any_range_is_a_part_of_the_whole(cut)


def test_a_truncated_file_gives_what_is_there(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "c.mkv", times=range(100), gop=10)
    whole = list(read_frames(path))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    frames = list(read_frames(cut))
    assert 40 < len(frames) < 75
    assert same(frames[:40], whole[:40])
    moov_lost = tmp_path / "cut.mp4"
    path = make_clip(tmp_path / "c.mp4", times=range(100))
    moov_lost.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(InputError, match="damaged"):
        probe(moov_lost)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts", "avi"])
def test_damage_is_passed_over_and_counted(suffix: str, tmp_path: Path) -> None:
    codec = "mpeg4" if suffix == "avi" else "libx264"
    options = {} if suffix == "avi" else {"preset": "veryfast"}
    path = make_clip(tmp_path / f"c.{suffix}", 320, 240, range(100), gop=10, codec=codec,
                     options=options)  # fmt: skip
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(1)
    for position in rng.integers(len(data) // 4, len(data) * 3 // 4, 60):
        data[position : position + 8] = rng.integers(0, 256, 8, np.uint8).tobytes()
    path.write_bytes(bytes(data))
    reader = read_frames(path)
    frames = list(reader)
    assert 50 <= len(frames) <= 100
    assert reader.damaged > 0
    assert all(a.pts < b.pts for a, b in itertools.pairwise(frames))


def test_random_damage_never_ends_in_a_library_error(tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv", "avi"):
        extras = Extras([Sound(tone(0.5))]) if suffix != "avi" else None
        path = make_clip(tmp_path / f"c.{suffix}", times=range(20), extras=extras)
        original = path.read_bytes()
        for seed in range(25):
            rng = np.random.default_rng(seed)
            data = bytearray(original)
            for position in rng.integers(0, len(data), 12):
                data[position] = rng.integers(0, 256)
            path.write_bytes(bytes(data))
            try:
                probe(path)
                count = len(list(read_frames(path)))
                assert count <= 40
            except InputError:
                pass


def test_opening_again_and_again_keeps_memory(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "c.mp4", 1280, 720, range(2), options={"preset": "ultrafast"})
    sizes = []
    for _ in range(60):
        probe(path)
        for frame in read_frames(path):
            frame.rgb(Box(0, 0, 64, 64))
        sizes.append(psutil.Process().memory_info().rss)
    assert sizes[-1] - sizes[20] < 20e6  # one picture kept of each would be 55 MB


def test_one_picture(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "c.mp4", times=[0])
    assert len(list(read_frames(path))) == 1
    info = video_of(path)
    assert info.variable_rate is None
    assert len(list(read_frames(path, 0, 1))) == 1


def test_pictures_that_change_size_are_brought_to_the_first(tmp_path: Path) -> None:
    one = make_clip(tmp_path / "1.h264", 96, 64, range(10))
    two = make_clip(tmp_path / "2.h264", 128, 96, range(10))
    both = tmp_path / "both.h264"
    both.write_bytes(one.read_bytes() + two.read_bytes())
    frames = list(read_frames(both))
    assert len(frames) == 20
    assert {(f.width, f.height) for f in frames} == {(96, 64)}


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_rotation_is_read(rotation: int, suffix: str, tmp_path: Path) -> None:
    path = make_clip(tmp_path / f"c.{suffix}", 96, 64, range(3), rotation=rotation)
    upright = make_clip(tmp_path / f"u.{suffix}", 96, 64, range(3))
    info = video_of(path)
    assert info.rotation == rotation
    assert (info.width, info.height) == ((64, 96) if rotation in (90, 270) else (96, 64))
    frame, plain = next(read_frames(path)), next(read_frames(upright))
    assert (frame.width, frame.height) == (info.width, info.height)
    assert np.array_equal(frame.rgb(), np.rot90(plain.rgb(), -rotation // 90))


def test_probe_tells_everything(tmp_path: Path) -> None:
    extras = Extras([Sound(tone(1), language="deu", start=Fraction(1, 4))], chapters=True,
                    metadata={"title": "ü 'x' \"y\""})  # fmt: skip
    path = make_clip(tmp_path / "a 'b' \"c\"\nü.mp4", 96, 64, range(25), pix_fmt="yuv422p10le",
                     aspect=Fraction(16, 15), colour=(2, 9, 9, 16), extras=extras)  # fmt: skip
    info = probe(path)
    video = video_of(path)
    assert (video.codec, video.pix_fmt, video.bit_depth) == ("h264", "yuv422p10le", 10)
    assert (video.colour.range, video.colour.space) == (2, 9)
    assert (video.colour.primaries, video.colour.transfer) == (9, 16)
    assert video.sample_aspect_ratio == Fraction(16, 15)
    assert (video.frames, video.average_rate, video.duration) == (25, 25, 1)
    assert info.chapters == 2 and info.metadata["title"] == "ü 'x' \"y\""
    (audio,) = info.audio
    assert (audio.codec, audio.rate, audio.channels, audio.language) == ("aac", 48000, 1, "deu")
    assert abs(audio.start - Fraction(1, 4)) < Fraction(1, 40)  # less the encoder's lead-in
    import json

    assert json.loads(json.dumps(info.as_dict()))["video"]["time_base"] == str(video.time_base)


def test_a_cover_picture_is_not_the_video(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "c.mkv", times=range(5), extras=Extras([Sound(tone(0.2))]))
    with av.open(str(path)) as source, av.open(str(tmp_path / "s.m4a"), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0], opaque=True)
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    info = probe(tmp_path / "s.m4a")
    assert info.video is None and len(info.audio) == 1
    with pytest.raises(InputError, match="has no video"):
        next(read_frames(tmp_path / "s.m4a"))


def test_what_is_no_media_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.txt").write_text("hello\n" * 100)
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(20000))
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://example.invalid/a.ts\n")
    (tmp_path / "list.ffconcat").write_text("ffconcat version 1.0\nfile other.mp4\n")
    (tmp_path / "sub.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    names = ["empty.mp4", "text.txt", "noise.mp4", "list.m3u8", "list.ffconcat", "sub.srt",
             "missing.mp4", ".", "a\0b", "dir/a"]  # fmt: skip
    for name in names:
        for action in (probe, lambda p: next(read_frames(p)), lambda p: next(read_frames(p, 5))):
            with pytest.raises(InputError) as caught:
                action(tmp_path / name)
            assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no such file"):
        sha256_file(tmp_path / "missing.mp4")


def test_a_name_is_never_an_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    def no_network(*_: object) -> None:
        raise AssertionError("tried to reach out")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    for name in (
        "http://example.invalid/a.mp4",
        "concat:a|b",
        "pipe:0",
        "data:video/mp4;base64,AA",
    ):
        with pytest.raises(InputError, match="no such file"):
            probe(name)


def test_enormous_pictures_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "c.avi", 96, 64, range(3), codec="mjpeg", options={},
                     pix_fmt="yuvj420p")  # fmt: skip
    data = bytearray(path.read_bytes())
    header = data.find(b"strf")
    for width, height in ((60000, 60000), (17000, 64)):
        changed = bytearray(data)
        changed[header + 12 : header + 16] = width.to_bytes(4, "little")
        changed[header + 16 : header + 20] = height.to_bytes(4, "little")
        at = changed.find(b"\xff\xc0")
        while at >= 0:  # the frames themselves claim it too
            changed[at + 5 : at + 7] = height.to_bytes(2, "big")
            changed[at + 7 : at + 9] = width.to_bytes(2, "big")
            at = changed.find(b"\xff\xc0", at + 2)
        path.write_bytes(bytes(changed))
        with pytest.raises(InputError):
            probe(path)


@pytest.mark.data
def test_every_real_clip_reads_whole_and_in_parts(data_dir: Path) -> None:
    clips = sorted((data_dir / "clips").glob("*.mp4"))
    assert len(clips) >= 12
    for path in clips:
        info: MediaInfo = probe(path)
        assert info.video is not None
        frames = [(f.pts, f.damaged) for f in read_frames(path)]
        assert len(frames) == info.video.frames, path.name
        assert not any(damaged for _, damaged in frames)
        first, last = len(frames) * 2 // 3, len(frames) * 3 // 4
        part = [f.pts for f in read_frames(path, frames[first][0], frames[last][0])]
        assert part == [pts for pts, _ in frames[first:last]], path.name
        assert info.video.variable_rate is ("vfr" in path.name)


# A broadcast stream, found by damaging one, in which another stream begins after the header.
_LATE_STREAM = (
    r"c-nJ!WH4Y4V1NR~2Mi1i2e=Fw5P)$rx5E|&hW`&3umMI40Y(P80e4466GjK1od*zN|G#z|VHg6yosm(LVTb~"
    r"t+r@^k+s*rjs@okIEfDFQRdI-=cgZ1~W~7F&+pULidbb(E>0NdRry02+>~{O1o8B4h*#(f>VuS(Xu0i5<2L@"
    r"pVh7G(73<p83`Y@!zJpkx-rVX+Tj6k<PWca|q1R_`-GJas=VoA+QXZW)GbISign`Q)uY+iL_G=P-vOdbslL#"
    r"})uy5Y{qC^UrKZaj3$cLifT0TMMa4i2{i0OE%@GX"
)


def test_a_stream_that_begins_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "late.ts"
    path.write_bytes(zlib.decompress(base64.b85decode(_LATE_STREAM)))
    assert probe(path).video is not None
    with pytest.raises(InputError, match="no picture"):
        next(read_frames(path))
    list(read_audio(path, 16000))
