"""One file through a scan: what detectors are shown of every kind of file, and what is said."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scan_helpers import (
    LINE,
    PERSON,
    Witness,
    gif_bomb,
    grey,
    person_frames,
    png_bomb,
    tone,
    write_film,
    write_gif,
    write_still,
)

from detectors import ScanOptions, Verdict
from detectors.base import SOUND_RATE
from detectors.scan import Scanner, scan_file


def seen(path: Path, **options: object) -> tuple[Verdict, Witness]:
    witness = Witness()
    return scan_file(path, ScanOptions(**options), [witness]), witness


def notes(verdict: Verdict) -> str:
    return "; ".join(verdict.properties["notes"])


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return write_film(path, person_frames() * 2, sound=tone(6.0))


def test_a_film_is_shown_in_the_order_of_time(film: Path) -> None:
    verdict, witness = seen(film)
    assert verdict.kind == "video" and verdict.duration == pytest.approx(6.0, abs=0.1)
    assert [burst[0][0] for burst in witness.bursts] == [0, 25, 50, 75, 100, 125]
    assert all(len(burst) == 8 for burst in witness.bursts) and min(witness.faces) == 1
    assert witness.order == sorted(witness.order)
    assert witness.heard == pytest.approx(6.0, abs=0.1)
    assert {rate for _, rate, _ in witness.sound} == {SOUND_RATE}
    assert max(count for _, _, count in witness.sound) <= SOUND_RATE
    assert verdict.sha256 == hashlib.sha256(film.read_bytes()).hexdigest()
    assert verdict.size == film.stat().st_size and verdict.evidence[0].score is not None
    assert verdict.properties["video"]["codec"] == "h264" and not notes(verdict)
    assert {"decoding video", "decoding sound", "finding faces", "total"} <= set(verdict.seconds)
    assert verdict.settings["period"] == 1.0 and "avsynth" in verdict.versions


def test_the_period_is_an_option(film: Path) -> None:
    assert len(seen(film, period=3.0)[1].bursts) == 4  # a few of a short film, whatever is asked
    assert len(seen(film, period=0.5)[1].bursts) == 12


def test_nothing_is_left_of_the_file_before(film: Path, tmp_path: Path) -> None:
    witness = Witness()
    still = write_still(tmp_path / "still.png", person_frames()[0])
    with Scanner(ScanOptions(), [witness]) as scanner:
        scanner.scan(film)
        first = witness.bursts, witness.sound
        assert scanner.scan(still).kind == "picture" and len(witness.bursts) == 1
        scanner.scan(film)
        assert (witness.bursts, witness.sound) == first and witness.starts == 3
    assert not [t for t in threading.enumerate() if t.name.startswith("scan")]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
def test_a_still_is_one_look(tmp_path: Path, suffix: str) -> None:
    verdict, witness = seen(write_still(tmp_path / f"still{suffix}", person_frames()[0]))
    assert verdict.kind == "picture" and verdict.duration == 0
    assert witness.faces == [1] and not witness.sound and not notes(verdict)


def test_a_photograph_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    path = write_still(tmp_path / "turned.jpg", np.rot90(person_frames()[0]))
    data = path.read_bytes()
    tag = struct.pack("<HHIHH", 0x112, 3, 1, 6, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + tag + struct.pack("<I", 0)
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    verdict, witness = seen(path)
    assert witness.faces == [1] and verdict.properties["video"]["rotation"] == 90


def test_an_animated_gif_is_a_film(tmp_path: Path) -> None:
    verdict, witness = seen(write_gif(tmp_path / "a.gif", person_frames()[:20]))
    assert verdict.kind == "video" and len(witness.bursts) >= 2 and 1 in witness.faces
    verdict, witness = seen(write_gif(tmp_path / "b.gif", person_frames()[:1]))
    assert verdict.kind == "picture" and len(witness.bursts) == 1


def test_sound_alone_and_with_a_cover_picture(tmp_path: Path) -> None:
    verdict, witness = seen(LINE)
    assert verdict.kind == "sound" and not witness.bursts and witness.heard > 1
    covered = _with_cover(tmp_path / "covered.mp3", tmp_path)
    verdict, witness = seen(covered)
    assert verdict.kind == "sound" and not witness.bursts and witness.heard > 1


def _with_cover(path: Path, folder: Path) -> Path:
    """An MP3 with an ID3 tag that holds a picture."""
    plain = folder / "plain.mp3"
    soundfile.write(plain, tone(3.0), 16000, format="MP3")
    picture = write_still(folder / "cover.png", grey(1)[0]).read_bytes()
    body = b"\x00image/png\x00\x03\x00" + picture
    frame = b"APIC" + struct.pack(">I", len(body)) + b"\0\0" + body
    size = len(frame)
    sync = bytes([(size >> shift) & 0x7F for shift in (21, 14, 7, 0)])
    path.write_bytes(b"ID3\x03\x00\x00" + sync + frame + plain.read_bytes())
    return path


def test_who_lacks_a_modality_says_so(tmp_path: Path) -> None:
    team = [Witness(subject, name=subject) for subject in ("face", "voice", "sync", "file")]
    verdict = scan_file(LINE, None, team)
    said = {each.detector: each.abstained for each in verdict.evidence}
    assert said["face"] == "the file holds no picture" and "no picture" in str(said["sync"])
    assert said["voice"] is said["file"] is None and team[0].starts == 0
    silent = write_film(tmp_path / "silent.mp4", grey(20))
    said = {e.detector: e.abstained for e in scan_file(silent, None, team).evidence}
    assert said["voice"] == "the file holds no sound" and "no sound" in str(said["sync"])
    assert said["face"] is None


@pytest.mark.parametrize("step", ["start", "update_faces", "update_audio", "finish"])
def test_a_detector_that_fails_costs_only_itself(film: Path, step: str) -> None:
    good = Witness(name="good")
    verdict = scan_file(film, None, [Witness(name="bad", fails=step), good])
    bad, other = verdict.evidence
    assert bad.abstained == f"it failed: ArithmeticError: no good in {step}"
    assert other.score is not None and len(good.bursts) == 6


def test_a_cut_parts_a_burst(tmp_path: Path) -> None:
    person = person_frames()
    rng = np.random.default_rng(1)
    other = [rng.integers(0, 255, person[0].shape, np.uint8) for _ in range(1)] * 45
    path = write_film(tmp_path / "cut.mp4", person[:30] + other[:22] + person[:23])
    _, witness = seen(path, period=0.75)
    lengths = [len(burst) for burst in witness.bursts]
    assert lengths[0] == 8 and min(lengths) >= 4 and all(len(shot) <= 1 for shot in witness.shots)


def test_forty_faces_and_as_many_as_are_followed(tmp_path: Path) -> None:
    crowd = np.ascontiguousarray(np.tile(person_frames()[0], (5, 8, 1))[::2, ::2])
    path = write_still(tmp_path / "crowd.png", crowd)
    verdict, witness = seen(path, max_faces=4)
    assert witness.faces == [4] and "at most 4 faces" in notes(verdict)
    verdict, witness = seen(path, max_faces=64)
    assert 38 <= witness.faces[0] <= 40 and "faces" not in notes(verdict)


def test_uneven_and_late_times(tmp_path: Path) -> None:
    times = [100 + 2 * n + n % 2 for n in range(75)]  # begins four seconds late
    path = write_film(tmp_path / "vfr.mkv", person_frames(), times=times, base=Fraction(1, 50))
    verdict, witness = seen(path)
    begins = [burst[0][1] for burst in witness.bursts]
    assert begins[0] == pytest.approx(0.0, abs=0.01) and np.all(np.diff(begins) > 0)
    assert verdict.duration == pytest.approx(3.0, abs=0.2)


def test_a_turned_film_is_looked_at_upright(tmp_path: Path) -> None:
    turned = [np.ascontiguousarray(np.rot90(frame)) for frame in person_frames()]
    _, witness = seen(write_film(tmp_path / "turned.mp4", turned, rotation=90))
    assert min(witness.faces) == 1


def test_a_film_that_is_cut_off_is_judged_by_what_is_there(film: Path, tmp_path: Path) -> None:
    mkv = write_film(tmp_path / "whole.mkv", person_frames() * 3, sound=tone(9.0))
    data = mkv.read_bytes()
    short = tmp_path / "short.mkv"
    short.write_bytes(data[: len(data) // 2])
    verdict, witness = seen(short)
    assert verdict.answer != "unreadable" and len(witness.bursts) >= 3
    assert "it ends after 4." in notes(verdict) and "lasts 9." in notes(verdict)
    headless = tmp_path / "headless.mp4"
    headless.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    verdict, _ = seen(headless)
    assert verdict.answer == "unreadable" and verdict.error


def test_damaged_pictures_are_counted(film: Path, tmp_path: Path) -> None:
    data = bytearray(film.read_bytes())
    rng = np.random.default_rng(0)
    start = data.index(b"mdat")
    for place in rng.integers(start + 20000, start + 60000, 300):
        data[place] ^= 0xFF
    path = tmp_path / "damaged.mp4"
    path.write_bytes(bytes(data))
    verdict, witness = seen(path)
    assert verdict.answer != "unreadable" and "damaged" in notes(verdict)
    assert len(witness.bursts) >= 3


def test_damaged_sound_leaves_the_picture(film: Path, tmp_path: Path) -> None:
    data = bytearray(film.read_bytes())
    configuration = data.index(b"\x05\x80\x80\x80", data.index(b"esds")) + 5
    data[configuration : configuration + 2] = b"\xff\xff"  # what the decoder must know
    path = tmp_path / "mute.mp4"
    path.write_bytes(bytes(data))
    verdict, witness = seen(path)
    assert verdict.answer != "unreadable" and len(witness.bursts) == 6
    assert not witness.sound and "the sound ends early, or is missing" in notes(verdict)


def test_encrypted_files_are_not_guessed_at(film: Path, tmp_path: Path) -> None:
    data = film.read_bytes().replace(b"avc1", b"encv").replace(b"mp4a", b"enca")
    path = tmp_path / "locked.mp4"
    path.write_bytes(data)
    verdict, witness = seen(path)
    assert verdict.answer == "unreadable" and "encrypted" in str(verdict.error)
    assert verdict.sha256 is not None and witness.starts == 0


@pytest.mark.parametrize("bomb", [png_bomb, gif_bomb])
def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path, bomb: object) -> None:
    path = bomb(tmp_path / bomb.__name__.replace("_", "."))  # type: ignore[operator,attr-defined]
    verdict, witness = seen(path)
    assert verdict.answer == "unreadable" and "larger than the limit" in str(verdict.error)
    assert witness.starts == 0


def test_limits_are_options(film: Path) -> None:
    verdict, _ = seen(film, max_pixels=1000)
    assert verdict.answer == "unreadable" and "360x288" in str(verdict.error)
    verdict, witness = seen(film, max_duration=2.5)
    assert len(witness.bursts) == 3 and witness.heard < 3.1
    assert "only the first 2.5 s of video" in notes(verdict)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"hello " * 1000, "not a media file"),
        ("noise.mp4", bytes(range(256)) * 50, "not a media file"),
        ("odd\n'name\".wav", b"RIFF", "not a media file"),
    ],
)
def test_what_is_no_media_is_unreadable(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    verdict, _ = seen(path)
    assert verdict.answer == "unreadable" and words in str(verdict.error)
    assert verdict.path == os.fspath(path) and verdict.size == len(data)


def test_what_is_not_there_or_no_file(tmp_path: Path) -> None:
    assert seen(tmp_path / "gone.mp4")[0].error == "no such file"
    assert "directory" in str(seen(tmp_path)[0].error)
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "regular" in str(seen(tmp_path / "pipe.mp4")[0].error)
    (tmp_path / "loop").symlink_to("loop")
    assert seen(tmp_path / "loop")[0].answer == "unreadable"


def test_sound_of_any_rate(tmp_path: Path) -> None:
    fast = tmp_path / "fast.wav"
    soundfile.write(fast, tone(1.0, 384000), 384000)
    assert seen(fast)[1].heard == pytest.approx(1.0, abs=0.01)
    data = bytearray(fast.read_bytes())
    data[24:28] = struct.pack("<I", 2**31 - 1)
    absurd = tmp_path / "absurd.wav"
    absurd.write_bytes(bytes(data))
    verdict, _ = seen(absurd)
    assert verdict.answer == "unreadable" and "samples a second" in str(verdict.error)


def test_a_file_that_changes_meanwhile_is_told_of(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "growing.mp4"
    shutil.copyfile(film, path)

    class Meddler(Witness):
        def finish(self):  # type: ignore[no-untyped-def]
            with path.open("ab") as file:
                file.write(b"more")
            return super().finish()

    verdict = scan_file(path, None, [Meddler()])
    assert "changed while" in notes(verdict)


def test_the_same_file_gives_the_same_verdict(film: Path) -> None:
    first, one = seen(film)
    second, other = seen(film)
    assert one.bursts == other.bursts and one.sound == other.sound
    assert first.settings["fingerprint"] == second.settings["fingerprint"]


def test_the_shipped_person_has_one_face_throughout() -> None:
    _, witness = seen(PERSON)
    assert set(witness.faces) == {1}
