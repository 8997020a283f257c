"""Perceptual loss: pictures compared by what a network trained on natural images makes of them.

Johnson et al. 2016, with EfficientNet-Lite0 (Tan and Le 2019) in place of VGG; for training alone.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from avsynth.metrics.lite0 import Lite0

_BLOCKS = (1, 3, 5, 10)  # at a quarter to a 16th: layers that end a resolution


class PerceptualLoss:
    """Mean distance of normalised features. WeightsError when the network is not installed."""

    def __init__(self, device: torch.device) -> None:
        self._network = Lite0().to(device)

    def __call__(self, made: Tensor, truth: Tensor) -> Tensor:
        """Of pictures (N, 3, H, W), 0..1; gradients for ``made`` alone."""
        with torch.no_grad():
            wanted = self._features(truth)
        terms = [
            (normalize(x, dim=1) - normalize(y, dim=1)).square().sum(dim=1).mean()
            for x, y in zip(self._features(made), wanted, strict=True)
        ]
        return torch.stack(terms).sum()

    def _features(self, pictures: Tensor) -> list[Tensor]:
        blocks = self._network.run(pictures * 255.0, _BLOCKS[-1])
        return [blocks[number] for number in _BLOCKS]
