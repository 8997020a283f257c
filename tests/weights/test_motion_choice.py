"""Which motion weights a purpose gets."""

import pytest

from avsynth.speech import whisper
from avsynth.weights import motion


@pytest.mark.parametrize("purpose", ["commercial", "research"])
def test_without_whisper_the_mel_weights_are_taken(monkeypatch, purpose):
    monkeypatch.setattr(motion, "find_weights", lambda: None)
    assert motion.best_motion(purpose).name == "motion-small-mel"


@pytest.mark.parametrize("purpose", ["commercial", "research"])
def test_with_whisper_its_weights_are_taken(monkeypatch, purpose, tmp_path):
    monkeypatch.setattr(motion, "find_weights", lambda: tmp_path)
    entry = motion.best_motion(purpose)
    assert entry.needs == "whisper" and entry.purpose == purpose


def test_weights_that_need_whisper_say_so_without_it(monkeypatch):
    monkeypatch.setattr(whisper, "find_weights", lambda: None)
    with pytest.raises(motion.WeightsError, match="Whisper"):
        motion.load_motion("motion-small")
