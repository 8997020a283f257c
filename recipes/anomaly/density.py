"""What is usual among real pictures: the features of a pool, and the density of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pool import Pool

from avsynth.models.anomaly import AnomalyVae
from avsynth.models.anomaly_scorer import arranged, explained, run, surprise
from avsynth.models.typicality import Context, Density, Floats, Regions, features

_AT_ONCE = 16
_FOLDS = 10
_SHRINKS = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


def survey(
    network: AnomalyVae, pool: Pool, regions: Regions
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Features (N, F) by kind of all films; mean and spread of each cell's surprise."""
    parts, cells = [], []
    for first in range(0, len(pool.pictures), _AT_ONCE):
        found = run(network, pool.pictures[first : first + _AT_ONCE].astype(np.float32))
        parts.append(features(found, regions))
        cell = surprise(found["energy"], found["variance"])
        # A second of speech has no places in time: all steps count alike.
        cells.append(cell if network.config.aligned else cell.mean(axis=-1, keepdims=True))
    surprises = np.concatenate(cells)
    usual = {"mean": surprises.mean(axis=0), "spread": surprises.std(axis=0) + 1e-2}
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}, usual


def fit(
    measured: dict[str, Floats], layout: list[str], pool: Pool, chosen: NDArray[np.intp],
    shrink: float,
) -> tuple[Context | None, Density]:  # fmt: skip
    """What the context explains, and the density of the rest, of the ``chosen`` recordings."""
    weights = equal_people(pool.people)
    context = None
    if "context" in measured:
        own = np.flatnonzero(np.isin(pool.recordings, chosen))
        share = (weights / np.bincount(pool.recordings))[pool.recordings[own]]
        context = Context.fit(arranged(measured, layout)[own], measured["context"][own], share)
    recordings = grouped(explained(measured, layout, context), pool)
    density = Density.fit([recordings[i] for i in chosen], weights[chosen], shrink)
    return context, density


def best_shrink(measured: dict[str, Floats], layout: list[str], pool: Pool) -> float:
    """The one under which people who were left out are likeliest; of real people, no fakes."""
    people = sorted(set(pool.people))
    folds = min(_FOLDS, len(people))
    fold = np.array([people.index(person) % folds for person in pool.people])
    weights = equal_people(pool.people)

    def held_out(shrink: float) -> float:
        total = 0.0
        for number in range(folds):
            context, density = fit(measured, layout, pool, np.flatnonzero(fold != number), shrink)
            recordings = grouped(explained(measured, layout, context), pool)
            for i in np.flatnonzero(fold == number):
                mean = recordings[i].mean(axis=0)
                total += weights[i] * density.log_likelihood(mean, len(recordings[i]))
        return total

    return max(_SHRINKS, key=held_out)


def equal_people(people: Sequence[str]) -> Floats:
    """Weights (N,) of recordings by which all people count alike."""
    names, counts = np.unique(people, return_counts=True)
    share = dict(zip(names, 1 / counts, strict=True))
    return np.array([share[person] for person in people])


def grouped(found: Floats, pool: Pool) -> list[Floats]:
    """Features (N, F) by recording."""
    return [found[pool.recordings == number] for number in range(len(pool.people))]
