"""Voices by the speaker encoder that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsynth.media.excerpts import sound_excerpts
from avsynth.provenance.records import Scope
from avsynth.weights.speakers import load_speaker

RATE = 16_000
_HEARD = 120  # seconds of a file


class VoiceIdentity:
    """One point for all the speech of a file. See ``IdentityEmbedder``.

    The limit is that of the encoder's weights: where, on the speakers that its choices were made
    with, as many strangers pass as people are taken for another.
    """

    name = "speaker encoder"
    scope: Scope = "voice"

    @property
    def threshold(self) -> float:
        """Euclidean distance above which two points are two persons."""
        return load_speaker().threshold

    def embed(self, path: Path) -> NDArray[np.float32]:
        """Points (N <= 1, 128); N is 0 where nobody speaks.

        Raises InputError for a file that cannot be read or holds no sound.
        """
        embedder = load_speaker().embedder
        found = [embedder.windows(sound) for sound in sound_excerpts(path, RATE, _HEARD)]
        windows = np.concatenate(found) if found else np.zeros((0, 128), np.float32)
        if not len(windows):
            return windows
        mean = windows.mean(axis=0, keepdims=True)
        return np.asarray(mean / np.linalg.norm(mean), np.float32)
