"""Validation: the dev items' scores and equal error rates."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from pairs import Pairs

from avsynth.models.sound_detector import SoundDetector, views
from avsynth.training.sound_corpus import SoundItem
from detectors.metrics.eer import eer_official

_LONGEST = 4 * 16_000
_BRANCHES = ("logit", "spectrum_logit", "wave_logit")


@torch.inference_mode()
def validate(network: SoundDetector, pairs: Pairs, device: str) -> dict[str, float]:
    """Equal error rates of every family of fakes against all recordings, disturbed and clean, their
    mean of each branch, and the share of fakes above their own original."""
    network.eval()
    found: dict[str, float] = {}
    for draw, prefix in ((0, "clean_"), (1, "")):
        scores = np.array([_score(network, pairs, item, draw, device) for item in pairs.items])
        family = np.array([item.family for item in pairs.items])
        for column, branch in enumerate(_BRANCHES):
            rates = {name: _rate(scores[:, column], family, name) for name in pairs.families}
            found[f"{prefix}{branch}"] = round(float(np.mean(list(rates.values()))), 4)
            for name, rate in rates.items():
                found[f"{prefix}{branch.replace('logit', '')}{name}"] = round(rate, 4)
        place = {item.name: k for k, item in enumerate(pairs.items)}
        above = [
            scores[k, 0] > scores[place[item.original], 0]
            for k, item in enumerate(pairs.items)
            if item.original in place
        ]
        found[f"{prefix}above"] = round(float(np.mean(above)), 4)
    return found


def _score(
    network: SoundDetector, pairs: Pairs, item: SoundItem, draw: int, device: str
) -> list[float]:
    sound = torch.from_numpy(pairs.sound(item, draw)[None, :_LONGEST]).to(device)
    result = network(views(sound, network.config))
    return [float(result[name]) for name in _BRANCHES]


def _rate(scores: NDArray[np.float64], family: NDArray[np.str_], name: str) -> float:
    """Equal error rate of one family against the recordings."""
    chosen = (family == "real") | (family == name)
    return eer_official(scores[chosen], family[chosen] == name).rate
