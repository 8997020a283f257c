"""Validation: the three-second stretches of people nobody was trained on, each against each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from disturb import disturb
from torch import Tensor
from trials import Floats, apart, equal_error, false_acceptance, trials
from voices import Recording

from avsynth.errors import UsageError
from avsynth.models.speaker import SpeakerEncoder
from avsynth.models.speaker_embedder import WINDOW, window_spectrum
from avsynth.speech.mel import SAMPLE_RATE
from avsynth.speech.spectrum import SpectrumConfig

_SEED = 1
_EVERY = SAMPLE_RATE // 2  # so that few speakers give more pairs
_STRICT = 0.01


class Segments:
    """Windows as ``SpeakerEmbedder`` hears them; and the same as by another microphone.

    Trials are between windows that do not overlap. Those of one utterance share its microphone
    and its room, which makes the voice easy to know again: in the *disturbed* trials one side is
    changed as in training, with a fixed seed.
    """

    def __init__(self, spoken: Sequence[Recording], spectrum: SpectrumConfig) -> None:
        parts: list[Tensor] = []
        files, starts = [], []
        self._people: list[str] = []
        for recording in spoken:
            for start in range(0, len(recording.samples) - WINDOW + 1, _EVERY):
                part = recording.samples[start : start + WINDOW]
                parts.append(window_spectrum(part, spectrum))
                self._people.append(recording.person)
                files.append(recording.clip.name)
                starts.append(start)
        if not parts:
            raise UsageError("nobody to validate on speaks for three seconds")
        self._mel = torch.stack(parts)
        self._disturbed = disturb(self._mel, torch.Generator().manual_seed(_SEED))
        self._files, self._apart = np.array(files), apart(files, starts, WINDOW)

    def validate(self, encoder: SpeakerEncoder, device: str) -> dict[str, float]:
        """Equal error rates, clean and disturbed; thresholds of the clean trials; and the spread.

        That is the largest of one person's windows where each is disturbed in its own way, as in
        references from several recordings.
        """
        clean, changed = (_embed(encoder, mel, device) for mel in (self._mel, self._disturbed))
        found = trials(clean, clean, self._people, self._apart)
        hard = trials(clean, changed, self._people, self._apart)
        rate, threshold = equal_error(found.scores, found.same)
        strict = false_acceptance(found.scores, found.same, _STRICT)
        spreads = [_spread(changed[self._files == name]) for name in np.unique(self._files)]
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
