"""Whether made samples are distributed as real ones: on features (N, D), a row a sample.

Numbers depend on the network that the features come from, on its input's size and on what is taken
as real: they compare systems within one table, not across papers.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avsynth.errors import InputError

Doubles = NDArray[np.float64]

#: With fewer samples a Fréchet distance says how many there were, more than what they are.
FRECHET_LEAST: Final = 2000


class Estimate(NamedTuple):
    """A value and its standard error."""

    value: float
    error: float


def kid(made: ArrayLike, real: ArrayLike, block: int = 100) -> Estimate:
    """Kernel distance (KID, Bińkowski et al. 2018): 0 when the distributions are equal.

    The unbiased estimate of the squared maximum mean discrepancy under (x . y / D + 1)^3, of
    features (N, D) and (M, D); so it may be below 0. The mean over disjoint blocks of ``block``
    samples of each (Zaremba et al. 2013): these are independent, so that their standard error is
    honest, which that of overlapping subsets is not. In units of the kernel; tables often say
    1,000 times as much. InputError for fewer than two blocks.
    """
    a, b = _pair(made, real)
    count = min(len(a), len(b)) // block
    if block < 2 or count < 2:
        raise InputError(f"{len(a)} and {len(b)} samples are not two blocks of {block}")
    each = [_mmd(*(x[i * block : (i + 1) * block] for x in (a, b))) for i in range(count)]
    return Estimate(float(np.mean(each)), float(np.std(each, ddof=1) / np.sqrt(count)))


def _mmd(a: Doubles, b: Doubles) -> float:
    own_a, own_b, both = (((x @ y.T) / x.shape[1] + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    m, n = len(a), len(b)
    within_a = (own_a.sum() - np.trace(own_a)) / (m * (m - 1))
    within_b = (own_b.sum() - np.trace(own_b)) / (n * (n - 1))
    return float(within_a + within_b - 2 * both.mean())


def frechet(made: ArrayLike, real: ArrayLike) -> float:
    """Fréchet distance of Gaussians (Heusel et al. 2017), features (N, D) and (M, D).

    InputError for fewer than ``FRECHET_LEAST`` samples of either: then the estimate's bias is as
    large as what is measured, and the kernel distance should be used.
    """
    a, b = _pair(made, real)
    fewest = min(len(a), len(b))
    if fewest < FRECHET_LEAST:
        raise InputError(
            f"{fewest} samples are too few for a Fréchet distance: {FRECHET_LEAST} are needed",
            hint="the kernel distance (KID) is unbiased",
        )
    covariance_a, covariance_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # The trace of (A B)^(1/2): the roots of the values of A^(1/2) B A^(1/2), which is symmetric.
    values, axes = np.linalg.eigh(np.atleast_2d(covariance_a))
    root = (axes * np.sqrt(values.clip(min=0))) @ axes.T
    mixed = np.linalg.eigvalsh(root @ np.atleast_2d(covariance_b) @ root)
    away = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    traces = np.trace(np.atleast_2d(covariance_a)) + np.trace(np.atleast_2d(covariance_b))
    return float(away + traces - 2 * np.sqrt(mixed.clip(min=0)).sum())


class Manifold(NamedTuple):
    """How near made samples lie to real ones, and how many real ones have made ones near them.

    Attributes:
        density: made samples in the neighbourhood of a real one, against what real ones would
            have; about 1 when equal, above when made samples keep to the middle.
        coverage: share of real samples with a made one in their neighbourhood: 0 to 1.
    """

    density: float
    coverage: float


def density_coverage(made: ArrayLike, real: ArrayLike, neighbours: int = 5) -> Manifold:
    """Density and coverage (Naeem et al. 2020) of features (N, D) against (M, D).

    The neighbourhood of a real sample reaches to its ``neighbours``-th nearest real one. InputError
    when there are not so many.
    """
    a, b = _pair(made, real)
    if not 0 < neighbours < len(b):
        raise InputError(f"{len(b)} real samples have no {neighbours}-th neighbour")
    radius = np.partition(_distances(b, b), neighbours, axis=1)[:, neighbours]  # 0 is itself
    far = _distances(b, a)
    inside = far <= radius[:, None]
    return Manifold(float(inside.sum(axis=0).mean() / neighbours), float(inside.any(axis=1).mean()))


def _distances(a: Doubles, b: Doubles) -> Doubles:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.sqrt(squares.clip(min=0)))


def _pair(made: ArrayLike, real: ArrayLike) -> tuple[Doubles, Doubles]:
    a, b = np.asarray(made, np.float64), np.asarray(real, np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise InputError(f"features are (samples, values), not {a.shape} and {b.shape}")
    return a, b
