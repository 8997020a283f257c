"""Logistic calibration and fusion: score tables -> the numbers of ``detectors.calibration``.

Classes weigh the same, so that logits are log-likelihood ratios (Brümmer and du Preez 2006,
"Application-independent evaluation of speaker detection"), and so do the families of fakes, and
people within them. Targets are smoothed as by Platt (1999), so that perfect separation gives a
finite slope.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from detectors.calibration import MOST, Member, PartFusion

Floats = NDArray[np.float64]

#: Rates for which a threshold is stored where there are real people enough.
RATES = (0.05, 0.02, 0.01, 0.005, 0.0033, 0.0025, 0.001)
_DRAWS = 100
_MISSED = 5.0  # percent of held-out synthetic files below ``miss``
_RIDGE = 0.1  # over the number of real people: from few of them little can be learnt


@dataclass(frozen=True)
class Table:
    """Scores of many files: ``scores`` (files, members), NaN where a member abstained.

    ``synthetic`` (files,) bool; ``groups``: the person a file shows or is spoken by; ``families``:
    what made it, "real" for real ones.
    """

    members: tuple[str, ...]
    scores: Floats
    synthetic: NDArray[np.bool_]
    groups: tuple[str, ...]
    families: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.scores) == len(self.synthetic) == len(self.groups) == len(self.families):
            raise ValueError("a table needs one row of everything for each file")

    def __len__(self) -> int:
        return len(self.scores)

    def rows(self, which: NDArray[np.generic] | Sequence[int]) -> Table:
        """Some of the files, by index or mask."""
        places = np.arange(len(self))[np.asarray(which)]
        return Table(
            self.members, self.scores[places], self.synthetic[places],
            tuple(self.groups[i] for i in places), tuple(self.families[i] for i in places),
        )  # fmt: skip


def fit_member(scores: Floats, table: Table) -> Member:
    """Slope and offset of one detector; files (n,) in which it abstained are NaN."""
    seen = np.isfinite(scores)
    part, raw = table.rows(seen), scores[seen]
    low, high = (float(edge) for edge in np.percentile(raw, (0.5, 99.5)))
    scale = max(float(np.std(raw)), 1e-9)
    inside = np.clip(raw, low, high) / scale
    offset, slope = _logistic(inside[:, None], part)
    return Member(slope=slope / scale, offset=offset, low=low, high=high)


def fit_part(table: Table, ratios: Floats, most: float = MOST, seed: int = 0) -> PartFusion:
    """Weights of a part's members on calibrated ``ratios`` (files, members); 0: it abstained.

    A single member is calibrated already: its weight is 1. ``most`` as in ``PartFusion``.
    """
    real = ~table.synthetic
    offset, *weights = _logistic(ratios, table) if len(table.members) > 1 else (0.0, 1.0)
    fused = offset + ratios @ np.array(weights)
    draws = [_logistic(ratios[chosen], rows) for chosen, rows in _resampled(table, seed)]
    return PartFusion(
        members=table.members,
        most=most,
        weights=tuple(weights),
        offset=offset,
        draws=tuple(tuple(draw) for draw in draws),
        thresholds=conformal_thresholds(fused[real], np.array(table.groups)[real]),
        miss=float(np.percentile(fused[table.synthetic], _MISSED)),
        real=int(real.sum()),
        synthetic=int(table.synthetic.sum()),
        people=len(set(table.groups)),
    )


def conformal_thresholds(real: Floats, people: NDArray[np.str_]) -> dict[str, float]:
    """Rate -> the score that a new real person passes with any of their files at most that often.

    The ceil((n + 1)(1 - rate))-th smallest of n people's highest scores (split conformal, Vovk et
    al. 2005): files of one person are no independent witnesses. Rates that would need more people
    are left out; for those the bound of ``detectors.fusion.threshold`` holds.
    """
    ranked = np.sort([real[people == name].max() for name in np.unique(people)])
    places = {rate: int(np.ceil((len(ranked) + 1) * (1 - rate))) for rate in RATES}
    return {
        str(rate): float(np.nextafter(ranked[place - 1], np.inf))
        for rate, place in places.items()
        if place <= len(ranked)
    }


def file_weights(table: Table) -> Floats:
    """Of every file (n,), summing to 1: classes alike, within them families, then people."""
    cells = list(zip(table.synthetic, table.families, table.groups, strict=True))
    files = Counter(cells)
    people = Counter((synthetic, family) for synthetic, family, _ in files)
    families = Counter(synthetic for synthetic, _ in people)
    each = [
        1.0 / (len(families) * families[s] * people[s, family] * files[s, family, group])
        for s, family, group in cells
    ]
    return np.array(each)


def _logistic(features: Floats, table: Table) -> list[float]:
    """Offset, then a slope of 0 or more for each column of ``features`` (files, k)."""
    weights = file_weights(table)
    real, synthetic = int((~table.synthetic).sum()), int(table.synthetic.sum())
    target = np.where(table.synthetic, (synthetic + 1) / (synthetic + 2), 1 / (real + 2))

    people = {g for g, s in zip(table.groups, table.synthetic, strict=True) if not s}
    ridge = _RIDGE / len(people)

    def loss(values: Floats) -> tuple[float, Floats]:
        logits = values[0] + features @ values[1:]
        each = np.logaddexp(0.0, logits) - target * logits
        error = weights * (_sigmoid(logits) - target)
        slopes = np.concatenate([[0.0], values[1:]])
        gradient = np.concatenate([[error.sum()], features.T @ error]) + 2 * ridge * slopes
        return float(weights @ each + ridge * slopes @ slopes), gradient

    count = features.shape[1]
    bounds = [(None, None)] + [(0.0, None)] * count
    start = np.concatenate([[0.0], np.full(count, 1.0 / count)])
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    return [float(value) for value in found.x]


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))


def _resampled(table: Table, seed: int) -> Iterator[tuple[NDArray[np.intp], Table]]:
    """Bootstrap draws of people: indices of files, and their rows; who is drawn twice is two."""
    rng = np.random.default_rng(seed)
    names = sorted(set(table.groups))
    places = {name: [i for i, g in enumerate(table.groups) if g == name] for name in names}
    for _ in range(_DRAWS):
        drawn = [(i, f"{n} {name}") for n, name in enumerate(rng.choice(names, len(names)))
                 for i in places[str(name)]]  # fmt: skip
        chosen = np.array([i for i, _ in drawn])
        rows = replace(table.rows(chosen), groups=tuple(group for _, group in drawn))
        if 0 < rows.synthetic.sum() < len(rows):
            yield chosen, rows
