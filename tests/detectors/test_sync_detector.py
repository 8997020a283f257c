"""Lips against sound: which way an offset runs, films in time, and what is said of it."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from avsynth import weights
from avsynth.errors import WeightsError
from avsynth.media import AudioChunk
from avsynth.models.sync import RATE, STEPS
from avsynth.pipelines.demonstrate import demo_media
from avsynth.speech.mel import log_mel
from detectors.scan import Scanner
from detectors.sync import SyncDetector, at_rate, compare, notes
from detectors.sync_curve import LAGS, MOST_LAG, Agreement, SyncFigures, logit

PERSON, _ = demo_media()


@pytest.fixture(scope="module")
def expert():
    return weights.read("sync-small").network


def syllables(seconds, seed=0):
    """Noise in bursts of random strength, five a second."""
    generator = np.random.default_rng(seed)
    strength = np.repeat(generator.random(seconds * 5) ** 2, 3200)
    noise = generator.standard_normal(len(strength))
    return (0.1 * np.convolve(strength, np.ones(800) / 800, "same") * noise).astype(np.float32)


@pytest.mark.parametrize("late", [0, 3, -5])
def test_a_late_mouth_has_a_positive_offset(expert, late) -> None:
    """Mouths that are exactly what the expert hears, ``late`` pictures after it."""
    sound = syllables(3)
    config = expert.config
    with torch.inference_mode():
        windows = log_mel(torch.from_numpy(sound)).unfold(1, config.steps, STEPS).transpose(0, 1)
        heard = expert.hear(windows)
    first = MOST_LAG - late  # the sound of the first film begins here, in pictures
    cosines = compare(expert, heard[first : first + 12], sound, np.ones(len(sound), bool))
    agreement = Agreement()
    agreement.add(cosines)
    found = agreement.figures()
    assert found.offset == late and found.confidence > 0.1


def test_lags_without_sound_are_not_made_up(expert) -> None:
    there = np.ones(3 * 16000, bool)
    there[: 16000 // 2] = False
    looked = torch.nn.functional.normalize(torch.randn(4, expert.config.embedding), dim=1)
    cosines = compare(expert, looked, syllables(3), there)
    assert cosines.shape == (4, LAGS)
    assert np.isfinite(cosines[:, MOST_LAG]).all() and np.isnan(cosines[0, -1])


def test_pictures_are_taken_nearest_in_time() -> None:
    times = np.arange(8) / 30.0 + 2.0
    pictures, first = at_rate(np.arange(8), times)
    assert first == 2.0 and len(pictures) == 7
    assert pictures.tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert at_rate(np.arange(8), np.arange(8) / RATE)[0].tolist() == list(range(8))


def test_disagreement_weighs_and_a_plain_offset_hardly_does() -> None:
    clear = SyncFigures(0, 0.35, 0.9, 9.0, 24)
    moved = SyncFigures(9, 0.35, 0.9, 9.0, 24)
    none = SyncFigures(-7, 0.08, 1.3, 2.2, 24)
    assert logit(none) > 0 > logit(clear)
    assert logit(moved) < 0 and logit(moved) - logit(clear) < 0.25 * (logit(none) - logit(clear))
    assert "360 ms after" in notes(moved)[0] and "slip of editing" in notes(moved)[0]
    assert "no clear agreement" in notes(none)[0]


def test_without_sound_or_face_nothing_is_said() -> None:
    detector = SyncDetector()
    detector.start(None)
    assert detector.finish().abstained == "no sound"
    detector.update_audio(AudioChunk(Fraction(0), 16000, syllables(1)))
    assert detector.finish().abstained == "no face large enough"
    with pytest.raises(WeightsError, match="not a sync expert"):
        SyncDetector("vocoder-small-discriminator")


def test_a_whole_file_keeps_little_and_says_what_it_found() -> None:
    detector = SyncDetector()
    with Scanner(detectors=[detector]) as scanner:
        [found] = scanner.evidence(PERSON)
    assert found.subject == "sync"
    assert len(detector._sound) <= 6.5 * 16000 and not detector._waiting
    if found.score is not None:
        assert set(found.figures) >= {"offset_ms", "confidence", "distance", "films"}
        assert len(found.times) == len(found.scores)
