"""The audio detector as a stream, and what it says of real sound."""

import csv
from fractions import Fraction

import numpy as np
import pytest
import torch

from avsynth.media import AudioChunk, read_audio
from avsynth.models.sound_detector import SoundDetector, SoundDetectorConfig
from avsynth.speech.world import world_copy
from avsynth.weights import file as weights_file
from detectors.audio import AudioDetector

TINY = SoundDetectorConfig(widths=(4, 4, 4, 4), filters=8, wave_widths=(8, 8, 8))


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """Untrained: what it says means nothing, when and of what it says something does."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "audio-debug.safetensors"
    told = {"name": "audio-debug", "purpose": "commercial", "licence": "none", "data": ["nothing"],
            "families": ["none"]}  # fmt: skip
    weights_file.write(path, "sound-detector", SoundDetector(TINY), TINY, {}, told)
    return AudioDetector(str(path))


def talk(seconds):
    """A buzz that comes and goes like syllables, 16 kHz."""
    time = np.arange(int(16_000 * seconds)) / 16_000
    voice = sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 30))
    gate = np.sin(2 * np.pi * 2 * time) ** 2 * (np.sin(2 * np.pi * 0.4 * time) > -0.8)
    rng = np.random.default_rng(0)
    return (0.05 * voice * gate + 1e-4 * rng.standard_normal(len(time))).astype(np.float32)


def chunks(sound, size, start=Fraction(0)):
    for first in range(0, len(sound), size):
        part = sound[first : first + size]
        yield AudioChunk(start + Fraction(first, 16_000), 16_000, part)


def hear(detector, parts):
    detector.start(None)
    for chunk in parts:
        detector.update_audio(chunk)
    return detector.finish()


def test_how_sound_is_cut_changes_nothing(detector):
    sound = talk(9.3)
    whole, cut = (hear(detector, chunks(sound, size)) for size in (len(sound), 4000))
    assert np.array_equal(whole.times, cut.times)
    assert np.array_equal(whole.scores, cut.scores)
    assert whole.score == cut.score == pytest.approx(float(whole.scores.mean()))


def test_times_are_those_of_the_file(detector):
    found = hear(detector, chunks(talk(7.6), 4000, Fraction(10)))
    assert found.times == pytest.approx([11.5, 13.5, 15.5, 16.8])
    assert found.subject == "voice" and found.abstained is None
    assert 0 < found.seen <= 7.6
    worst = found.sounds[0]
    assert worst.score == max(found.scores)
    assert worst.spectrogram.shape[0] == 257
    assert worst.heat is not None and 0 <= worst.heat.min() <= worst.heat.max() <= 1


def test_each_file_stands_alone(detector):
    first = detector.listen(talk(5.0))
    detector.listen(talk(12.0))
    assert np.array_equal(detector.listen(talk(5.0)).scores, first.scores)


@pytest.mark.parametrize("sound", [np.zeros(0), np.zeros(64_000), 0.2 * np.ones(64_000)])
def test_without_speech_it_abstains(detector, sound):
    found = detector.listen(sound.astype(np.float32))
    assert found.score is None
    assert found.abstained == "less than a second of speech"


def test_a_short_utterance_is_heard(detector):
    assert detector.listen(talk(1.6)).score is not None


def test_memory_does_not_grow(detector):
    detector.start(None)
    sound, kept = talk(4.0), []
    for k in range(40):
        detector.update_audio(AudioChunk(Fraction(4 * k), 16_000, sound))
        kept.append(len(detector._windows._waiting))
    assert max(kept) < 3 * 16_000
    assert len(detector.finish().sounds) <= 4


@pytest.mark.data
def test_copies_of_people_never_heard_score_above_their_originals(data_dir):
    with (data_dir / "speech.csv").open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["split"] == "test" and "clean" in r["corpus"]]
    shipped = AudioDetector()
    above = []
    for row in rows[:4]:
        path = data_dir / row["file"]
        sound = np.concatenate([chunk.samples for chunk in read_audio(path, 16_000)])[:64_000]
        real, fake = (shipped.listen(each).score for each in (sound, world_copy(sound)))
        print(f"{row['file']}: recording {real:.2f}, copy by WORLD {fake:.2f}")
        above.append(fake > real)
    assert sum(above) >= 3
