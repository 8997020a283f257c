"""The anomaly detectors: streams, silence, faces that come and go; and the shipped weights."""

import csv
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch

from avsynth import weights
from avsynth.face.alignment import _TEMPLATE
from avsynth.face.detect import FaceBox
from avsynth.face.mesh import MESH_POINTS, RIGID
from avsynth.face.track import FaceTracker, TrackedFace
from avsynth.media import AudioChunk, probe, read_audio
from avsynth.models.anomaly import AnomalyConfig, AnomalyVae
from avsynth.models.synthesis import StreamingVocoder
from avsynth.speech.pitch_track import pitch_track
from avsynth.speech.spectrum import log_mel_spectrum
from avsynth.weights import file as weights_file
from detectors.anomaly import FaceAnomaly, VoiceAnomaly
from detectors.feed import Feed
from detectors.looks import Burst, Look
from detectors.options import ScanOptions


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def written(path, aligned):
    """An untrained network with a density that takes everything for usual."""
    torch.manual_seed(0)
    config = AnomalyConfig(widths=(4, 6, 8), latent=2, aligned=aligned)
    layout = ["divergence"] * (5 if aligned else 8) + ["change"] * (20 if aligned else 0)
    size, cells = len(layout), (10, 28, 28) if aligned else (10, 32, 1)
    extras = {
        "density.mean": torch.zeros(size), "density.between": torch.eye(size),
        "density.within": torch.eye(size), "usual.mean": torch.zeros(cells),
        "usual.spread": torch.ones(cells),
    }  # fmt: skip
    if aligned:
        extras |= {"context.mean": torch.zeros(17), "context.slopes": torch.zeros(17, size)}
    metadata = {"data": ["made"], "layout": layout, "centre": 0.0, "spread": 1.0}
    weights_file.write(path, "anomaly", AnomalyVae(config), config, extras, metadata)
    return str(path)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return FaceAnomaly(written(tmp_path_factory.mktemp("w") / "f.safetensors", True))


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    return VoiceAnomaly(written(tmp_path_factory.mktemp("w") / "v.safetensors", False))


def chunks(sound, size, start=0):
    for first in range(0, len(sound), size):
        time = Fraction(start) + Fraction(first, 16_000)
        yield AudioChunk(time, 16_000, sound[first : first + size])


def listen(detector, sound, size=4000, start=0):
    detector.start(None)
    for chunk in chunks(sound, size, start):
        detector.update_audio(chunk)
    return detector.finish()


def talk(seconds, seed=0):
    random = np.random.default_rng(seed)
    time = np.arange(int(16_000 * seconds)) / 16_000
    parts = np.arange(1, 40)[:, None]
    buzz = (np.sin(2 * np.pi * 120 * parts * time) / parts).sum(axis=0)
    loud = np.sin(2 * np.pi * 2.1 * time) > -0.2
    return (0.1 * buzz * loud + 1e-4 * random.normal(size=len(time))).astype(np.float32)


def test_a_voice_scores_the_same_in_chunks_of_any_size(voices):
    sound = talk(5.3)
    whole = listen(voices, sound, len(sound), start=2)
    parts = listen(voices, sound, 1711, start=2)
    assert whole.score == pytest.approx(parts.score) and whole.seen == pytest.approx(5 * 1.024)
    assert np.allclose(whole.times, 2 + 1.024 * (np.arange(5) + 0.5)) and len(whole.scores) == 5
    assert np.allclose(whole.scores, parts.scores)
    assert listen(voices, talk(5.3, seed=1)).score != whole.score  # the last file is forgotten
    assert listen(voices, sound).score == pytest.approx(whole.score)


def test_what_stands_out_of_a_voice_is_marked(voices):
    found = listen(voices, talk(6.5))
    assert found.subject == "voice" and found.weights and found.trained_on == ("made",)
    assert 0 < len(found.sounds) <= 4
    scores = [marked.score for marked in found.sounds]
    assert scores == sorted(scores, reverse=True) and scores[0] == max(found.scores)
    for marked in found.sounds:
        assert marked.spectrogram.shape == (256, 128) and marked.heat.shape == (32, 16)
        assert 0 <= marked.heat.min() <= marked.heat.max() <= 1
    for interval in found.where:
        assert interval.start < interval.stop and interval.score >= 3


@pytest.mark.parametrize(
    "sound", [np.zeros(80_000, np.float32), talk(0.9), np.zeros(0, np.float32)]
)
def test_no_speech_is_no_evidence(voices, sound):
    found = listen(voices, sound)
    assert found.score is None and "speech" in found.abstained


def test_noise_alone_is_no_speech(voices):
    hiss = 0.05 * np.random.default_rng(0).normal(size=80_000)
    assert listen(voices, hiss.astype(np.float32)).score is None


def test_memory_does_not_grow_with_the_sound(voices):
    voices.start(None)
    for chunk in chunks(talk(12), 4000):
        voices.update_audio(chunk)
        assert len(voices._waiting) < 21_000 and len(voices._worst) <= 4


