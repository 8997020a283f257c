"""Discriminators as detectors: streaming, abstaining, the same whatever the chunks and loudness."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch

from avsynth import weights
from avsynth.face import mesh
from avsynth.face.track import FaceTracker, wanted_side
from avsynth.media import AudioChunk, probe, read_frames
from avsynth.models.judge import Judge, JudgeConfig, Part
from avsynth.pipelines.demonstrate import demo_media
from avsynth.weights import file as weights_file
from detectors import views
from detectors.films import face_films, lower_faces, mouths
from detectors.from_discriminator import SOURCES, LipsyncJudge, VocoderJudge
from detectors.looks import Burst, Look
from detectors.motion_features import NAMES, measure
from detectors.temporal import MotionDetector

PERSON, LINE = demo_media()
RATE = 16_000


def write_judge(path, kind, config, view):
    torch.manual_seed(0)
    judge = Judge(JudgeConfig(parts=(Part(kind=kind, config=config),), hidden=4))
    about = {"name": path.stem, "view": view, "trained_on": ["nothing"]}
    weights_file.write(path, "judge", judge.eval(), judge.config, {}, about)
    return path


@pytest.fixture(scope="module")
def voice_judge(tmp_path_factory):
    path = tmp_path_factory.mktemp("judge") / "voice.safetensors"
    config = {"windows": [256], "widths": [4, 4, 4]}
    return VocoderJudge(write_judge(path, "resolution-discriminator", config, "sound"))


@pytest.fixture(scope="module")
def face_judge(tmp_path_factory):
    path = tmp_path_factory.mktemp("judge") / "face.safetensors"
    config = {"channels": 9, "condition": 9, "widths": [4, 8], "scales": 1}
    return LipsyncJudge(write_judge(path, "patch-discriminator", config, "mouth film"))


@pytest.fixture(scope="module")
def burst():
    """Eight frames of the demonstration's person, as a scan tracks them."""
    info = probe(PERSON)
    with FaceTracker(info.video.width, info.video.height) as tracker:
        looks = []
        for number, frame in enumerate(read_frames(PERSON)):
            if number == 8:
                break
            side = wanted_side(frame.width, frame.height)
            assert side >= max(frame.width, frame.height)  # small enough to be tracked as it is
            faces = tracker.update(number, frame.rgb())
            looks.append(Look(frame, number, float(frame.time), faces))
    return Burst(0, looks, 1.0)


def spoken(seconds):
    """Words and a pause, one second each."""
    time = np.arange(seconds * RATE) / RATE
    voiced = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 30))
    swell = 1.0 + 0.5 * np.sin(2 * np.pi * 1.3 * time)  # one moment is the loudest
    return (0.05 * voiced * swell * (np.floor(time) % 2 == 0)).astype(np.float32)


def heard(judge, sound, size, start=0.0):
    judge.start(None)
    for first in range(0, len(sound), size):
        time = Fraction(first, RATE) + Fraction(start)
        judge.update_audio(AudioChunk(time, RATE, sound[first : first + size]))
    return judge.finish()


def test_a_voice_is_judged_the_same_however_it_comes(voice_judge) -> None:
    sound = spoken(5)
    whole = heard(voice_judge, sound, 4000)
    assert whole.detector == "vocoder-discriminator" and whole.subject == "voice"
    assert len(whole.scores) == 3 and whole.sounds[0].spectrogram.shape[0] == 257
    for other in (heard(voice_judge, sound, 777), heard(voice_judge, 0.1 * sound, 4000)):
        assert other.score == pytest.approx(whole.score, abs=1e-4)
        assert np.allclose(other.times, whole.times)
    later = heard(voice_judge, sound, 4000, start=2.0)
    assert np.allclose(later.times, whole.times + 2.0)


def test_pauses_and_silence_say_nothing(voice_judge) -> None:
    found = heard(voice_judge, np.zeros(3 * RATE, np.float32), 4000)
    assert found.score is None and "sound" in found.abstained
    assert len(heard(voice_judge, spoken(3), 4000).times) == 2  # the second between is a pause


