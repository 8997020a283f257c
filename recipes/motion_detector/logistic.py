"""Logistic regression with weighted examples, in numpy and scipy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]


def fit(x: Floats, fake: ArrayLike, weight: ArrayLike, penalty: float) -> tuple[Floats, float]:
    """Weights (F,) and bias that minimise the weighted mean cross entropy of ``x`` (N, F).

    ``penalty`` times half the squared weights is added; give ``x`` in standard units.
    """
    y, w = np.asarray(fake, np.float64), np.asarray(weight, np.float64)
    w = w / w.sum()

    def loss(at: Floats) -> tuple[float, Floats]:
        logits = x @ at[:-1] + at[-1]
        value = w @ np.logaddexp(0.0, np.where(y > 0, -logits, logits))
        error = w * (1.0 / (1.0 + np.exp(-logits)) - y)
        gradient = np.append(x.T @ error + penalty * at[:-1], error.sum())
        return float(value + 0.5 * penalty * at[:-1] @ at[:-1]), gradient

    found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B")
    return found.x[:-1], float(found.x[-1])


def balanced(fake: ArrayLike, groups: ArrayLike) -> Floats:
    """A weight for each example: classes count alike, and within a class its groups do."""
    keys = np.array([f"{int(f)} {g}" for f, g in zip(fake, groups, strict=True)])  # type: ignore[call-overload]
    names, which, counts = np.unique(keys, return_inverse=True, return_counts=True)
    label = np.array([name.startswith("1") for name in names])
    shares = np.where(label, 1.0 / max(1, label.sum()), 1.0 / max(1, (~label).sum()))
    return np.asarray((shares / counts)[which])