def mesh(x, y, size):
    """478 points of which the rigid ones are those of a frontal face."""
    points = np.zeros((MESH_POINTS, 3))
    points[list(RIGID)] = np.asarray(_TEMPLATE) * size
    return (points + np.array([x, y, 0.0])).astype(np.float32)


class Still:
    """A decoded frame that shows one picture."""

    def __init__(self, picture):
        self.picture = picture
        self.height, self.width = picture.shape[:2]

    def rgb(self, box=None):
        return self.picture if box is None else self.picture[box.y0 : box.y1, box.x0 : box.x1]


def burst(number, count, tracks=(0,), gap=1):
    random = np.random.default_rng(number)
    looks = []
    for i in range(count):
        picture = cv2.GaussianBlur(
            random.integers(0, 256, (240, 320, 3)).astype(np.uint8), (0, 0), 2
        )
        points = [mesh(90 + 130 * t, 120, 60) for t in range(len(tracks))]
        found = [
            TrackedFace(t, 0, p, 1.0, FaceBox(0, 0, 1, 1, 1.0, np.zeros((6, 2), np.float32)))
            for t, p in zip(tracks, points, strict=True)
        ]
        looks.append(Look(Still(picture), number * 25 + i * gap, number + i * gap / 25, found))
    return Burst(number, looks, 1.0)


def watch(detector, bursts):
    detector.start(None)
    for each in bursts:
        detector.update_faces(each)
    return detector.finish()


def test_faces_are_scored_by_burst_and_track(faces):
    found = watch(faces, [burst(0, 8), burst(1, 8, (0, 3)), burst(2, 8, (3,))])
    assert found.tracks.tolist() == [0, 0, 3, 3] and found.seen == 4
    assert np.allclose(found.times, [0.14, 1.14, 1.14, 2.14])
    assert found.subject == "face" and found.score is not None and found.weights
    assert 0 < len(found.frames) <= 4
    for marked in found.frames:
        assert marked.picture.shape == (224, 224, 3) and marked.heat.shape == (28, 28)
    assert watch(faces, [burst(0, 8)]).tracks.tolist() == [0]


def test_a_still_picture_is_scored_too(faces):
    assert watch(faces, [burst(0, 1)]).score is not None
    # Frames that do not follow each other say nothing of change.
    assert watch(faces, [burst(0, 8, gap=2)]).score != watch(faces, [burst(0, 8)]).score


def test_nobody_is_no_evidence(faces):
    found = watch(faces, [burst(0, 8, ())])
    assert found.score is None and "face" in found.abstained


def copied(sound, vocoder):
    """Speech taken apart into mel and pitch and put together again by our vocoder."""
    sound = sound[: len(sound) // 160 * 160]
    mel = log_mel_spectrum(torch.from_numpy(sound), vocoder.config.spectrum)
    stream = StreamingVocoder(vocoder)
    return np.concatenate([stream.push(mel, pitch_track(sound, 160)), stream.flush()])


@pytest.mark.data
def test_shipped_weights_find_vocoded_speech_more_unusual_than_its_original(data_dir):
    detector, vocoder = VoiceAnomaly(), weights.load("vocoder-small")
    with (data_dir / "speech.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["corpus"].endswith("train-clean-100")]
    real, fake = [], []
    for row in [row for row in rows if row["split"] == "test"][:4]:
        chunks = read_audio(data_dir / row["file"], 16_000)
        sound = np.concatenate([chunk.samples for chunk in chunks])
        real.append(listen(detector, sound).score)
        fake.append(listen(detector, copied(sound, vocoder)).score)
    print("real", np.round(real, 2), "vocoded", np.round(fake, 2))
    assert np.median(real) < 2.5 and np.median(fake) > np.median(real)
    assert sum(f > r for f, r in zip(fake, real, strict=True)) >= 3


@pytest.mark.data
def test_shipped_weights_find_a_mouth_of_low_resolution_more_unusual(data_dir):
    detector, scores = FaceAnomaly(), {False: [], True: []}
    for path in sorted((data_dir / "grid").glob("s26_*.mp4"))[:2]:
        info = probe(path)
        with Feed(info, ScanOptions(detectors=("face-anomaly",)), FaceTracker, threads=1) as feed:
            bursts = [item for item in feed if isinstance(item, Burst)]
        for repainted in (False, True):
            detector.start(info)
            for each in bursts:
                for look in each.looks if repainted else ():
                    crop = look.crop(look.faces[0], 224)[1]  # kept for whoever asks next
                    small = cv2.resize(
                        crop[120:200, 50:174], (42, 27), interpolation=cv2.INTER_AREA
                    )
                    crop[120:200, 50:174] = cv2.resize(small, (124, 80))
                detector.update_faces(each)
            scores[repainted].append(detector.finish().score)
    print("real", np.round(scores[False], 2), "repainted", np.round(scores[True], 2))
    assert max(scores[False]) < 3
    assert all(f > r + 0.2 for r, f in zip(scores[False], scores[True], strict=True))