def test_windows_are_the_loudest_of_their_seconds() -> None:
    sound = np.full(RATE, 0.01, np.float32)
    sound[9000:12000] = 0.5
    [(start, window)] = views.Listener().push(sound)
    assert start * RATE <= 9000 and start * RATE + views.WINDOW >= 12000
    level = float(views.sound(window[None])["x"].square().mean().sqrt())
    assert level == pytest.approx(0.07, abs=1e-3)


def test_a_face_is_judged_and_shown(face_judge, burst) -> None:
    face_judge.start(None)
    face_judge.update_faces(burst)
    found = face_judge.finish()
    assert found.score is not None and len(found.times) == 1 and found.trained_on == ("nothing",)
    [marked] = found.frames
    assert marked.picture.shape == (224, 224, 3) and marked.heat.shape == (224, 224)
    # The heat lies where the mouth is: below the middle, and nowhere near the forehead.
    assert marked.heat[:60].max() == 0 and marked.heat[140:190].max() > 0
    face_judge.start(None)
    assert face_judge.finish().abstained is not None


def test_stills_and_small_faces_are_left_out(face_judge, burst) -> None:
    face_judge.start(None)
    face_judge.update_faces(Burst(0, burst.looks[:1], 1.0))
    assert face_judge.finish().score is None
    assert list(face_films(burst, smallest=1000.0)) == []


def test_mouths_are_cut_where_the_lips_are(burst) -> None:
    [face] = face_films(burst)
    assert face.film.shape == (8, 224, 224, 3) and face.points.shape == (8, 478, 2)
    seen = mouths(face.film, face.stored)
    assert seen.pictures.shape == seen.maps.shape == (8, 64, 64, 3)
    rows, columns = np.nonzero(seen.maps[0, ..., 1] > 127)
    assert abs(rows.mean() - 32) < 6 and abs(columns.mean() - 32) < 6
    assert lower_faces(face.film, face.stored, 64).shape == (8, 64, 64, 3)


def test_every_source_ships_and_sees_what_is_known() -> None:
    for name, source in SOURCES.items():
        assert source.view in views.VIEWS
        assert weights.read(name).kind.endswith("discriminator")


def test_a_blurred_mouth_looks_soft_and_a_shaken_one_shaken(burst) -> None:
    [face] = face_films(burst)
    usual = dict(zip(NAMES, measure(face.film, face.points), strict=True))
    x, y = face.points[0, [61, 291]].mean(axis=0).astype(int)
    part = np.s_[:, y - 40 : y + 40, x - 40 : x + 40]
    film = face.film.copy()
    film[part] = np.stack([cv2.GaussianBlur(p, (0, 0), 4) for p in film[part]])
    soft = dict(zip(NAMES, measure(film, face.points), strict=True))
    assert soft["sharp fine mouth/eyes"] < usual["sharp fine mouth/eyes"] - 0.5
    assert soft["speed of lips"] == pytest.approx(usual["speed of lips"])
    points = face.points.copy()
    points[::2, [*mesh.LIPS_OUTER, *mesh.LIPS_INNER]] += 3.0
    shaken = dict(zip(NAMES, measure(face.film, points), strict=True))
    assert shaken["jitter lips/head"] > usual["jitter lips/head"]
    with pytest.raises(ValueError, match="at least 4"):
        measure(face.film[:3], face.points[:3])


def test_light_and_contrast_of_the_camera_cancel(burst) -> None:
    [face] = face_films(burst)
    darker = (face.film * 0.7).astype(np.uint8)
    difference = measure(darker, face.points) - measure(face.film, face.points)
    near = [i for i, name in enumerate(NAMES) if name.startswith(("sharp", "flicker coarse"))]
    assert np.abs(difference[near]).max() < 0.35


def test_motion_says_what_speaks_for_synthesis(burst) -> None:
    detector = MotionDetector()
    detector.start(None)
    detector.update_faces(burst)
    found = detector.finish()
    assert np.isfinite(found.score) and found.trained_on and found.notes
    detector.start(None)
    assert detector.finish().abstained is not None
