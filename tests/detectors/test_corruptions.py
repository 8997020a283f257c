"""Every corruption at every severity, on arrays and on files."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avsynth.errors import UsageError
from avsynth.media import Writer, probe, read_audio, read_frames, video_like
from detectors.corrupt_file import corrupt_file
from detectors.corruptions import (
    PICTURE,
    SOUND,
    Corruption,
    corrupt_film,
    corrupt_sound,
    corruption_named,
    ladder,
)

RATE = 16_000


def a_film(frames: int = 3) -> np.ndarray:
    """A moving pattern with edges, shades and colours (T, 96, 128, 3)."""
    rows, columns = np.mgrid[0:96, 0:128]
    pictures = [
        np.stack([
            (columns * 2 + 5 * t) % 256, rows * 2 + 20, 255 * ((rows // 8 + columns // 8 + t) % 2),
        ], axis=-1)
        for t in range(frames)
    ]  # fmt: skip
    return np.stack(pictures).astype(np.uint8)


def a_sound(seconds: float = 1.5) -> np.ndarray:
    """A chirp with pauses, as loud as speech."""
    time = np.arange(round(RATE * seconds)) / RATE
    chirp = 0.2 * np.sin(2 * np.pi * (200 * time + 1800 * time**2))
    return (chirp * (np.sin(2 * np.pi * 2 * time) > -0.5)).astype(np.float32)


def harm(made: np.ndarray, original: np.ndarray) -> float:
    return float(np.sqrt(np.mean((made.astype(float) - original.astype(float)) ** 2)))


@pytest.mark.parametrize("name", PICTURE)
def test_pictures_keep_their_shape_and_suffer_more_with_severity(name: str) -> None:
    film = a_film()
    made = [corrupt_film(film, each) for each in ladder(name)]
    assert all(each.shape == film.shape and each.dtype == np.uint8 for each in made)
    harms = [harm(each, film) for each in made]
    assert harms[0] > 0
    assert harms[-1] > 1.2 * harms[0]
    np.testing.assert_array_equal(made[2], corrupt_film(film, Corruption(name, 3)))


@pytest.mark.parametrize("name", SOUND)
def test_sound_keeps_its_length_and_timing_and_suffers_more_with_severity(name: str) -> None:
    sound = a_sound()
    made = [corrupt_sound(sound, RATE, each) for each in ladder(name)]
    assert all(each.shape == sound.shape and each.dtype == np.float32 for each in made)
    harms = [harm(each, sound) for each in made]
    assert harms[0] > 0
    assert harms[-1] > harms[0] or name == "reverberation"
    lags = np.correlate(made[0][200:-200], sound, "full")
    assert abs(int(np.argmax(lags)) - (len(sound) - 1 - 200)) <= 16  # a millisecond
    np.testing.assert_array_equal(made[2], corrupt_sound(sound, RATE, Corruption(name, 3)))


def test_channels_are_corrupted_one_by_one() -> None:
    sound = np.stack([a_sound(0.5), np.zeros(RATE // 2, np.float32)], axis=1)
    made = corrupt_sound(sound, RATE, Corruption("mp3", 3))
    assert made.shape == sound.shape
    assert np.abs(made[:, 1]).max() < 1e-3 < np.abs(made[:, 0]).max()


def test_settings_of_two_corruptions_by_their_own_measure() -> None:
    film = a_film(1)
    quiet = np.full_like(film, 128)
    noisy = corrupt_film(quiet, Corruption("noise", 4)).astype(float)
    assert 11.5 < noisy.std() < 12.5
    softer = corrupt_sound(a_sound(), RATE, Corruption("loudness", 4))
    assert np.abs(softer).max() == pytest.approx(0.1 * np.abs(a_sound()).max(), rel=1e-3)
    hissing = corrupt_sound(a_sound(), RATE, Corruption("hiss", 3))
    ratio = harm(hissing, a_sound()) / float(np.sqrt(np.mean(a_sound() ** 2)))
    assert 20 * np.log10(ratio) == pytest.approx(-20, abs=0.2)


def test_a_larger_room_rings_for_longer() -> None:
    click = np.zeros(2 * RATE, np.float32)
    click[100] = 0.5
    late = [
        float(np.square(corrupt_sound(click, RATE, each)[100 + RATE // 10 :]).sum())
        for each in ladder("reverberation")
    ]
    assert all(after > 1.3 * before for before, after in itertools.pairwise(late))


def test_names_are_read_back_and_unknown_ones_refused() -> None:
    for each in ladder():
        assert corruption_named(str(each)) == each
    assert len(ladder()) == 70
    assert Corruption("h264", 4).words == "H.264 CRF 35"
    for wrong in ("h264", "h264-9", "rain-1", "", "-", "h264-x"):
        with pytest.raises(UsageError):
            corruption_named(wrong)
    with pytest.raises(ValueError):
        corrupt_film(a_film(), Corruption("mp3", 1))
    with pytest.raises(ValueError):
        corrupt_sound(a_sound(), RATE, Corruption("jpeg", 1))


@pytest.fixture(scope="module")
def film_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "source.mp4"
    with Writer(path, video_like(128, 96), audio_rate=RATE) as writer:
        for picture in a_film(10):
            writer.write(picture)
        writer.write_audio(a_sound(0.4))
    return path


def pictures_of(path: Path) -> np.ndarray:
    return np.stack([frame.rgb() for frame in read_frames(path)])


def sound_of(path: Path) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in read_audio(path, RATE)])


def test_a_file_is_corrupted_in_what_was_asked_for_alone(film_file: Path, tmp_path: Path) -> None:
    outs = {}
    for each in (None, Corruption("h264", 5), Corruption("blur", 4), Corruption("opus", 5)):
        outs[str(each)] = tmp_path / f"{each}.mkv"
        corrupt_file(film_file, each, outs[str(each)])
    before, sound = pictures_of(film_file), sound_of(film_file)
    plain = pictures_of(outs["None"])
    assert plain.shape == before.shape
    np.testing.assert_array_equal(plain, before)  # its planes were never converted
    assert harm(pictures_of(outs["blur-4"]), before) > 5
    assert harm(pictures_of(outs["h264-5"]), before) > 3
    assert outs["h264-5"].stat().st_size < outs["None"].stat().st_size / 2
    np.testing.assert_array_equal(pictures_of(outs["opus-5"]), plain)
    count = min(len(sound), len(sound_of(outs["None"])))
    assert harm(sound_of(outs["None"])[:count], sound[:count]) < 1e-4
    assert harm(sound_of(outs["opus-5"])[:count], sound[:count]) > 3e-3
    times = [frame.time for frame in read_frames(outs["blur-4"])]
    assert times == [Fraction(n, 25) for n in range(10)]


def test_a_stretch_of_a_file(film_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "part.mkv"
    corrupt_file(film_file, Corruption("jpeg", 1), out, Fraction(1, 5), Fraction(7, 25))
    assert len(pictures_of(out)) == 2
    assert len(sound_of(out)) == pytest.approx(0.08 * RATE, abs=2)


def test_long_sound_is_corrupted_piece_by_piece_without_seams(tmp_path: Path) -> None:
    rate = 2000
    time = np.arange(130 * rate) / rate
    tone = (0.3 * np.sin(2 * np.pi * 150 * time)).astype(np.float32)
    source, out = tmp_path / "long.wav", tmp_path / "out.wav"
    with Writer(source, audio_rate=rate) as writer:
        writer.write_audio(tone)
    corrupt_file(source, Corruption("reverberation", 1), out)
    made = np.concatenate([chunk.samples for chunk in read_audio(out, rate)])
    assert len(made) == len(tone)
    again = 2 * 0.3 * np.cos(np.pi * 150 / rate)  # largest step between samples of the tone
    steps = np.abs(np.diff(made[rate // 2 :]))
    assert steps.max() < again
    assert probe(out).audio[0].rate == rate


def test_what_cannot_be_done_is_refused_before_anything_is_written(
    film_file: Path, tmp_path: Path
) -> None:
    sound = tmp_path / "sound.wav"
    with Writer(sound, audio_rate=RATE) as writer:
        writer.write_audio(a_sound(0.2))
    with pytest.raises(UsageError, match="no pictures"):
        corrupt_file(sound, Corruption("jpeg", 1), tmp_path / "a.wav")
    with pytest.raises(UsageError, match="suffix"):
        corrupt_file(film_file, Corruption("jpeg", 1), tmp_path / "a.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sound.wav"]
