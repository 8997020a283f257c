"""The ladder of disturbances: what is disturbed, from when to when; nothing stays behind."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import report_examples as examples

from avsynth.errors import InputError
from avsynth.media import probe, read_audio, read_frames
from detectors import Verdict
from detectors.sensitivity import PICTURE, SOUND, STILL, UNTOUCHED, excerpt, sensitivity, worst_time

FILM = examples.DEMO / "person.mp4"
LINE = examples.DEMO / "line.flac"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def verdict(path: Path, score: float | None) -> Verdict:
    return Verdict(str(path), "inconclusive", "a test", score)


def sharpness(path: Path) -> Verdict:
    """How much fine detail the first picture has, in place of a detector's score."""
    picture = next(iter(read_frames(path))).rgb()
    return verdict(path, float(np.log(cv2.Laplacian(picture, cv2.CV_64F).var())))


def treble(path: Path) -> Verdict:
    """How much lies above 5 kHz, against all there is."""
    wave = np.concatenate([chunk.samples for chunk in read_audio(path, 16000)]).reshape(-1)
    power = np.abs(np.fft.rfft(wave)) ** 2
    return verdict(path, float(np.log(power[len(power) * 5 // 8 :].sum() / power.sum())))


def test_a_film_is_disturbed_in_picture_and_sound_one_file_at_a_time(scratch: Path) -> None:
    seen: list[list[str]] = []

    def scan(path: Path) -> Verdict:
        seen.append([each.name for each in scratch.rglob("*") if each.is_file()])
        assert abs(float(probe(path).duration or 0) - 0.32) < 0.1
        return sharpness(path)

    found = sensitivity(FILM, scan, around=4.0, seconds=0.32)
    assert list(found) == [UNTOUCHED, *(each.words for each in (*PICTURE, *SOUND))]
    assert seen == [["excerpt.mkv"]] * 9 and list(scratch.iterdir()) == []
    before = found[UNTOUCHED]
    assert found["blur of 1.5 px"] < before - 1 and found["noise of 8/255"] > before + 1
    assert found["MP3 64 kb/s"] == pytest.approx(before)  # the picture is as it was


def test_sound_is_disturbed_as_sound(scratch: Path) -> None:
    found = sensitivity(LINE, treble, seconds=2.0)
    assert list(found) == [UNTOUCHED, *(each.words for each in SOUND)]
    assert found["low-pass 4000 Hz"] < found[UNTOUCHED] - 3
    assert found["noise 20 dB under"] > found[UNTOUCHED]


def test_a_picture_stays_a_picture(scratch: Path, tmp_path: Path) -> None:
    still = tmp_path / "still.png"
    cv2.imwrite(str(still), examples.demo_face()[:151, :, ::-1])
    kinds: set[str] = set()

    def scan(path: Path) -> Verdict:
        kinds.add(probe(path).container)
        return sharpness(path)

    found = sensitivity(still, scan)
    assert list(found) == [UNTOUCHED, *(each.words for each in STILL)] and kinds == {"png_pipe"}
    assert found[UNTOUCHED] == pytest.approx(sharpness(still).score)
    assert list(scratch.iterdir()) == []


def test_what_gets_no_score_has_no_entry(scratch: Path) -> None:
    scores = iter([1.0, None, float("nan"), 2.0])
    found = sensitivity(LINE, lambda path: verdict(path, next(scores)), seconds=1.0)
    assert found == {UNTOUCHED: 1.0, SOUND[2].words: 2.0}
    assert sensitivity(LINE, lambda path: verdict(path, None), seconds=1.0) == {}


def test_a_failing_scan_leaves_nothing_behind(scratch: Path) -> None:
    def scan(path: Path) -> Verdict:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        sensitivity(LINE, scan, seconds=1.0)
    with pytest.raises(InputError):
        sensitivity(scratch / "missing.mp4", sharpness)
    assert list(scratch.iterdir()) == []


def test_an_excerpt_lies_within_the_file() -> None:
    info = probe(FILM)  # nine seconds
    assert excerpt(info, 4.0, 2.0) == (3, 5)
    assert excerpt(info, 0.1, 2.0) == (0, 2)
    assert excerpt(info, 100.0, 2.0) == (7, 9)
    assert excerpt(info, None, 2.0) == (Fraction(7, 2), Fraction(11, 2))
    assert excerpt(info, 4.0, 60.0) == (None, None)


def test_the_worst_time_is_that_of_the_clearest_detector() -> None:
    assert worst_time(examples.synthetic_face()) == 37.0  # middle of visual's worst stretch
    assert worst_time(examples.not_detected()) is not None
    assert worst_time(examples.unreadable()) is None
