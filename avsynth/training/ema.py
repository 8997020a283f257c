"""Exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Ema:
    """A slow copy of ``network``: ``average`` is the network to validate and to ship.

    The decay warms up as step / (step + 20), so that the first steps are soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float = 0.995) -> None:
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after ``step`` (1, 2, ...)."""
        decay = min(self.decay, step / (step + 20))
        new = network.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(new[name], 1 - decay)
            else:
                value.copy_(new[name])
