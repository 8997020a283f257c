"""One seed for everything that is random in a training run."""

from __future__ import annotations

import numpy as np
import torch


def seed_everything(seed: int) -> np.random.Generator:
    """Seed torch on every device, make it deterministic, and return numpy's generator."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    return np.random.default_rng(seed)
