"""A lip-sync generator learns one face from that person's own pictures.

As where it was trained: each picture is to be made from others of the same person. What it has
learnt is mixed with what it was, by a share that is chosen on pictures it was not shown.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsynth.models.discriminators import PatchDiscriminator
from avsynth.models.lipsync import LipsyncNetwork, compose
from avsynth.training import lipsync as losses
from avsynth.training.adversarial import feature_matching
from avsynth.training.ema import Ema

Batch = dict[str, Tensor]
Bytes = NDArray[np.uint8]

SHARES = (0.0, 0.5, 1.0)
STEPS = 600
_BATCH = 3  # films
_LEARNING_RATE = 2e-4
_WARM_UP = 20  # steps
_DECAY = 0.98  # of the average that is kept
_EDGES, _DETAIL, _FLICKER, _MATCHING = 1.0, 2.0, 0.5, 0.05  # as in the recipe
_AT_ONCE = 8  # pictures
_AS_SHARP = 0.9  # of the finest detail that the base shows, at least


@dataclass(frozen=True)
class Films:
    """Short films of a face: ``truth`` (N, T, S, S, 3), ``pictures`` (N, 2, T, S, S, 3), two
    classical reconstructions of each, and ``maps`` (N, T, S, S, 3), all uint8."""

    truth: Bytes
    pictures: Bytes
    maps: Bytes

    def __len__(self) -> int:
        return len(self.truth)

    def batch(self, numbers: NDArray[np.intp], ways: NDArray[np.intp]) -> Batch:
        """Films by number and way of reconstruction, (B, T, 3, S, S) in 0..1."""
        parts = {
            "truth": self.truth[numbers],
            "picture": self.pictures[numbers, ways],
            "maps": self.maps[numbers],
        }
        return {
            name: torch.from_numpy(value).permute(0, 1, 4, 2, 3).float().div(255.0)
            for name, value in parts.items()
        }


@dataclass(frozen=True)
class Likeness:
    """Made pictures beside the true ones, around the mouth: mean absolute difference (0..1),
    peak signal-to-noise ratio (dB), and how much finest detail they have of the true ones'."""

    l1: float
    psnr: float
    sharpness: float


@dataclass(frozen=True)
class AdaptedLipsync:
    """The network, the ``share`` of it that is new, and what held-out pictures look like:
    ``classical`` without any network, ``before`` and ``after``.

    With share 0 nothing was better than the network as it was.
    """

    network: LipsyncNetwork
    share: float
    classical: Likeness
    before: Likeness
    after: Likeness
    steps: int


def adapt_lipsync(
    base: LipsyncNetwork,
    training: Films,
    held_out: Films,
    judge: PatchDiscriminator | None = None,
    *,
    steps: int = STEPS,
    seed: int = 0,
    over: Callable[[], bool] = lambda: False,
    advance: Callable[[], None] = lambda: None,
) -> AdaptedLipsync:
    """Learn from ``training``; ``judge``, frozen, lends its features to compare pictures by.

    ``over`` ends the training early, ``advance`` is told of every step.
    """
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    network = copy.deepcopy(base).train().requires_grad_(True)
    optimizer = torch.optim.Adam(network.parameters(), _LEARNING_RATE, (0.5, 0.99))
    ema = Ema(network, _DECAY)
    done = 0
    while done < steps and not over():
        done += 1
        optimizer.param_groups[0]["lr"] = _LEARNING_RATE * min(1.0, done / _WARM_UP)
        numbers = random.integers(len(training), size=_BATCH)
        batch = training.batch(numbers, random.integers(2, size=_BATCH))
        loss = _loss(network, judge, batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        ema.update(network, done)
        advance()
    candidates = {share: _mixed(base, ema.average, share) for share in SHARES}
    found = {share: likeness(its, held_out) for share, its in candidates.items()}
    share = choose(found)
    return AdaptedLipsync(
        candidates[share], share, likeness(None, held_out), found[0.0], found[share], done
    )


def choose(found: Mapping[float, Likeness]) -> float:
    """The share that is nearest to the person's pictures, of those that are not blurred by it."""
    least = _AS_SHARP * found[0.0].sharpness
    return min((s for s, its in found.items() if its.sharpness >= least), key=lambda s: found[s].l1)


def _loss(network: LipsyncNetwork, judge: PatchDiscriminator | None, batch: Batch) -> Tensor:
    truth, picture, maps = (batch[n].flatten(0, 1) for n in ("truth", "picture", "maps"))
    result = network({"picture": picture, "maps": maps})
    made = compose(picture, truth, maps[:, :1], result)
    weight = losses.attention(maps)
    total = losses.pictures(made, truth, weight) + _EDGES * losses.edges(made, truth, weight)
    total = total + _DETAIL * losses.detail(made, truth, weight)
    films = (x.reshape(*batch["truth"].shape[:2], *x.shape[1:]) for x in (made, truth, weight))
    total = total + _FLICKER * losses.flicker(*films)
    if judge is not None:
        with torch.no_grad():
            real = judge(truth, maps)
        total = total + _MATCHING * feature_matching(real, judge(made, maps))
    return torch.as_tensor(total)


@torch.inference_mode()
def likeness(network: LipsyncNetwork | None, films: Films) -> Likeness:
    """What ``network``, or none, makes of the first reconstruction of each film."""
    absolute = squared = pixels = fine = true_fine = 0.0
    for first in range(0, len(films), _AT_ONCE):
        numbers = np.arange(first, min(first + _AT_ONCE, len(films)))
        batch = films.batch(numbers, np.zeros_like(numbers))
        truth, made, maps = (batch[n].flatten(0, 1) for n in ("truth", "picture", "maps"))
        if network is not None:
            made = compose(made, truth, maps[:, :1], network({"picture": made, "maps": maps}))
        where = losses.mouth(maps) * maps[:, :1]
        error = made - truth
        absolute += float((error.abs().mean(dim=1, keepdim=True) * where).sum())
        squared += float((error.square().mean(dim=1, keepdim=True) * where).sum())
        pixels += float(where.sum())
        fine += float((_detail(made) * where).sum())
        true_fine += float((_detail(truth) * where).sum())
    return Likeness(
        round(absolute / max(pixels, 1e-9), 5),
        round(float(-10.0 * np.log10(max(squared / max(pixels, 1e-9), 1e-10))), 2),
        round(fine / max(true_fine, 1e-9), 3),
    )


def _detail(pictures: Tensor) -> Tensor:
    """How far each pixel is from the mean of its surroundings, (N, 1, S, S)."""
    near = torch.nn.functional.avg_pool2d(pictures, 3, stride=1, padding=1)
    return (pictures - near).abs().mean(dim=1, keepdim=True)


def _mixed(base: LipsyncNetwork, trained: torch.nn.Module, share: float) -> LipsyncNetwork:
    """A network between two: ``share`` of ``trained``, the rest of ``base``."""
    result = copy.deepcopy(base).eval().requires_grad_(False)
    new = trained.state_dict()
    with torch.no_grad():
        for name, value in result.state_dict().items():
            value.lerp_(new[name], share)
    return result
