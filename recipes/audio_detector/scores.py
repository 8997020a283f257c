"""Scores of items, and what they come to: area under the curve and equal error rate."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from pairs import Pairs

from avsynth.models.sound_detector import SoundDetector, views
from avsynth.training.sound_corpus import SoundItem

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
            rates = {
                name: equal_error(scores[family == "real", column], scores[family == name, column])
                for name in pairs.families
            }
            found[f"{prefix}{branch}"] = round(float(np.mean(list(rates.values()))), 4)
            if branch == "logit":
                found |= {f"{prefix}{name}": round(rate, 4) for name, rate in rates.items()}
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


def area(real: NDArray[np.float64], fake: NDArray[np.float64]) -> float:
    """Chance that a fake scores above a recording; ties count half."""
    every = np.concatenate([real, fake])
    _, place, count = np.unique(every, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    total = ranks[len(real) :].sum() - len(fake) * (len(fake) + 1) / 2
    return float(total / (len(real) * len(fake)))


def equal_error(real: NDArray[np.float64], fake: NDArray[np.float64]) -> float:
    """Where as many recordings are accused as fakes are missed; the mean of both at the nearest."""
    limits = np.unique(np.concatenate([real, fake]))
    accused = np.array([(real >= limit).mean() for limit in limits])
    missed = np.array([(fake < limit).mean() for limit in limits])
    best = int(np.abs(accused - missed).argmin())
    return float((accused[best] + missed[best]) / 2)


def table(found: dict[str, float]) -> str:
    """A line, in percent."""
    return ", ".join(f"{name} {100 * value:.1f}" for name, value in found.items())
