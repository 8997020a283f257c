"""What the generator is told: pictures, adversaries, sync, and the latent's divergence."""

from __future__ import annotations

from torch import Tensor

from avsynth.training.lipsync import attention, edges, flicker, pictures

__all__ = ["attention", "divergence", "edges", "flicker", "pictures"]


def divergence(mean: Tensor, variance: Tensor, free: float) -> Tensor:
    """Kullback-Leibler divergence from N(0, 1), nats a latent value, ``free`` of them unpunished.

    ``variance`` is the logarithm. Free bits as in Kingma et al. 2016.
    """
    nats = 0.5 * (mean**2 + variance.exp() - 1.0 - variance)
    return nats.mean(dim=0).clamp_min(free).mean()
