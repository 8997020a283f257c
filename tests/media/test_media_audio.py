"""Reading sound: an unbroken, sample-exact time line."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from media_clips import Extras, Sound, make_clip, tone

from avsynth.errors import InputError, UsageError
from avsynth.media import Writer, probe, read_audio, video_like


def whole(path: Path, rate: int, **options: object) -> np.ndarray:
    chunks = list(read_audio(path, rate, **options))  # type: ignore[arg-type]
    for before, after in itertools.pairwise(chunks):
        assert after.time == before.end
    return np.concatenate([chunk.samples for chunk in chunks])


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8", "FLOAT", "DOUBLE", "PCM_32"])
def test_samples_come_as_they_are(subtype: str, tmp_path: Path) -> None:
    samples = tone(0.7, 44100)
    soundfile.write(tmp_path / "a.wav", samples, 44100, subtype=subtype)
    found = whole(tmp_path / "a.wav", 44100)
    assert found.dtype == np.float32 and found.shape == samples.shape
    tolerance = {"PCM_16": 2**-15, "PCM_U8": 2**-6, "PCM_24": 2**-22}.get(subtype, 1e-7)
    assert np.abs(found - samples).max() <= tolerance


@pytest.mark.parametrize(("source", "target"), [(44100, 16000), (16000, 48000), (8000, 16000),
                                                (48000, 44100), (22050, 16000)])  # fmt: skip
def test_resampling_keeps_time_and_shape(source: int, target: int, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(3, source), source)
    found = whole(tmp_path / "a.wav", target)
    assert abs(len(found) - 3 * target) <= 1
    wanted = tone(3, target)
    middle = slice(target // 10, 3 * target - target // 10)
    assert np.abs(found[: 3 * target][middle] - wanted[middle]).max() < 2e-3


def test_channels_stay_or_are_mixed(tmp_path: Path) -> None:
    left, right = tone(0.5), tone(0.5, hertz=660)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), 48000, subtype="FLOAT")
    both = whole(tmp_path / "a.wav", 48000, mono=False)
    assert both.shape == (24000, 2) and np.allclose(both[:, 1], right)
    assert np.allclose(whole(tmp_path / "a.wav", 48000), (left + right) / 2, atol=1e-6)
    assert whole(tmp_path / "a.wav", 16000, mono=False).shape == (8000, 2)
    six = np.zeros((4800, 6), np.float32)
    six[:, 2] = 0.5  # the centre, where dialogue is
    soundfile.write(tmp_path / "s.wav", six, 48000, subtype="FLOAT", format="WAVEX")
    assert whole(tmp_path / "s.wav", 48000).max() > 0.1
    odd = np.stack([left] * 3, 1)
    soundfile.write(tmp_path / "o.wav", odd, 48000, subtype="FLOAT")
    assert np.allclose(whole(tmp_path / "o.wav", 16000, mono=False)[:, 2],
                       whole(tmp_path / "o.wav", 16000), atol=1e-3)  # fmt: skip


def test_not_a_number_becomes_silence_and_loud_stays_loud(tmp_path: Path) -> None:
    samples = tone(0.1) * 4
    samples[100], samples[200], samples[300] = np.nan, np.inf, -np.inf
    soundfile.write(tmp_path / "a.wav", samples, 48000, subtype="FLOAT")
    found = whole(tmp_path / "a.wav", 48000)
    assert np.isfinite(found).all() and found.max() > 1.9
    assert found[100] == found[200] == found[300] == 0


@pytest.mark.parametrize("codec", ["aac", "flac", "libopus", "libmp3lame", "pcm_s16le"])
def test_codecs_keep_the_moment(codec: str, tmp_path: Path) -> None:
    samples = np.zeros(96000, np.float32)
    samples[48000:48100] = 0.8
    path = make_clip(
        tmp_path / "c.mkv", times=range(3), extras=Extras([Sound(samples, codec=codec)])
    )
    first = next(read_audio(path, 48000))
    found = whole(path, 48000)
    peak = first.time + Fraction(int(np.flatnonzero(found > 0.4)[0]), 48000)
    assert abs(peak - 1) < Fraction(1, 500)


@pytest.mark.parametrize("rate", [48000, 16000])
def test_a_range_is_the_part_of_the_whole(rate: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = np.cumsum(rng.normal(0, 0.01, 480000)).astype(np.float32)
    samples -= np.convolve(samples, np.ones(999) / 999, "same").astype(np.float32)
    path = make_clip(tmp_path / "c.mkv", times=range(3),
                     extras=Extras([Sound(np.clip(samples, -1, 1), codec="flac")]))  # fmt: skip
    full = whole(path, rate)
    for start, stop in ((Fraction(3), Fraction(5)), (Fraction(1, 3), Fraction(7, 3)),
                        (Fraction(9), Fraction(100))):  # fmt: skip
        chunks = list(read_audio(path, rate, start, stop))
        part = np.concatenate([c.samples for c in chunks])
        assert 0 <= chunks[0].time - start < Fraction(1, rate)
        begin = round(chunks[0].time * rate)
        assert chunks[-1].end - min(stop, Fraction(10)) < Fraction(2, rate)
        wanted = full[begin : begin + len(part)]
        assert np.abs(part[: len(wanted)] - wanted)[200:-200].max() < 2e-3


def test_gaps_are_silent_and_overlaps_cut(tmp_path: Path) -> None:
    path = tmp_path / "gap.mkv"
    with av.open(str(path), "w") as output:
        track = output.add_stream("pcm_s16le", rate=16000)
        track.codec_context.layout = "mono"
        for pts in (0, 1600, 3200, 8000, 9600, 9600, 11200):  # 0.2 s missing, then one twice
            frame = av.AudioFrame.from_ndarray(np.full((1, 1600), 0.5, np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, pts, Fraction(1, 16000)
            for packet in track.encode(frame):
                packet.pts = packet.dts = pts
                packet.time_base = Fraction(1, 16000)
                output.mux(packet)
    found = whole(path, 16000)
    assert len(found) == 12800
    assert np.all(found[4800:8000] == 0)
    assert np.all(np.delete(found, slice(4800, 8000)) > 0.4)


def stamped(path: Path, times: list[int]) -> Path:
    """Frames of 480 samples, a hundredth of a second, that say they begin at ``times``."""
    with av.open(str(path), "w") as output:
        track = output.add_stream("pcm_s16le", rate=48000)
        track.codec_context.layout = "mono"
        for number, pts in enumerate(times):
            frame = av.AudioFrame.from_ndarray(np.ones((1, 480), np.float32) / 2, "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, pts, Fraction(1, 48000)
            for packet in track.encode(frame):
                packet.pts, packet.dts = pts, min(pts, 480 * number)
                packet.time_base = Fraction(1, 48000)
                output.mux(packet)
    return path


def test_long_gaps_do_not_fill_memory(tmp_path: Path) -> None:
    path = stamped(tmp_path / "gap.mkv", [0, 48000 * 3600])
    longest = total = 0
    for chunk in read_audio(path, 48000):
        longest, total = max(longest, len(chunk.samples)), total + len(chunk.samples)
    assert longest <= 48000 and total == 48000 * 3600 + 480


def test_one_damaged_time_stamp_is_not_followed(tmp_path: Path) -> None:
    path = stamped(tmp_path / "bad.nut", [0, 480, 48000 * 3600 * 70, 1440, 1920])
    found = whole(path, 48000)
    assert len(found) == 5 * 480 and np.all(found > 0.4)


def test_a_gap_of_days_is_refused(tmp_path: Path) -> None:
    hour = 48000 * 3600
    path = stamped(tmp_path / "bad.nut", [0, 480, 70 * hour, 70 * hour + 480])
    with pytest.raises(InputError, match="gap of"):
        whole(path, 48000)


def test_a_late_start_is_told(tmp_path: Path) -> None:
    sound = Sound(tone(0.5), codec="flac", start=Fraction(3, 2))
    path = make_clip(tmp_path / "c.mkv", times=range(3), extras=Extras([sound]))
    assert next(read_audio(path, 48000)).time == Fraction(3, 2)
    assert next(read_audio(path, 16000, start=Fraction(0))).time == Fraction(3, 2)


def test_streams_are_chosen_and_missed_in_one_line(tmp_path: Path) -> None:
    extras = Extras([Sound(tone(0.5), codec="flac"), Sound(tone(0.5, hertz=880), codec="flac")])
    path = make_clip(tmp_path / "c.mkv", times=range(3), extras=extras)
    assert np.abs(whole(path, 48000, stream=1) - tone(0.5, hertz=880)).max() < 1e-3
    with pytest.raises(InputError, match="2 audio streams, number 3"):
        next(read_audio(path, 48000, stream=2))
    silent = make_clip(tmp_path / "s.mp4", times=range(3))
    with pytest.raises(InputError, match="has no audio"):
        next(read_audio(silent, 48000))
    (tmp_path / "t.wav").write_text("not audio at all")
    with pytest.raises(InputError):
        next(read_audio(tmp_path / "t.wav", 48000))


def test_damaged_sound_keeps_its_length(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "c.mp4", times=range(3), extras=Extras([Sound(tone(4))]))
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(3)
    middle = len(data) // 2
    data[middle : middle + 3000] = rng.bytes(3000)
    path.write_bytes(bytes(data))
    assert abs(len(whole(path, 48000)) - 4 * 48000) < 4096


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "wav", "flac", "m4a"])
def test_writer_writes_sound(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"w.{suffix}"
    samples = tone(1, 16000)
    with Writer(path, audio_rate=16000) as writer:
        for begin in range(0, 16000, 700):
            writer.write_audio(samples[begin : begin + 700])
    found = whole(path, 16000)
    assert abs(len(found) - 16000) < 1100
    assert np.abs(found[1000:15000] - samples[1000:15000]).max() < 0.05


def test_writer_writes_both(tmp_path: Path) -> None:
    path = tmp_path / "w.mp4"
    like = video_like(64, 48, Fraction(30000, 1001), rotation=270)
    with Writer(path, like, audio_rate=48000, channels=2, metadata={"title": "t"}) as writer:
        for index in range(30):
            writer.write(np.full((48, 64, 3), index * 8, np.uint8))
        writer.write_audio(np.stack([tone(1), tone(1)], 1))
    info = probe(path)
    assert info.video is not None and info.video.frames == 30 and info.video.rotation == 270
    assert info.video.average_rate == Fraction(30000, 1001)
    assert info.audio[0].channels == 2 and info.metadata["title"] == "t"
    with pytest.raises(UsageError, match="neither"):
        Writer(path)
    with pytest.raises(UsageError, match="without audio"), Writer(path, like) as writer:
        writer.write_audio(tone(1))


@pytest.mark.data
def test_every_real_recording_has_its_length(data_dir: Path) -> None:
    for path in sorted((data_dir / "clips").glob("*.mp4")):
        for audio in probe(path).audio:
            assert audio.duration is not None
            length = Fraction(len(whole(path, audio.rate)), audio.rate)
            assert abs(length - audio.duration) < Fraction(3, 100), path.name
