"""Sound files and new sound for films: what every container gives back."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from convert_helpers import decoded, packets, wav
from media_clips import Extras, Sound, make_clip, tone
from numpy.typing import NDArray
from scipy.signal import correlate

from avsynth.errors import AvsynthError, ResourceError, UsageError
from avsynth.media import AudioChunk, MediaInfo, probe
from avsynth.media.audio_writer import write_sound
from avsynth.media.resampling import Resampler
from avsynth.media.sound_format import (
    FILMS,
    SOUND_FILES,
    SoundFormat,
    refuse_lost_picture,
    sound_format,
)
from avsynth.provenance import credentials

Floats = NDArray[np.float32]


def noise(count: int, channels: int, rate: int) -> Floats:
    """Sound below 1.6 kHz, which every codec keeps, another in each channel."""
    random = np.random.default_rng(0)
    spectrum = np.fft.rfft(random.standard_normal((count, channels)), axis=0)
    spectrum[round(1600 * count / rate) :] = 0
    samples = np.fft.irfft(spectrum, count, axis=0)
    return np.asarray(0.4 * samples / np.abs(samples).max(), np.float32)


def chunked(samples: Floats, rate: int, start: Fraction = Fraction(0)) -> Iterator[AudioChunk]:
    """In uneven pieces."""
    for first in range(0, len(samples), 7001):
        piece = samples[first : first + 7001]
        yield AudioChunk(start + Fraction(first, rate), rate, piece)


def written(
    out: Path, source: Path, samples: Floats, start: Fraction = Fraction(0)
) -> tuple[SoundFormat, MediaInfo]:
    info = probe(source)
    how = sound_format(out, info)
    write_sound(out, source, info, chunked(samples, how.rate, start), how)
    return how, info


@pytest.mark.parametrize("suffix", [*SOUND_FILES, ".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize(("rate", "channels"), [(48000, 2), (8000, 1)])
def test_what_is_written_is_read_back(
    suffix: str, rate: int, channels: int, tmp_path: Path
) -> None:
    samples = noise(rate + 77, channels, rate)
    source = wav(tmp_path / "source.wav", samples, rate)
    out = tmp_path / f"out{suffix}"
    how, _ = written(out, source, samples)
    assert (how.rate, how.channels) == (rate, channels)
    found = decoded(out, rate)
    if how.codec == "aac":  # whole frames: where the sound ends is said by the container
        assert probe(out).audio[0].duration == Fraction(len(samples), rate)
    whole_frames = how.codec in ("aac", "libmp3lame")
    assert 0 <= len(found) - len(samples) < (1024 if whole_frames else 1)
    for channel in range(channels):
        both = correlate(found[: rate // 2, channel], samples[: rate // 2, channel])
        assert int(np.argmax(both)) == rate // 2 - 1  # not a sample early or late
    error = np.abs(found[100 : len(samples) - 500] - samples[100:-500]).mean()
    assert error < (1e-4 if how.lossless else 0.03)


@pytest.mark.parametrize(
    ("suffix", "rate", "chosen"),
    [(".mp3", 44100, 44100), (".mp3", 96000, 48000), (".mp3", 12345, 16000),
     (".m4a", 192000, 96000), (".opus", 44100, 48000), (".webm", 22050, 24000),
     (".flac", 192000, 192000), (".wav", 11025, 11025)],
)  # fmt: skip
def test_rates_that_a_codec_does_not_know(
    suffix: str, rate: int, chosen: int, tmp_path: Path
) -> None:
    source = wav(tmp_path / "source.wav", tone(0.1, rate), rate)
    assert sound_format(tmp_path / f"out{suffix}", probe(source)).rate == chosen


@pytest.mark.parametrize(
    ("subtype", "suffix", "codec"),
    [("PCM_24", ".wav", "pcm_s24le"), ("FLOAT", ".wav", "pcm_f32le"),
     ("PCM_U8", ".wav", "pcm_s16le"), ("PCM_24", ".flac", "flac"),
     ("PCM_24", ".mov", "pcm_s24le"), ("PCM_16", ".mkv", "flac")],
)  # fmt: skip
def test_depth_is_kept(subtype: str, suffix: str, codec: str, tmp_path: Path) -> None:
    samples = noise(4800, 1, 48000) * np.float32(2**-12)  # of little use in 16 bits
    source = wav(tmp_path / "source.wav", samples, 48000, subtype)
    out = tmp_path / f"out{suffix}"
    how, _ = written(out, source, samples)
    assert how.codec == codec
    error = float(np.abs(decoded(out, 48000) - samples).max())
    assert error < (2**-23 if subtype in ("PCM_24", "FLOAT") else 2**-15)


def test_a_codec_is_kept_where_the_container_can(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", extras=Extras(sounds=[Sound(tone(0.5), codec="libopus")]))
    info = probe(clip)
    chosen = {s: sound_format(tmp_path / f"o{s}", info).codec for s in (".mkv", ".mp4", ".mov")}
    assert chosen == {".mkv": "libopus", ".mp4": "libopus", ".mov": "aac"}


def test_what_cannot_be_written_is_said_before(tmp_path: Path) -> None:
    five = wav(tmp_path / "five.wav", noise(800, 5, 8000), 8000)
    with pytest.raises(UsageError, match="cannot be written as libmp3lame"):
        sound_format(tmp_path / "o.mp3", probe(five))
    assert sound_format(tmp_path / "o.flac", probe(five)).channels == 5
    with pytest.raises(UsageError, match="kind is not known"):
        sound_format(tmp_path / "o.xyz", probe(five))
    film = make_clip(tmp_path / "film.mp4", extras=Extras(sounds=[Sound(tone(0.5))]))
    with pytest.raises(UsageError, match="cannot hold h264 video"):
        refuse_lost_picture(tmp_path / "o.webm", film)
    with pytest.raises(UsageError, match="overwrite"):
        written(film, film, noise(4800, 1, 48000))


def film_with_all(path: Path, **more: object) -> Path:
    sounds = [Sound(tone(2.0)), Sound(tone(2.0, hertz=300.0), language="deu")]
    extras = Extras(
        sounds=sounds,
        subtitles="subrip" if path.suffix == ".mkv" else "mov_text",
        chapters=True,
        attachment=path.suffix == ".mkv",
        metadata={"title": "A film"},
    )
    options = {"preset": "ultrafast", "bf": "2"}  # pictures out of order
    return make_clip(path, times=range(50), extras=extras, options=options, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("kind", [".mp4", ".mkv"])
def test_all_but_the_sound_of_a_film_is_copied(suffix: str, kind: str, tmp_path: Path) -> None:
    film = film_with_all(tmp_path / f"film{kind}", rotation=90)
    out = tmp_path / f"out{suffix}"
    samples = noise(96256, 1, 48000)
    written(out, film, samples)
    (video,), (copied,) = packets(film, "video"), packets(out, "video")
    assert [packet[-1] for packet in copied] == [packet[-1] for packet in video]
    assert [float(p[0]) for p in copied] == pytest.approx([float(p[0]) for p in video], abs=1e-3)
    decoding = [packet[1] for packet in copied if packet[1] is not None]  # Matroska has none
    assert decoding == sorted(set(decoding)) and (decoding or suffix == ".mkv")
    before, after = probe(film), probe(out)
    assert before.video is not None and after.video is not None
    assert after.video.rotation == before.video.rotation != 0
    assert [p[-1] for p in packets(out, "audio")[1]] == [p[-1] for p in packets(film, "audio")[1]]
    assert after.audio[0].language == "eng"
    assert (after.subtitles, after.chapters) == (1, 2) and after.metadata["title"] == "A film"
    with av.open(str(out)) as container:
        kinds = [stream.type for stream in container.streams]
    assert kinds[:4] == ["video", "audio", "audio", "subtitle"]
    both = correlate(decoded(out, 48000)[:24000, 0], samples[:24000, 0])
    assert int(np.argmax(both)) == 23999


def test_sound_that_begins_late_stays_late(tmp_path: Path) -> None:
    sound = Sound(tone(1.0), start=Fraction(1, 2))
    film = make_clip(tmp_path / "film.mkv", times=range(50), extras=Extras(sounds=[sound]))
    out = tmp_path / "out.mkv"
    samples = noise(48000, 1, 48000)
    written(out, film, samples, start=Fraction(1, 2))
    assert float(probe(out).audio[0].start) == pytest.approx(0.5, abs=0.03)
    written(tmp_path / "out.flac", film, samples, start=Fraction(1, 2))
    assert probe(tmp_path / "out.flac").audio[0].start == 0


def test_a_sound_file_says_what_it_leaves_out(tmp_path: Path) -> None:
    film = film_with_all(tmp_path / "film.mp4")
    info, out = probe(film), tmp_path / "out.flac"
    how = sound_format(out, info)
    dropped = write_sound(out, film, info, chunked(noise(9600, 1, 48000), 48000), how)
    assert [line.split()[0] for line in dropped][:3] == ["video", "audio", "subtitle"]
    assert probe(out).metadata["title"] == "A film" and probe(out).video is None


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".m4a"])
def test_a_cover_stays_where_there_is_a_place_for_it(suffix: str, tmp_path: Path) -> None:
    source, out = tmp_path / "in.mp3", tmp_path / f"out{suffix}"
    with av.open(str(source), "w") as target:
        sound: Any = target.add_stream("libmp3lame", rate=44100, layout="mono")
        cover: Any = target.add_stream("png", width=32, height=32, pix_fmt="rgb24")
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(tone(1.0, 44100)[None], "fltp", "mono")
        frame.sample_rate, frame.pts = 44100, 0
        picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 99, np.uint8), "rgb24")
        picture.pts = 0
        target.mux([*cover.encode(picture), *cover.encode(None)])
        target.mux([*sound.encode(frame), *sound.encode(None)])
    info = probe(source)
    how = sound_format(out, info)
    dropped = write_sound(out, source, info, chunked(noise(44100, 1, 44100), 44100), how)
    if suffix == ".m4a":
        assert [line.split()[0] for line in dropped] == ["video"]
        return
    assert dropped == ()
    assert [p[-1] for p in packets(out, "video")[0]] == [p[-1] for p in packets(source, "video")[0]]
    signed = credentials.sign(
        out, tmp_path / f"signed{suffix}", actions=[credentials.Action("c2pa.edited")],
        title=out.name, parent=credentials.Source(source),
    )  # fmt: skip
    assert credentials.read(signed.path).state == "trusted"
    assert len(packets(signed.path, "video")) == 1


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    source = wav(tmp_path / "source.wav", tone(1.0), 48000)

    def broken() -> Iterator[AudioChunk]:
        yield AudioChunk(Fraction(0), 48000, tone(0.5)[:, None])
        raise ResourceError("no more")

    info = probe(source)
    for suffix in (".wav", ".mp3", ".m4a", ".opus"):
        out = tmp_path / f"out{suffix}"
        with pytest.raises(AvsynthError, match="no more"):
            write_sound(out, source, info, broken(), sound_format(out, info))
    assert [path.name for path in tmp_path.iterdir()] == ["source.wav"]


def test_every_kind_of_output_is_known_to_the_credentials() -> None:
    from avsynth.provenance.c2pa_library import EMBEDDABLE, SIDECAR

    assert set(SOUND_FILES) | set(FILMS) <= set(EMBEDDABLE) | set(SIDECAR)


@pytest.mark.parametrize(("source", "target"), [(48000, 16000), (16000, 44100), (11025, 16000),
                                                (16000, 192000), (16000, 16000)])  # fmt: skip
def test_resampling_is_exact_in_time_however_it_is_cut(source: int, target: int) -> None:
    def made(pieces: int) -> Floats:
        resampler = Resampler(source, target)
        cut = np.array_split(given, pieces)
        return np.concatenate([*(resampler.push(piece) for piece in cut), resampler.flush()])

    given = np.asarray(np.sin(2 * np.pi * 300 * np.arange(source) / source), np.float32)
    given *= np.hanning(source).astype(np.float32)
    wanted = np.sin(2 * np.pi * 300 * np.arange(target) / target)
    wanted *= np.interp(np.arange(target) / target, np.arange(source) / source, np.hanning(source))
    whole = made(1)
    assert abs(len(whole) - target) <= 1
    assert np.abs(whole[:target] - wanted[: len(whole)]).max() < 1e-4
    assert np.abs(whole - made(37)).max() < 1e-6
