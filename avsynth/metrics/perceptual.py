"""A perceptual distance: how far apart two pictures lie in a network trained on natural images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize

from avsynth.metrics.lite0 import Lite0

_BLOCKS = (1, 3, 5, 11)  # at an eighth to a 32nd: layers that end a resolution


class Lite0Distance:
    """Distance of EfficientNet-Lite0 features (ImageNet; Tan and Le 2019), after LPIPS.

    As in Zhang et al. 2018 features are normalised over channels, and their squared distances
    averaged over places and added over layers; without learned weights of layers, so numbers are
    not to be compared with LPIPS. WeightsError when the extra ``metrics`` is not installed.
    """

    def __init__(self) -> None:
        self._network = Lite0()

    @torch.inference_mode()
    def __call__(
        self, made: Sequence[NDArray[np.uint8]], real: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float64]:
        """Distances (N,) of N pairs of pictures (h, w, 3)."""
        found = []
        for pair in zip(made, real, strict=True):
            a, b = (self._network.blocks([x], _BLOCKS[-1]) for x in pair)
            layers = [
                ((normalize(a[n], dim=1) - normalize(b[n], dim=1)) ** 2).sum(dim=1).mean()
                for n in _BLOCKS
            ]
            found.append(float(torch.stack(layers).sum()))
        return np.array(found)
