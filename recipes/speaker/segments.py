"""Validation: the three-second stretches of people nobody was trained on, each against each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from disturb import disturb
from torch import Tensor
from trials import Floats, equal_error, false_acceptance, trials
from voices import Recording

from avsynth.models.speaker import SpeakerEncoder
from avsynth.models.speaker_embedder import HOP, WINDOW, window_spectrum
from avsynth.speech.spectrum import SpectrumConfig

_SEED = 1
_STRICT = 0.01


class Segments:
    """Windows as ``SpeakerEmbedder`` hears them; and the same as by another microphone.

    Trials are between windows that do not overlap. Those of one utterance share its microphone
    and its room, which makes the voice easy to know again: in the *disturbed* trials one side is
    changed as in training, with a fixed seed.
    """

    def __init__(self, spoken: Sequence[Recording], spectrum: SpectrumConfig) -> None:
        parts: list[Tensor] = []
        people, recordings, apart = [], [], []
        for number, recording in enumerate(spoken):
            for start in range(0, len(recording.samples) - WINDOW + 1, HOP):
                part = recording.samples[start : start + WINDOW]
                parts.append(window_spectrum(part, spectrum))
                people.append(recording.person)
                recordings.append(number)
                apart.append(start % WINDOW == 0)
        self._mel = torch.stack(parts)
        self._disturbed = disturb(self._mel, torch.Generator().manual_seed(_SEED))
        self._people, self._recordings = people, np.array(recordings)
        self._apart = np.array(apart)

    def validate(self, encoder: SpeakerEncoder, device: str) -> dict[str, float]:
        """Equal error rates, clean and disturbed; thresholds and spread of the clean windows."""
        clean, changed = (_embed(encoder, mel, device) for mel in (self._mel, self._disturbed))
        people = [p for p, kept in zip(self._people, self._apart, strict=True) if kept]
        own = clean[self._apart]
        found = trials(own, own, people)
        hard = trials(own, changed[self._apart], people)
        rate, threshold = equal_error(found.scores, found.same)
        strict = false_acceptance(found.scores, found.same, _STRICT)
        spreads = [_spread(clean[self._recordings == n]) for n in np.unique(self._recordings)]
        return {
            "eer": round(rate, 4),
            "eer_disturbed": round(equal_error(hard.scores, hard.same)[0], 4),
            "threshold_eer": round(threshold, 4),
            "threshold_far1": round(strict, 4),
            "refused_far1": round(float((found.scores[found.same] < strict).mean()), 4),
            "spread": round(max(spreads), 4),
        }


@torch.inference_mode()
def _embed(encoder: SpeakerEncoder, mel: Tensor, device: str) -> Floats:
    parts = [encoder({"mel": part.to(device)})["embedding"].cpu() for part in mel.split(64)]
    return torch.cat(parts).numpy().astype(np.float64)


def _spread(points: Floats) -> float:
    """Mean cosine distance of unit vectors (W, D) to their mean's direction."""
    mean = points.mean(axis=0)
    return float(1 - (points @ mean).mean() / np.linalg.norm(mean))
