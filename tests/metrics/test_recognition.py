"""Error rates by hand and against every possible edit; the recognisers on real speech."""

import functools

import numpy as np
import pytest
import soundfile as sf

from avsynth.metrics import recognition
from avsynth.metrics.recognition import Errors, count_errors


@functools.cache
def fewest(a, b):
    """Edits by trying all."""
    if not a or not b:
        return len(a) + len(b)
    change = fewest(a[1:], b[1:]) + (a[0] != b[0])
    return min(change, fewest(a[1:], b) + 1, fewest(a, b[1:]) + 1)


@pytest.mark.parametrize("seed", range(8))
def test_edits_are_the_fewest(seed):
    rng = np.random.default_rng(seed)
    a, b = ("".join(rng.choice(list("abc"), rng.integers(0, 8))) for _ in range(2))
    assert count_errors(a, b) == Errors(fewest(a, b), len(a))


def test_word_errors_by_hand():
    reference, heard = (
        ["the", "cat", "sat", "on", "the", "mat"],
        ["a", "cat", "sat", "the", "mat", "now"],
    )
    assert count_errors(reference, heard) == Errors(3, 6)
    errors = [Errors(3, 6), Errors(0, 2)]
    assert recognition.mean_error_rate(errors) == pytest.approx(0.25)
    assert recognition.pooled_error_rate(errors) == pytest.approx(3 / 8)
    assert Errors(2, 0).rate == 2.0


def test_words_without_case_and_punctuation():
    assert recognition.words("Don’t STOP -- 'never'; it's 5.") == [
        "don't",
        "stop",
        "never",
        "it's",
        "5",
    ]


def test_tokens_are_bytes():
    assert recognition._text(["ĠCaf", "Ã©", "Ġau", "<|endoftext|>"]) == "Café au"


@pytest.mark.data
def test_words_of_a_known_sentence(data_dir):
    pytest.importorskip("ctranslate2")
    recognise = recognition.WordRecogniser()
    sound, _ = sf.read(data_dir / "speech/vctk_parallel/p225_020.flac")
    heard = recognise(sound)
    assert recognition.words(heard) == (
        ["many", "complicated", "ideas", "about", "the", "rainbow", "have", "been", "formed"]
    )
    with pytest.raises(ValueError, match="30 s"):
        recognise(np.zeros(31 * 16000))


@pytest.mark.data
def test_phonemes_of_a_known_sentence(data_dir):
    pytest.importorskip("hama")
    recognise = recognition.PhonemeRecogniser()
    sound, _ = sf.read(data_dir / "speech/vctk_parallel/p225_019.flac")
    heard = recognise(sound)
    refraction = ["ɹ", "ɪ", "f", "ɹ", "æ", "k", "ʃ", "ə", "n"]
    assert any(heard[k : k + len(refraction)] == refraction for k in range(len(heard)))
    noisy = recognise(sound + np.random.default_rng(0).normal(0, 0.05, len(sound)))
    assert 0.05 < count_errors(heard, noisy).rate < 1.5
    assert recognise(np.zeros(100)) == []
