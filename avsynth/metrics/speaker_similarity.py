"""Whose voice is it: Resemblyzer's embedding, which only scores; nothing is trained on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.metrics import optional
from avsynth.speech.mel import SAMPLE_RATE

Floats = NDArray[np.float32]

_QUIETEST = 1e-5  # RMS: digital silence


class ResemblyzerEmbedder:
    """256 numbers a recording (Wan et al. 2018, as kept in the package Resemblyzer).

    They end in a ReLU and unit length, so cosines lie in 0..1 and are high for strangers too. Never
    to be compared with those of another encoder.
    """

    def __init__(self) -> None:
        resemblyzer = optional.load("resemblyzer", "speaker similarity")
        self._prepare = resemblyzer.preprocess_wav
        self._encoder = resemblyzer.VoiceEncoder("cpu", verbose=False)

    def __call__(self, samples: ArrayLike) -> Floats:
        """16 kHz samples (N,) -> (256,) of unit length; zeros, near to nobody, for silence.

        Long pauses are cut out and quiet sound raised first, as the package does.
        """
        array = np.clip(np.nan_to_num(np.asarray(samples, np.float32)), -1.0, 1.0)
        if not len(array) or np.sqrt(np.mean(array**2)) < _QUIETEST:
            return np.zeros(256, np.float32)
        cut = self._prepare(array)
        heard = cut if len(cut) >= SAMPLE_RATE // 4 else array
        return np.asarray(self._encoder.embed_utterance(heard), np.float32)


def centroid(embeddings: Sequence[ArrayLike]) -> Floats:
    """Embeddings of one person (each (D,)) -> their mean (D,), of unit length."""
    mean = np.mean([np.asarray(e, np.float64) for e in embeddings], axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)


def similarity(first: ArrayLike, second: ArrayLike) -> float:
    """Cosine of two embeddings (D,); 0 when either is zero."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 0 else 0.0


def equal_error_threshold(same: ArrayLike, different: ArrayLike) -> tuple[float, float]:
    """Where a verifier errs as often one way as the other: (threshold, equal error rate 0..1).

    Scores of trials with the same person (S,) and with different people (D,), higher = more alike.
    The threshold is where the gap between false rejection and false acceptance is smallest, halfway
    between the highest score that is rejected and the lowest that is accepted; the rate is the mean
    of the two (``eer_official``, as ASVspoof). ValueError when either is empty.
    """
    own, other = np.sort(np.asarray(same, float)), np.sort(np.asarray(different, float))
    if not len(own) or not len(other):
        raise ValueError("no trials")
    scores = np.unique(np.concatenate([own, other]))  # accepted from one of these on
    rejected = np.searchsorted(own, scores, "left") / len(own)
    accepted = 1.0 - np.searchsorted(other, scores, "left") / len(other)
    place = int(np.abs(rejected - accepted).argmin())
    threshold = float(scores[max(place - 1, 0)] + scores[place]) / 2
    return threshold, float(rejected[place] + accepted[place]) / 2


def acceptance_rate(scores: ArrayLike, threshold: float) -> float:
    """Share of scores that reach ``threshold``."""
    return float((np.asarray(scores, float) >= threshold).mean())
