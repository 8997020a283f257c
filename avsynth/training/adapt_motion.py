"""A motion network learns one person from seconds to minutes of that person's speech.

So little footage is soon learnt by heart, so the network is trained for few steps and then mixed
with the one it began as (Wortsman et al. 2022). The share of the new weights is chosen by
cross-validation over stretches of time, which gives the figures before and after as well.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avsynth.face.mouth_space import MouthSpace, PersonStyle
from avsynth.models.motion import MotionNetwork
from avsynth.training.adapt_scores import Scores, choose, opening_direction, score

Floats = NDArray[np.float64]

RATE = 25  # rows a second
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
STEPS = 150
_FOLDS = 4
_GAP = 12  # rows between what is learnt from and what is held out
_BATCH, _WINDOW, _LEAST = 12, 32, 12  # windows; rows of one, and at least
_LEARNING_RATE = 1e-3
_WARM_UP = 20  # steps
_NOISE, _DEAF = 0.3, 0.1  # of the features: deviation of noise, share of channels left out


@dataclass(frozen=True)
class Take:
    """A stretch of speech, sound and mouth on one clock, 25 rows a second.

    ``heard`` float32 (T, P) are projected features, ``coefficients`` (T, K) the mouth,
    ``openings`` (T,) its opening, ``speaking`` bool (T,).
    """

    heard: NDArray[np.float32]
    coefficients: Floats
    openings: Floats
    speaking: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.heard)

    def part(self, first: int, stop: int) -> Take:
        """Rows ``first`` to ``stop``."""
        cut = slice(max(first, 0), max(stop, 0))
        return Take(self.heard[cut], self.coefficients[cut], self.openings[cut], self.speaking[cut])


@dataclass(frozen=True)
class AdaptedMotion:
    """The network, the ``share`` of it that is new, and scores of held-out speech.

    With share 0 nothing was better than the network as it was.
    """

    network: MotionNetwork
    share: float
    before: Scores
    after: Scores
    steps: int


def adapt_motion(
    base: MotionNetwork,
    space: MouthSpace,
    takes: Sequence[Take],
    *,
    steps: int = STEPS,
    seed: int = 0,
    over: Callable[[], bool] = lambda: False,
    advance: Callable[[], None] = lambda: None,
) -> AdaptedMotion:
    """Learn from ``takes``; ``over`` ends a training early, ``advance`` is told of every step.

    ValueError when there are fewer than ``_FOLDS`` stretches of a window's length to hold out.
    """
    total = sum(len(take) for take in takes)
    if total < _FOLDS * 2 * _GAP:
        raise ValueError(f"{total} rows are too few to learn from")
    learner = _Learner(base, space, steps, seed, over, advance)
    bounds = np.linspace(0, total, _FOLDS + 1).astype(int)
    made: dict[float, list[Floats]] = {share: [] for share in SHARES}
    truth: list[Floats] = []
    for low, high in itertools.pairwise(bounds):
        style, trained = learner.train(_outside(takes, low - _GAP, high + _GAP))
        for take, first, stop in _inside(takes, low, high):
            truth.append(take.coefficients[first:stop])
            for share in SHARES:
                units = _predict(mixed(base, trained, share), take.heard)[first:stop]
                made[share].append(style.from_units(units))
    real = np.concatenate(truth)
    scores = {share: score(space, np.concatenate(made[share]), real) for share in SHARES}
    share = choose(scores)
    network = base if share == 0.0 else mixed(base, learner.train(takes)[1], share)
    return AdaptedMotion(network, share, scores[0.0], scores[share], learner.done)


def total_steps(steps: int = STEPS) -> int:
    """How often ``adapt_motion`` advances, at most."""
    return steps * (_FOLDS + 1)


def mixed(base: MotionNetwork, trained: MotionNetwork, share: float) -> MotionNetwork:
    """A network between two: ``share`` of ``trained``, the rest of ``base``."""
    result = copy.deepcopy(base).eval()
    new = trained.state_dict()
    with torch.no_grad():
        for name, value in result.state_dict().items():
            if value.is_floating_point():
                value.lerp_(new[name], share)
    return result


def style_of(takes: Sequence[Take], space: MouthSpace) -> PersonStyle:
    """How the person speaks, as ``dub`` reads it."""
    joined = [np.concatenate([getattr(take, name) for take in takes]) for name in _STYLE]
    return PersonStyle.from_coefficients(joined[0], joined[1], space.deviation, joined[2])


_STYLE = ("coefficients", "openings", "speaking")


def _inside(takes: Sequence[Take], low: int, high: int) -> list[tuple[Take, int, int]]:
    """Which rows of which take lie in the stretch ``low`` to ``high`` of all rows."""
    found, start = [], 0
    for take in takes:
        first, stop = max(low - start, 0), min(high - start, len(take))
        if first < stop:
            found.append((take, first, stop))
        start += len(take)
    return found


def _outside(takes: Sequence[Take], low: int, high: int) -> list[Take]:
    """What lies before and after the stretch ``low`` to ``high`` of all rows."""
    parts, start = [], 0
    for take in takes:
        parts += [take.part(0, low - start), take.part(high - start, len(take))]
        start += len(take)
    return [part for part in parts if len(part) >= _LEAST]


class _Learner:
    def __init__(
        self, base: MotionNetwork, space: MouthSpace, steps: int, seed: int,
        over: Callable[[], bool], advance: Callable[[], None],
    ) -> None:  # fmt: skip
        self._base, self._space, self._steps, self._seed = base, space, steps, seed
        self._over, self._advance = over, advance
        self._size = _tensor(space.deviation / space.deviation[0])
        self._opens = _tensor(opening_direction(space))
        self.done = 0

    def train(self, takes: Sequence[Take]) -> tuple[PersonStyle, MotionNetwork]:
        """A copy of the base that was shown ``takes``, and the style read off them."""
        style = style_of(takes, self._space)
        pairs = [
            (take.heard, style.to_units(take.coefficients).astype(np.float32)) for take in takes
        ]
        random = np.random.default_rng(self._seed)
        torch.manual_seed(self._seed)
        network = copy.deepcopy(self._base).train().requires_grad_(True)
        optimizer = torch.optim.Adam(network.parameters(), _LEARNING_RATE)
        for step in range(1, self._steps + 1):
            if self._over():
                break
            rate = min(1.0, step / _WARM_UP) * 0.5 * (1 + np.cos(np.pi * step / self._steps))
            optimizer.param_groups[0]["lr"] = _LEARNING_RATE * rate
            heard, motion, mask = _draw(pairs, random)
            loss = self._loss(network.move(heard), motion, mask)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            self.done += 1
            self._advance()
        return style, network.eval().requires_grad_(False)

    def _loss(self, motion: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
        """Positions, openings and velocities, weighed as where the base was trained."""
        error = motion - truth
        huber = nn.functional.smooth_l1_loss(
            motion * self._size, truth * self._size, reduction="none", beta=0.3
        )
        position = (huber * mask[..., None]).sum() / mask.sum()
        opening = ((error @ self._opens).abs() * mask).sum() / mask.sum()
        both = mask[:, 1:] * mask[:, :-1]
        change = ((error[:, 1:] - error[:, :-1]) * self._size).abs()
        velocity: Tensor = (change * both[..., None]).sum() / both.sum()
        return position + opening + velocity


def _draw(
    pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]], random: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Windows of sound, disturbed, and of motion (B, T, .), and where they are real (B, T)."""
    lengths = np.array([len(heard) for heard, _ in pairs], np.float64)
    windows = []
    for number in random.choice(len(pairs), _BATCH, p=lengths / lengths.sum()):
        first = random.integers(max(1, len(pairs[number][0]) - _WINDOW + 1))
        parts = [rows[first : first + _WINDOW] for rows in pairs[number]]
        parts.append(np.ones((len(parts[0]), 1), np.float32))
        windows.append([np.pad(p, ((0, _WINDOW - len(p)), (0, 0))) for p in parts])
    heard, motion, mask = (np.stack(rows) for rows in zip(*windows, strict=True))
    heard = heard + _NOISE * random.standard_normal(heard.shape, np.float32)
    heard = heard * (random.random((_BATCH, 1, heard.shape[2])) >= _DEAF)
    return _tensor(heard), _tensor(motion), _tensor(mask[..., 0])


@torch.inference_mode()
def _predict(network: MotionNetwork, heard: NDArray[np.float32]) -> Floats:
    return np.asarray(network.move(torch.from_numpy(heard)[None])[0].numpy(), np.float64)


def _tensor(values: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))
