"""The Kullback-Leibler divergence that limits what a latent may keep."""

from __future__ import annotations

from torch import Tensor


def divergence(mean: Tensor, variance: Tensor, free: float) -> Tensor:
    """Of N(mean, exp(variance)) from N(0, 1), (B, ...): nats a latent value, ``free`` unpunished.

    ``variance`` is the logarithm. Free bits as in Kingma et al. 2016: of each value's mean over
    the batch.
    """
    nats = 0.5 * (mean**2 + variance.exp() - 1.0 - variance)
    return nats.mean(dim=0).clamp_min(free).mean()
